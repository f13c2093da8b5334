"""Zip files that are shipped with the job: this package's runtime, and the user's modules.

Guarantees: the same files have the same archive on one machine, and the user's modules have the same bytes on all of
them, so that a cache (here or on the cluster) recognizes an unchanged archive by its content; an archive is complete as
soon as it has its name.

The runtime also contains the bytecode of its modules, for this Python: Python keeps none for modules in a zip, so each
driver would compile all of them. Another Python ignores the bytecode and compiles the source next to it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import marshal
import os
import zipfile
from collections.abc import Iterable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import airflow_spark_pipeline
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.launch import worker_cache

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
_RUNTIME = "spark-pipeline-runtime"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip supports
# PEP 552: bytecode that names its source by a digest, which nobody checks. The source's time is not known in a zip.
_UNCHECKED = (1).to_bytes(4, "little")

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
    return _cached(_RUNTIME, entries, with_bytecode=True)


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


def _cached(name: str, entries: Iterable[tuple[str, Path]], *, with_bytecode: bool = False) -> Path:
    """Return a zip of these files from this user's cache; build it if it does not exist yet."""
    contents = sorted((arcname, file.read_bytes(), file) for arcname, file in entries)
    # A Python like this one has the packages of _vendor installed.
    compiled = {name for name, _, _ in contents if with_bytecode and not name.startswith("_vendor/")}
    digest = hashlib.sha256()
    for arcname, data, _ in contents:
        digest.update(f"{arcname}\0{len(data)}\0".encode() + data)
        digest.update(importlib.util.MAGIC_NUMBER if arcname in compiled else b"")
    target = worker_cache.directory() / f"{name}-{digest.hexdigest()[:16]}.zip"
    if target.exists():
        os.utime(target)
    else:
        worker_cache.forget_old()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for arcname, data, file in contents:
                _add(archive, arcname, data)
                if arcname in compiled:
                    _add(archive, f"{arcname}c", _bytecode(arcname, data, file))
        # The cluster may run as another user: Spark copies the archive with its permissions.
        worker_cache.write(target.name, buffer.getvalue(), 0o644)
    return target


def _add(archive: zipfile.ZipFile, arcname: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(arcname, _EPOCH)
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)


def _bytecode(arcname: str, source: bytes, file: Path) -> bytes:
    """Return a module as Python imports it without compiling it, from its ``__pycache__`` if possible."""
    module = arcname.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    code = _renamed(SourceFileLoader(module, str(file)).get_code(module), f"{_RUNTIME}.zip/{arcname}")
    return b"".join((importlib.util.MAGIC_NUMBER, _UNCHECKED, importlib.util.source_hash(source), marshal.dumps(code)))


def _renamed(code: Any, file: str) -> Any:
    """Return the code with another name of its file, which tracebacks show: not a path on this worker."""
    if not isinstance(code, CodeType):
        return code
    return code.replace(co_filename=file, co_consts=tuple(_renamed(each, file) for each in code.co_consts))
