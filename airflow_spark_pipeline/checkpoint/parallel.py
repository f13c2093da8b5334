"""Reads many units of work at a time, each in a thread of a small pool.

Guarantees: results come in the order of the items; only so many reads run at a time, and only a few results wait for
whoever asked, so a caller that stops early has not read everything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, StoredObject

T = TypeVar("T")
R = TypeVar("R")


_LISTED_TOGETHER = 256  # units: they are read right after they were listed, and a caller that stops listed few more


def read_listed(
    store: CheckpointStore, read: Callable[[str, list[StoredObject] | None], R], paths: Sequence[str]
) -> Iterator[R]:
    """Yield the result of ``read`` for each directory, in order: many are listed together before, if the store can.

    :param read: called in several threads, with a directory and what was listed there, or ``None`` if it was not. What
        was recorded after this was called may be missing in the listing.
    :param paths: directories relative to the location
    """
    for first in range(0, len(paths), _LISTED_TOGETHER):
        some = paths[first : first + _LISTED_TOGETHER]
        listed = store.list_together(some)
        yield from in_parallel(store, lambda item: read(*item), [(path, listed.get(path)) for path in some])


def in_parallel(
    store: CheckpointStore, read: Callable[[T], R], items: Iterable[T], *, ahead: int | None = None
) -> Iterator[R]:
    """Yield the result of ``read`` for each item, in order.

    :param store: store that ``read`` asks; it says how many requests it answers at a time
    :param read: called in several threads
    :param ahead: how many items are read at most before their results are asked for; default: two for each thread
    """
    left, most = list(items), 2 * store.parallel_reads if ahead is None else min(ahead, 2 * store.parallel_reads)
    if store.parallel_reads <= 1 or len(left) <= 1 or most <= 1:
        yield from map(read, left)
        return
    pool = ThreadPoolExecutor(store.parallel_reads, thread_name_prefix="spark-pipeline-read")
    try:
        begun: deque[Future[R]] = deque()
        for item in left:
            begun.append(pool.submit(read, item))
            if len(begun) >= most:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
