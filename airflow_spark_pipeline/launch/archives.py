"""Zip files that are shipped with the job: this package's runtime, and the user's modules.

Guarantees: the same files always give the same bytes, so that a cache (here or on the cluster) recognizes an unchanged
archive by its content; an archive is complete as soon as it has its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import os
import stat
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import airflow_spark_pipeline
from airflow_spark_pipeline.exceptions import SparkPipelineError

_PACKAGE = Path(airflow_spark_pipeline.__file__).parent
# The parts of this package that the driver needs, and the pure-Python packages shipped for a cluster without them.
_SHIPPED = (
    "__init__.py",
    "exceptions.py",
    "protocol.py",
    "binding",
    "checkpoint",
    "components",
    "pipeline",
    "planning",
    "runtime",
    "secrets",
    "spark_installation.py",
    "lazy_exports.py",
    "time_limit.py",
    "user_errors",
)
_VENDORED = ("fsspec",)
_KEPT_SECONDS = 7 * 24 * 3600.0
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip supports

LAUNCHER = _PACKAGE / "runtime" / "launcher.py"
#: For a driver inside a Spark session that its platform gives it.
SESSION_LAUNCHER = _PACKAGE / "runtime" / "session_launcher.py"


def runtime_archive() -> Path:
    """Return the zip of the runtime: this package's driver code, and its dependencies under ``_vendor/``."""
    entries = [
        (f"{_PACKAGE.name}/{file.relative_to(_PACKAGE).as_posix()}", file)
        for name in _SHIPPED
        for file in _python_files(_PACKAGE / name)
    ]
    for name in _VENDORED:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise SparkPipelineError(f"The package {name} is not installed; reinstall airflow-spark-pipeline.")
        root = Path(spec.origin).parent
        entries += [
            (f"_vendor/{name}/{file.relative_to(root).as_posix()}", file)
            for file in _python_files(root)
            if "tests" not in file.relative_to(root).parts
        ]
    return _cached("spark-pipeline-runtime", entries)


def directory_archive(directory: Path) -> Path:
    """Return the zip of a directory of the user's modules.

    A package (with an ``__init__.py``) is importable by its name; for any other directory, its content is importable.
    """
    base = directory.parent if (directory / "__init__.py").exists() else directory
    entries = [
        (file.relative_to(base).as_posix(), file)
        for file in sorted(directory.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts and not file.name.endswith(".pyc")
    ]
    return _cached(directory.name, entries)


def _python_files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    else:
        yield from sorted(path.rglob("*.py"))


def _cached(name: str, entries: Iterable[tuple[str, Path]]) -> Path:
    """Return a zip of these files from this user's cache; build it if it does not exist yet."""
    contents = sorted((arcname, file.read_bytes()) for arcname, file in entries)
    digest = hashlib.sha256()
    for arcname, data in contents:
        digest.update(f"{arcname}\0{len(data)}\0".encode() + data)
    target = _cache_directory() / f"{name}-{digest.hexdigest()[:16]}.zip"
    if target.exists():
        os.utime(target)
    else:
        _forget_old(target.parent)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for arcname, data in contents:
                entry = zipfile.ZipInfo(arcname, _EPOCH)
                entry.external_attr = 0o644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, data)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent)
        with contextlib.suppress(FileExistsError), open(descriptor, "wb") as file:
            file.write(buffer.getvalue())
        # The cluster may run as another user: Spark copies the archive with its permissions.
        Path(temporary).chmod(0o644)
        os.replace(temporary, target)
    return target


def _forget_old(directory: Path) -> None:
    """Remove archives that no task has used for a week: each edit of a module leaves one behind."""
    for old in directory.iterdir():
        with contextlib.suppress(OSError):  # another task may remove it at the same time
            if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                old.unlink()


def _cache_directory() -> Path:
    """Return a directory that only this user can write to: anyone who can put a zip there runs code in the driver."""
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
