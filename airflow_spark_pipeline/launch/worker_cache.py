"""A directory on this worker for what tasks can use again: archives, parsed descriptions, and which checks have passed.

Guarantees: only this user can write there, since whoever puts an archive there runs code in the driver. Files that no
task has used for a week are removed.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from pathlib import Path

from airflow_spark_pipeline.exceptions import SparkPipelineError

_KEPT_SECONDS = 7 * 24 * 3600.0


def directory() -> Path:
    """Return the directory; it is created if it does not exist.

    :raises SparkPipelineError: it belongs to somebody else, or others can write to it
    """
    directory = Path(tempfile.gettempdir()) / f"airflow-spark-pipeline-{os.getuid()}"
    with contextlib.suppress(FileExistsError):  # an existing directory is checked below
        directory.mkdir(mode=0o700)
    info = directory.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o022:
        raise SparkPipelineError(
            f"{directory} must be a directory that belongs to user {os.getuid()} and that no other "
            "user can write to; remove it, or set TMPDIR."
        )
    return directory


def read(name: str) -> bytes:
    """Return the content of a file, which then counts as used.

    :raises OSError: there is no such file, or it cannot be read
    """
    file = directory() / name
    data = file.read_bytes()
    os.utime(file)
    return data


def write(name: str, data: bytes, mode: int = 0o600) -> None:
    """Write a file; a reader finds all of it or nothing.

    :param mode: who may read it; by default only this user
    :raises OSError: it cannot be written, for example because the disk is full
    """
    descriptor, temporary = tempfile.mkstemp(dir=directory())
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, mode)
        os.replace(temporary, directory() / name)
    except BaseException:
        with contextlib.suppress(OSError):  # a task may be interrupted when the file already has its name
            os.unlink(temporary)
        raise


def keep_newest(prefix: str, most: int) -> None:
    """Remove the files of one kind that were used least recently, if there are too many.

    :param prefix: what their names start with
    :param most: how many may stay
    """
    files = [entry for entry in os.scandir(directory()) if entry.name.startswith(prefix)]
    if len(files) <= most:
        return
    with contextlib.suppress(OSError):  # as below
        for old in sorted(files, key=lambda entry: entry.stat().st_mtime)[: len(files) - most]:
            os.unlink(old)


def forget_old() -> None:
    """Remove files that no task has used for a week: each edit of a module or a description leaves one behind."""
    for old in directory().iterdir():
        with contextlib.suppress(OSError):  # another task may remove it at the same time
            if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                old.unlink()
