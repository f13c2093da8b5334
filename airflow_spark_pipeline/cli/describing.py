"""A pipeline's file as the command line reads it: rendered with what ``--set`` gives, and parsed.

A Jinja name without a value is an error where something would run, and stands for itself where a file is only checked:
what a DAG run will put there is not known, and the rest of the file can be checked all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.hooks.source import PipelineSource, read_source, render
from airflow_spark_pipeline.pipeline.hocon import parse_pipeline
from airflow_spark_pipeline.pipeline.spec import PipelineSpec

if TYPE_CHECKING:
    from jinja2 import Environment

_TYPED = re.compile(r"true|false|null|0|-?[1-9]\d{0,17}")
_SAMPLE = datetime(2000, 1, 31, tzinfo=timezone.utc)
_SAMPLES = {
    "ds": "2000-01-31",
    "ds_nodash": "20000131",
    "ts": _SAMPLE.isoformat(),
    "ts_nodash": "20000131T000000",
    "logical_date": _SAMPLE,
    "data_interval_start": _SAMPLE,
    "data_interval_end": _SAMPLE,
    "run_id": "run_id",
}


def describe(file: str, settings: Iterable[tuple[str, str]] = (), *, sample: bool = False) -> PipelineSpec:
    """Return the description in a file.

    :param settings: values of Jinja names
    :param sample: names without a value stand for themselves
    :raises PipelineDefinitionError: it cannot be read, or is wrong
    """
    source = read_source(_absolute(file), Path.cwd())
    source = replace(source, file=file) if source.file is not None else source  # as the user calls it
    if "{{" in source.text or "{%" in source.text:
        source = _rendered(source, dict(settings), sample=sample)
    return parse_pipeline(source.text, file=source.file, base_dir=source.base_dir)


def _absolute(file: str) -> str:
    return file if "://" in file else str(Path(file).absolute())


def _rendered(source: PipelineSource, settings: dict[str, str], *, sample: bool) -> PipelineSource:
    context: dict[str, Any] = dict(_SAMPLES) if sample else {}
    for name, value in settings.items():
        _put(context, name.split("."), value)
    return render(source, context, _environment(sample=sample))


def _put(context: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        below = context.get(part)
        context[part] = context = below if isinstance(below, dict) else {}
    # As Airflow has it: a param that is true is no text, and `| tojson` tells the difference.
    context[path[-1]] = json.loads(value) if _TYPED.fullmatch(value) else value


def _environment(*, sample: bool) -> Environment:
    from jinja2 import StrictUndefined, Undefined
    from jinja2.sandbox import SandboxedEnvironment

    class Named(Undefined):
        """Stands for itself, whatever is asked of it."""

        def __str__(self) -> str:
            return str(self._undefined_name)

        def __getattr__(self, name: str) -> Named:
            if name.startswith("__"):
                raise AttributeError(name)
            return Named(name=name)

        def __call__(self, *args: Any, **kwargs: Any) -> Named:  # type: ignore[override]
            return self

        def __getitem__(self, key: Any) -> Named:  # type: ignore[override]
            return Named(name=str(key))

    class Missing(StrictUndefined):
        """Says how a value is given."""

        @property
        def _undefined_message(self) -> str:
            return f"{self._undefined_name!r} has no value here; give it with --set {self._undefined_name}=…"

    environment = SandboxedEnvironment(undefined=Named if sample else Missing, keep_trailing_newline=True)
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": str}  # {{ params.x | tojson }}
    return environment
