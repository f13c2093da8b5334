"""The parts of a component: which of them are still to be done, and when one is done.

::

    for day in self.context.parts(self.days):
        load(day)  # recorded when the loop comes back for the next day, or ends

Guarantees: a part is given once in a try, and only if it is not recorded; it is recorded only after its work has
returned, never after an exception, ``break`` or ``return``. A driver that must stop starts no part and records none.
Not guaranteed: that a part runs once. The one that was running when the driver died runs again.
"""

from __future__ import annotations

import datetime as dt
import decimal
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from airflow_spark_pipeline.runtime.component.driver_only import DriverOnly
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.spark.threads import Target, carried

Item = TypeVar("Item")

#: Characters of a key: every later commit holds the keys of a component.
LONGEST_KEY = 200
_SHOWN_EVERY_SECONDS = 10.0
_PLAIN = (str, int, float, decimal.Decimal, dt.date, dt.time, uuid.UUID, os.PathLike)


class Parts(DriverOnly):
    """The parts of one component, in one try.

    :param recorded: keys of the parts that are recorded
    :param record: function that records a part, given its key, how many parts there are in all, and its seconds
    :param guard: function that raises if this driver must stop
    :param thread_target: function that wraps the target of a thread, so that its Spark jobs belong to the component
    """

    def __init__(
        self,
        recorded: Iterable[str] = (),
        record: Callable[[str, int, float], None] = lambda _key, _total, _seconds: None,
        guard: Callable[[], None] = lambda: None,
        thread_target: Callable[[Target], Target] = lambda target: target,
    ) -> None:
        self._recorded = set(recorded)
        self._record = record
        self._guard = guard
        self._thread_target = thread_target
        self._totals: dict[str, int] = {}
        self._lock = threading.Lock()
        self._recording: threading.Thread | None = None

    @property
    def total(self) -> int:
        """How many parts the component has named so far, done or not."""
        return sum(self._totals.values())

    def iterate(self, items: Iterable[Item], key: Callable[[Item], Any] | None, name: str) -> Iterator[Item]:
        """Return an iterator over the parts that are not recorded, in order; it records each."""
        return self._iterated(self._missing(items, key, name))

    def run_each(
        self,
        items: Iterable[Item],
        work: Callable[[Item], object],
        parallelism: int,
        key: Callable[[Item], Any] | None,
        name: str,
    ) -> None:
        """Do the work of the parts that are not recorded, several at a time; record each when its work has returned.

        After an error no other part is started; what is running is finished and recorded, then the error is raised.
        """
        if parallelism < 1:
            raise ValueError(f"each_part: parallelism is {parallelism}; at least one part runs at a time")
        waiting = iter(self._missing(items, key, name))
        failed: BaseException | None = None
        with ThreadPoolExecutor(parallelism, thread_name_prefix="part") as pool:
            running: dict[Future[float], str] = {}
            while True:
                while failed is None and len(running) < parallelism and (part := next(waiting, None)) is not None:
                    self._guard()
                    running[pool.submit(self._bound(work, part[1]))] = part[0]
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    text, error = running.pop(future), future.exception()
                    if error is None:
                        self._done(text, future.result())
                    else:
                        failed = failed or error
        if failed is not None:
            raise failed

    def settle(self) -> None:
        """Wait until the part that is being recorded is recorded, if the loop was interrupted meanwhile."""
        if (recording := self._recording) is not None:
            recording.join()

    def _bound(self, work: Callable[[Item], object], item: Item) -> Callable[[], float]:
        """Return the work of one part, which returns its seconds; called in the component's thread."""

        def timed() -> float:
            start = time.monotonic()
            work(item)
            return time.monotonic() - start

        return carried(timed, self._thread_target)

    def _iterated(self, missing: list[tuple[str, Item]]) -> Iterator[Item]:
        for key, item in missing:
            self._guard()
            start = time.monotonic()
            yield item
            self._done(key, time.monotonic() - start)  # not reached after an exception, a break or a return

    def _missing(self, items: Iterable[Item], key: Callable[[Item], Any] | None, name: str) -> list[tuple[str, Item]]:
        if name in self._totals:
            raise ValueError(
                f"parts: this try has already asked for the parts {name or 'without a name'}; give each of several "
                "calls in a component its own name=, such as parts(days, name=table)"
            )
        keys: dict[str, Item] = {}
        for item in items:
            text = part_key(item if key is None else key(item), name)
            if text in keys:
                raise ValueError(f"parts: two items have the key {text!r}; pass key= to tell them apart")
            keys[text] = item
        self._totals[name] = len(keys)
        return [(text, item) for text, item in keys.items() if text not in self._recorded]

    def _done(self, key: str, seconds: float) -> None:
        """Record a part in a separate thread, which a timeout or Ctrl-C cannot interrupt halfway."""
        found: list[BaseException] = []

        def record() -> None:
            try:
                self._record(key, self.total, seconds)
                self._recorded.add(key)
            except BaseException as error:  # it is raised in the component
                found.append(error)

        with self._lock:
            self._recording = thread = threading.Thread(target=record, name="part-record", daemon=True)
            thread.start()
            thread.join()
            self._recording = None
        if found:
            raise found[0]


def part_key(value: Any, name: str = "") -> str:
    """Return the text by which a part is known in all attempts.

    Example: ``2026-01-31`` for that day; ``[orders] 2026-01-31`` for the day among the parts named ``orders``.

    :param name: name of the parts, if a component has several kinds
    :raises TypeError: the value has no text that is the same in every attempt
    :raises ValueError: the text cannot be recorded, or is too long
    """
    if not isinstance(value, _PLAIN):
        raise TypeError(
            f"parts: {value!r:.60} is of type {type(value).__qualname__}; pass key=, which returns text, a number or a "
            "date for an item"
        )
    if "]" in name:
        raise ValueError(f"parts: the name {name!r} contains a bracket")
    text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    text = f"[{name}] {text}" if name or str(text).startswith("[") else str(text)
    if not text.isprintable() or not _is_unicode(text):
        raise ValueError(f"parts: the key {text!a:.60} contains characters that cannot be printed; pass key=")
    if len(text) > LONGEST_KEY:
        raise ValueError(f"parts: the key {text[:60]!r}… has {len(text)} characters; at most {LONGEST_KEY} are kept")
    return text


def _is_unicode(text: str) -> bool:
    try:
        return bool(text.encode()) or not text
    except UnicodeEncodeError:
        return False


class PartsShown:
    """Shows in the log how many parts are done, at most every few seconds.

    :param done: parts that are recorded already
    """

    def __init__(self, done: int) -> None:
        self._done = done
        self._shown_at = time.monotonic()

    def one_more(self, total: int) -> None:
        """Count a part."""
        self._done += 1
        now = time.monotonic()
        if now - self._shown_at >= _SHOWN_EVERY_SECONDS:
            self._shown_at = now
            say(f"    {self._done} of {total} parts are done")
