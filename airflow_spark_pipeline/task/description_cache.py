"""Descriptions that a task on this worker has parsed before, so that a retry does not parse them again.

Guarantees: what is found is what parsing would return now. Everything that the result depends on is compared: the
rendered text, the files that it includes (rendered as well), the environment variables that it asks for, and the code
that parses. What cannot be read, was damaged or was changed counts as not found. A description may contain secrets, so
it is encrypted, and the key is derived from the texts it was parsed from: only who has them can read it. Not
guaranteed: that anything is found, since another worker, or a new container, has parsed nothing yet.

A description has two files in ``worker_cache``, since its own text says which other inputs to compare::

    key of the text             -> the names of its includes, and of the variables that it asks for
    key of the text and these   -> the description

Example: ``etl.conf`` includes ``tables.conf``. The first file names ``tables.conf``; the key of the second file depends
on its content. If ``tables.conf`` was edited, there is no second file of this key, and the description is parsed.
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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

import airflow_spark_pipeline
from airflow_spark_pipeline.exceptions import Problem, SparkPipelineError
from airflow_spark_pipeline.launch import worker_cache
from airflow_spark_pipeline.pipeline.hocon.includes import included_files, read_text, unify_line_ends
from airflow_spark_pipeline.pipeline.parse_result import Inputs
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.pipeline.unrendered_templates import Render
from airflow_spark_pipeline.task.description import PipelineSource

_PREFIX = "description-"
_MOST = 2_000  # files: a template such as {{ ts }} makes another description of each DAG run
_PARSING = ("binding", "pipeline", "rendering", "secrets")


class _ChangedError(Exception):
    """An include leads to other files than before, or one of them cannot be read."""


#: There is no such file, or it is damaged, or it was changed; it cannot be rendered; the directory cannot be used.
_UNKNOWN = (_ChangedError, SparkPipelineError, InvalidToken, OSError, ValueError, LookupError, TypeError, zlib.error)


@dataclass(frozen=True, slots=True)
class DescriptionCache:
    """What is known of one description.

    :param source: the description
    :param render: function that renders its text and those of included files; the same text always gives the same
    :param environ: variables for ``${?NAME}``, which take precedence over those of this process
    """

    source: PipelineSource
    render: Render
    environ: Mapping[str, str]

    def find(self) -> PipelineSpec | None:
        """Return the parsed description; ``None`` if it is not known, or cannot be rendered."""
        try:
            text = self._own_key()
            known = _load(text)
            included = []
            # A file is rendered only if the files that lead to it are the same: parsing would render it, too.
            for each, digest in zip(self._included(known["includes"]), known["digests"], strict=True):
                if _digest(each) != digest:
                    return None
                included.append(each)
            found = _load(self._whole_key(text, included, known["variables"]))
            warnings = tuple(Problem(**warning) for warning in found["warnings"])
            return replace(PipelineSpec.from_dict(found["description"]), warnings=warnings)
        except _UNKNOWN:
            return None

    def keep(self, spec: PipelineSpec, inputs: Inputs) -> None:
        """Keep the parsed description for the next try.

        :param inputs: what it was read from in addition to the text of its source
        """
        with contextlib.suppress(*_UNKNOWN):  # such as a full disk: the next try parses again
            text = self._own_key()
            includes, variables = list(inputs.includes.items()), sorted(inputs.variables)
            # As they were when they were parsed: somebody may have edited them since.
            included = [self._read(inputs.texts[file], file) for _, files in includes for file in files]
            warnings = [warning.to_dict() for warning in spec.warnings]
            worker_cache.forget_old()
            worker_cache.keep_newest(_PREFIX, _MOST)
            whole = self._whole_key(text, included, variables)
            _store(whole, {"description": spec.to_dict(), "warnings": warnings})
            digests = [_digest(each) for each in included]
            _store(text, {"includes": includes, "digests": digests, "variables": variables})

    def _own_key(self) -> bytes:
        file, base_dir = self.source.file, self.source.base_dir
        return _key(_code(), base_dir and str(base_dir), self._read(self.source.text, file))

    def _whole_key(self, text: bytes, included: list[list[Any]], names: list[str]) -> bytes:
        variables = {**os.environ, **self.environ}
        return _key(text.hex(), included, {name: variables.get(name) for name in names})

    def _included(self, includes: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
        """Yield the files that are included, with their texts, in the order in which they were included."""
        for named, files in includes:
            found, problem = included_files(pathlib.Path(named))
            if problem or [str(file) for file in found] != list(files):
                raise _ChangedError
            for file in found:
                text, problem = read_text(file)
                if problem:
                    raise _ChangedError
                yield self._read(text, str(file))

    def _read(self, text: str, file: str | None) -> list[Any]:
        text = unify_line_ends(text)
        return [file, text, self.render(text, file)]  # also as written: warnings have the lines of the file


def _key(*parts: Any) -> bytes:
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def _digest(texts: list[Any]) -> str:
    return _key("digest", texts).hex()  # not their key: who has the text that includes them can read it


def _name(key: bytes) -> str:
    return _PREFIX + hashlib.sha256(b"name of " + key).hexdigest()[:32]


def _cipher(key: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(key))


def _load(key: bytes) -> Any:
    data = worker_cache.read(_name(key))
    return json.loads(zlib.decompress(_cipher(key).decrypt(data)))


def _store(key: bytes, value: Any) -> None:
    worker_cache.write(_name(key), _cipher(key).encrypt(zlib.compress(json.dumps(value).encode(), 1)))


@functools.cache
def _code() -> list[Any]:
    """Return what tells one version of the code that parses from another; it may be edited in place."""
    package = pathlib.Path(airflow_spark_pipeline.__file__).parent
    files = [file for name in _PARSING for file in sorted((package / name).rglob("*.py"))]
    stats = [(str(file.relative_to(package)), file.stat()) for file in files]
    return [
        [airflow_spark_pipeline.__version__, importlib.metadata.version("pyhocon"), sys.version],
        [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats],
    ]
