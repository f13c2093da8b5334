"""Templates outside Airflow: values that the user gives, values that follow from them, and Airflow's filters.

One of ``ds``, ``ts`` and ``logical_date`` is enough: the others follow from it, and so do ``ds_nodash``, ``ts_nodash``
and ``ts_nodash_with_tz``, unless they are given. A date means midnight UTC. ``data_interval_start`` and
``data_interval_end`` depend on a schedule, so they must be given.
"""

from __future__ import annotations

import datetime as dt
import os
import pathlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.hocon.includes import read_text
from airflow_spark_pipeline.pipeline.parse_result import Reading
from airflow_spark_pipeline.rendering.renderer import Advise, Renderer, nearest_name

if TYPE_CHECKING:
    from jinja2 import Environment

_UTC = dt.timezone.utc


def renderer_of(values: Mapping[str, Any] | None, *, advise: Advise, stand_in: bool = False) -> Renderer:
    """Return a renderer with these values.

    :param values: values by name: ``{"ds": "2026-01-31", "params": {"region": "eu"}}``; a name may contain dots
    :param advise: function that returns the message for a name without a value
    :param stand_in: whether a name without a value renders as its own name
    """
    names = with_dates(nested(values or {}))
    return Renderer(names, outside_environment, advise=advise, stand_in=stand_in)


def read_config(config: str | os.PathLike[str], values: Mapping[str, Any] | None) -> Reading:
    """Read a config of ``PipelineRunner``, as far as that is possible.

    :param config: path, or HOCON text
    :param values: values by name, see `renderer_of`
    :raises PipelineDefinitionError: the config cannot be read at all
    """
    renderer = renderer_of(values, advise=_how_to_give)
    if isinstance(config, str) and ("\n" in config or "{" in config):
        return renderer.read(config, None, None)
    file = pathlib.Path(config)
    text, problem = read_text(file)
    if problem:
        raise PipelineDefinitionError([Problem(problem, file=str(config))])
    return renderer.read(text, str(config), file.parent)


def _how_to_give(path: str, names: Mapping[str, Any]) -> str:
    first, *below = path.split(".")
    value = f'{{"{first}": {{"{".".join(below)}": …}}}}' if below else f'{{"{first}": …}}'
    near = nearest_name(path, names)
    return f"{path!r} has no value here; give it with values={value}{', or ' + near if near else ''}"


def outside_environment() -> Environment:
    """Return a Jinja environment with Airflow's filters."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(undefined=StrictUndefined, extensions=["jinja2.ext.do"])
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": str}  # {{ params.x | tojson }}
    environment.filters.update({name: _filter(name) for name in _FORMATS})
    return environment


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with dotted names as mappings: ``params.region`` is ``region`` of ``params``.

    {"params.region": "eu", "params": {"day": 1}}  ->  {"params": {"region": "eu", "day": 1}}
    """
    names: dict[str, Any] = {}
    for name, value in sorted(values.items(), key=lambda item: item[0].count(".")):
        *above, last = name.split(".")
        place = names
        for part in above:
            below = place.get(part)
            place[part] = place = dict(below) if isinstance(below, Mapping) else {}
        place[last] = value
    return names


def with_dates(names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values, with the dates that follow from one of them."""
    moment = next((found for name in ("logical_date", "ts", "ds") if (found := _moment(names.get(name)))), None)
    if moment is None:
        return dict(names)
    follow: dict[str, Any] = {name: write(moment) for name, write in _FORMATS.items()}
    return {**follow, "logical_date": moment, **names, **_typed(names)}


def _typed(names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with a ``logical_date`` that was given as text converted to a date."""
    moment = _moment(names.get("logical_date"))
    return {} if moment is None else {"logical_date": moment}


def _moment(value: Any) -> dt.datetime | None:
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", value.strip()))
        except ValueError:
            return None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day, tzinfo=_UTC)
    if not isinstance(value, dt.datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=_UTC)


_FORMATS: dict[str, Any] = {
    "ds": lambda moment: moment.strftime("%Y-%m-%d"),
    "ds_nodash": lambda moment: moment.strftime("%Y%m%d"),
    "ts": lambda moment: moment.isoformat(),
    "ts_nodash": lambda moment: moment.strftime("%Y%m%dT%H%M%S"),
    "ts_nodash_with_tz": lambda moment: moment.isoformat().replace("-", "").replace(":", ""),
}


def _filter(name: str) -> Any:
    return lambda value: None if value is None else _FORMATS[name](value)
