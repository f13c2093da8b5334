"""Lists many directories of one parent with few requests, in a store that lists its objects in order.

An object store answers up to 1,000 names at a time, in the order of their bytes, from any name on. So one request can
hold the listings of many directories that follow each other.

Guarantees: the listing of each directory comes from one answer, so it is what one request for this directory would have
given at that moment. A directory that an answer holds only in part is not taken from it. The number of requests does
not grow with what is stored between the directories: after two answers that hold few of them, the rest is left out.

Example: wanted are ``p/a``, ``p/b`` and ``p/d``. The answer from ``p/a/`` on is ``p/a/0``, ``p/a/1``, ``p/b/0``,
``p/c/0`` and ``p/d/0``, and there is more. ``p/a`` and ``p/b`` are complete. There may be more of ``p/d``, so the next
answer starts at ``p/d/``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from airflow_spark_pipeline.checkpoint.stores.base import StoredObject
from airflow_spark_pipeline.exceptions import CheckpointError

#: Fewer directories are listed sooner one by one, several at a time.
FEWEST = 32
_WORTH = 16  # directories that an answer has to hold: as many are listed one by one at a time
_WASTED = 2  # answers of too few directories, after which the rest is left to be listed one by one


class Answer(NamedTuple):
    """One answer to a request for names in order.

    :param objects: objects with their names relative to the location, in the order of the answer
    :param is_last: whether there is nothing after them below the parent
    """

    objects: Sequence[StoredObject]
    is_last: bool


def answer_of_s3(found: Mapping[str, Any], prefix: str) -> Answer:
    """Return what S3 answered to ``ListObjectsV2``.

    :param prefix: prefix of the location, which its names do not have
    """
    objects = found.get("Contents", ())
    named = [StoredObject(each["Key"].removeprefix(prefix), each["LastModified"].timestamp()) for each in objects]
    return Answer(named, not found.get("IsTruncated", False))


def listed_together(directories: Sequence[str], ask: Callable[[str, str], Answer]) -> dict[str, list[StoredObject]]:
    """Return the objects directly below some directories; those that would not be worth it are left out.

    :param directories: directories relative to the location
    :param ask: returns what is below a parent (the first argument) and after a name (the second)
    """
    found: dict[str, list[StoredObject]] = {}
    parents: dict[str, list[str]] = {}
    for directory in directories:
        parents.setdefault(posixpath.dirname(directory), []).append(directory)
    for parent, below in parents.items():
        if len(below) >= FEWEST:
            found.update(_below(parent, sorted(below, key=lambda each: f"{each}/"), ask))
    return found


def _below(parent: str, wanted: list[str], ask: Callable[[str, str], Answer]) -> dict[str, list[StoredObject]]:
    found: dict[str, list[StoredObject]] = {}
    place = wasted = 0
    while place < len(wanted) and wasted < _WASTED:
        try:
            answer = ask(f"{parent}/", f"{wanted[place]}/")
        except CheckpointError:
            break  # whoever lists them one by one gets this error for each of them
        if not _is_in_order(answer, after=f"{wanted[place]}/"):
            break  # a store that does not list in order, or not from a name on
        complete = [each for each in wanted[place:] if answer.is_last or _is_before_the_end(each, answer)]
        found.update(_grouped(complete, answer.objects))
        place += len(complete)
        wasted += len(complete) < _WORTH
    return found


def _is_before_the_end(directory: str, answer: Answer) -> bool:
    last = answer.objects[-1].name if answer.objects else ""
    return f"{directory}/" < last and not last.startswith(f"{directory}/")


def _is_in_order(answer: Answer, *, after: str) -> bool:
    names = [after, *(found.name for found in answer.objects)]
    return all(earlier < later for earlier, later in pairwise(names))


def _grouped(directories: list[str], objects: Sequence[StoredObject]) -> dict[str, list[StoredObject]]:
    found: dict[str, list[StoredObject]] = {directory: [] for directory in directories}
    for each in objects:
        directory, name = posixpath.split(each.name)
        if directory in found and name:
            found[directory].append(StoredObject(name, each.modified))
    return found
