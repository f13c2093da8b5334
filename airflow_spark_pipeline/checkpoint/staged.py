"""What is staged for jobs of a platform: names below a location, and their removal.

A job finds its launcher, its modules and its request here. Files are named by their content, so that each is uploaded
once; a request is named by its attempt, so that a second call for the same attempt finds it again. The driver removes
its request when it ends, Airflow when the try ends and before the next claim, and ``spark-pipeline prune`` the rest.

Example: ``_staged/code/0123456789abcdef/my_etl.zip``, ``_staged/requests/daily-…~dag.run.task-…/2-1a2b3c4d5e6f.json``.
"""

from __future__ import annotations

from collections.abc import Callable

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore

STAGED = "_staged"
_CODE = f"{STAGED}/code"
_REQUESTS = f"{STAGED}/requests"

#: A file is uploaded again when it is older than this, and pruned only when it is twice as old: a job that is queued
#: for a week still finds what it needs.
FRESH_SECONDS = 7 * 24 * 3600.0


def code_directory(digest: str) -> str:
    """Return the directory of the file with this content."""
    return f"{_CODE}/{digest}"


def requests_directory(unit: str) -> str:
    """Return the directory of the requests of one unit of work."""
    return f"{_REQUESTS}/{unit.replace('/', '~')}"


def request_path(unit: str, attempt_id: str) -> str:
    """Return the name of the request of an attempt."""
    return f"{requests_directory(unit)}/{attempt_id}.json"


def split_url(url: str) -> tuple[str, str]:
    """Return the staging location of a staged file, and the file's name there.

    :param url: such as ``s3://lake/checkpoints/_staged/requests/…/2-1a2b3c4d5e6f.json``
    :raises ValueError: it is not the URL of a staged file
    """
    location, separator, rest = url.rpartition(f"/{STAGED}/")
    if not separator or not location or not rest:
        raise ValueError(f"{url!r} is not the URL of a staged file")
    return location, f"{STAGED}/{rest}"


def prune_staged(
    store: CheckpointStore,
    now: Callable[[], float],
    older_than: float,
    is_alive: Callable[[str], bool],
    *,
    dry_run: bool = False,
) -> list[str]:
    """Delete staged files that no job needs any more, and return their names.

    :param now: returns the current time by the store's clock; asked only if anything is staged
    :param older_than: minimum age of a request in seconds; files of code are kept for two weeks at least
    :param is_alive: whether the driver of a unit of work is alive; its platform may restart it with the same request
    """
    limits = {_REQUESTS: older_than, _CODE: max(older_than, 2 * FRESH_SECONDS)}
    old = []
    for root, limit in limits.items():
        for name in store.list_directories(root):
            # Listed and deleted one by one: a file that is uploaded again meanwhile is not old any more.
            found = [each for each in store.list_objects(f"{root}/{name}") if now() - each.modified > limit]
            if not found or (root == _REQUESTS and is_alive(name.replace("~", "/", 1))):
                continue
            for each in found:
                if not dry_run:
                    store.delete(f"{root}/{name}/{each.name}")
                old.append(f"{root}/{name}/{each.name}")
    return old
