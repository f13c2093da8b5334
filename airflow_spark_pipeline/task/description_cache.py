"""Descriptions that a task on this worker has parsed before, so that a retry does not parse them again.

Guarantees: what is found is what parsing would return now. Everything that the result depends on is compared: the
rendered text, the files that it includes (rendered as well), the environment variables that it asks for, and the code
that parses. What cannot be read, was damaged or was changed counts as not found. A description may contain secrets, so
it is encrypted, and can be read only with the rendered texts that it was parsed from. Not guaranteed: that anything is
found, since another worker, or a new container, has parsed nothing yet.

A description is found step by step. Each step is a file in ``worker_cache``; its name and its key depend on everything
that was compared so far, and it says what to compare next::

    text of etl.conf           -> it includes tables.conf
    … and of tables.conf       -> it asks for the variable REGION
    … and the value of REGION  -> the description

Example: ``tables.conf`` was edited. No file has the name that follows from its new text, so the description is parsed.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import pathlib
import sys
import zlib
from collections.abc import Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

import airflow_spark_pipeline
from airflow_spark_pipeline.exceptions import Problem, SparkPipelineError
from airflow_spark_pipeline.launch import worker_cache
from airflow_spark_pipeline.pipeline.hocon.includes import included_files, read_text, unify_line_ends
from airflow_spark_pipeline.pipeline.parse_result import Reading
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.pipeline.unrendered_templates import Render

_PREFIX = "description-"
_MOST = 3_000  # files: a template such as {{ ts }} makes another description of each DAG run
_INCLUDE, _VARIABLES, _RESULT = "include", "variables", "result"
# What parses, and what it depends on.
_CODE = ("binding", "pipeline", "rendering", "secrets", "user_errors", "exceptions.py", "task/description_cache.py")


class _ChangedError(Exception):
    """An include leads to other files than before, or one of them cannot be read."""


#: There is no such file, or it is damaged; something was changed, or cannot be rendered; the directory cannot be used.
_UNKNOWN = (
    _ChangedError, SparkPipelineError, InvalidToken, zlib.error,
    ImportError, LookupError, OSError, TypeError, ValueError,
)  # fmt: skip


def read_pipeline(
    text: str,
    *,
    file: str | None,
    base_dir: pathlib.Path | None,
    render: Render,
    environ: Mapping[str, str] | None,
) -> Reading:
    """Return what ``parser.read_pipeline`` returns. If it is known already, it has no places.

    :param render: as there; the same text must always give the same
    """
    known = _Known(file, render)
    with contextlib.suppress(*_UNKNOWN):
        key = known.start(text, base_dir)
        return known.find(key, {**os.environ, **(environ or {})})  # a template may have set a variable
    from airflow_spark_pipeline.pipeline import parser  # pyhocon, for what is not known

    reading = parser.read_pipeline(text, file=file, base_dir=base_dir, render=render, environ=environ)
    if reading.spec is not None and not reading.problems:
        with contextlib.suppress(*_UNKNOWN):  # such as a full disk: the next try parses again
            known.keep(known.start(text, base_dir), reading)
    return reading


class _Known:
    """What is known of one description.

    :param file: name of the file
    :param render: function that renders its text and those of included files
    """

    def __init__(self, file: str | None, render: Render) -> None:
        self._file = file
        self._render = render

    def start(self, text: str, base_dir: pathlib.Path | None) -> bytes:
        """Return the key of the first step."""
        place = base_dir and [str(base_dir), os.path.realpath(base_dir)]
        return _key(_code(), place, self._read(text, self._file))

    def find(self, key: bytes, environ: Mapping[str, str]) -> Reading:
        """Return the description that a step leads to.

        :param environ: environment variables
        :raises Exception: one of ``_UNKNOWN``
        """
        while True:
            (kind, value), *_ = _load(key).items()
            if kind == _RESULT:
                warnings = tuple(Problem(**warning) for warning in value["warnings"])
                return Reading(PipelineSpec.from_dict(value["description"]), (), warnings)
            key = self._after_include(key, value) if kind == _INCLUDE else _after_variables(key, value, environ)

    def keep(self, key: bytes, reading: Reading) -> None:
        """Keep a description for the next try.

        :raises Exception: one of ``_UNKNOWN``
        """
        worker_cache.forget_old()
        worker_cache.keep_newest(_PREFIX, _MOST)
        assert reading.spec is not None  # noqa: S101  # it has no problems
        warnings = [warning.to_dict() for warning in reading.warnings]
        steps: list[tuple[bytes, dict[str, Any]]] = []
        for named, files in reading.inputs.includes.items():
            steps.append((key, {_INCLUDE: [named, *files]}))
            # As they were when they were parsed: somebody may have edited them since.
            key = _key(key.hex(), [self._read(reading.inputs.texts[file], file) for file in files])
        names = sorted(reading.inputs.variables)
        steps.append((key, {_VARIABLES: names}))
        key = _after_variables(key, names, reading.inputs.values)
        steps.append((key, {_RESULT: {"description": reading.spec.to_dict(), "warnings": warnings}}))
        for step, value in reversed(steps):  # a step that is found leads to what is there
            _store(step, value)

    def _after_include(self, key: bytes, value: list[str]) -> bytes:
        named, *files = value
        found, problem = included_files(pathlib.Path(named))
        if problem or [str(file) for file in found] != files:
            raise _ChangedError
        texts = []
        for file in found:
            text, problem = read_text(file)
            if problem:
                raise _ChangedError
            texts.append(self._read(text, str(file)))
        return _key(key.hex(), texts)

    def _read(self, text: str, file: str | None) -> list[str | None]:
        text = unify_line_ends(text)
        # The real path, since files that include each other in a circle are recognized by it.
        return [file, file and os.path.realpath(file), text, self._render(text, file)]


def _after_variables(key: bytes, names: list[str], values: Mapping[str, str]) -> bytes:
    return _key(key.hex(), {name: values[name] for name in names if name in values})


def _key(*parts: Any) -> bytes:
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def _name(key: bytes) -> str:
    return _PREFIX + hashlib.sha256(b"name of " + key).hexdigest()[:32]


def _cipher(key: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(key))


def _load(key: bytes) -> dict[str, Any]:
    data = worker_cache.read(_name(key))
    step: dict[str, Any] = json.loads(zlib.decompress(_cipher(key).decrypt(data)))
    return step


def _store(key: bytes, step: Mapping[str, Any]) -> None:
    worker_cache.write(_name(key), _cipher(key).encrypt(zlib.compress(json.dumps(step).encode(), 1)))


@functools.cache
def _code() -> list[Any]:
    """Return what tells one version of the code that parses from another; it may be edited in place."""
    package = pathlib.Path(airflow_spark_pipeline.__file__).parent
    files = [file for name in _CODE for file in sorted((package / name).rglob("*.py")) or [package / name]]
    stats = [(str(file.relative_to(package)), file.stat()) for file in files]
    parsers = [importlib.metadata.version(name) for name in ("pyhocon", "pyparsing")]
    return [
        [airflow_spark_pipeline.__version__, *parsers, sys.version],
        [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats],
    ]
