"""Templates outside Airflow: values that the user gives, values that follow from them, and Airflow's filters.

One of ``ds``, ``ts`` and ``logical_date`` is enough: the others follow from it, and so do ``ds_nodash``, ``ts_nodash``
and ``ts_nodash_with_tz``, unless they are given. ``data_interval_start`` and ``data_interval_end`` depend on a
schedule, so they must be given. As under Airflow, all dates are in UTC; a day means midnight.
"""

from __future__ import annotations

import contextlib
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
    :raises PipelineDefinitionError: a value is dropped by another one, or is not a date
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

    :raises PipelineDefinitionError: a name is not text, or is below one whose value is not a mapping
    """
    for wrong in (name for name in values if not isinstance(name, str)):
        raise _problem(f"the name {wrong!r} in the values is not text; write one as in a template: 'params.region'")
    names: dict[str, Any] = {}
    for name, value in sorted(values.items(), key=lambda item: item[0].count(".")):
        *above, last = name.split(".")
        place = names
        for level, part in enumerate(above, 1):
            below = place.get(part)
            if not (below is None or isinstance(below, Mapping)):
                taken = ".".join(above[:level])
                raise _problem(
                    f"{name!r} and {taken!r} are both given, but {taken!r} is not a mapping; remove one of them"
                )
            place[part] = place = dict(below or {})
        place[last] = value
    return names


def with_dates(names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values, with the dates that follow from one of them.

    :raises PipelineDefinitionError: one of the dates is not a date, or two of them contradict each other
    """
    dates = {name: found for name in _DATES if (found := _moment(name, names.get(name)))}
    written = {name: _written(name, names[name]) for name in _FORMATS if name in names}
    stated = [name for name in ("logical_date", "ts", "ds") if name in dates]
    if not stated:
        return {**names, **written, **dates}
    moment = dates[stated[0]]
    for name in stated:
        if dates[name].date() != moment.date() if name == "ds" else dates[name] != moment:
            both = f"{stated[0]!r} ({moment.isoformat()}) and {name!r} ({dates[name].isoformat()})"
            raise _problem(f"{both} contradict each other; give one of them, and the other follows from it")
    follow = {name: write(moment) for name, write in _FORMATS.items() if name in stated or name not in names}
    return {**names, **written, **dates, **follow, "logical_date": moment}


def _moment(name: str, value: Any) -> dt.datetime | None:
    given = value
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = dt.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", value.strip()))
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day, tzinfo=_UTC)
    if isinstance(value, dt.datetime):
        with contextlib.suppress(OverflowError):
            return (value if value.tzinfo else value.replace(tzinfo=_UTC)).astimezone(_UTC)
    if value is None or not isinstance(value, (str, int, float, dt.datetime)):
        return None
    raise _problem(f"{name!r} is {given!r}, which is not a date; write 2026-01-31 or 2026-01-31T06:00:00+00:00")


def _written(name: str, value: Any) -> Any:
    """Return a value as the text that Airflow has under this name: YAML reads ``2026-01-31`` as a date."""
    if isinstance(value, dt.date):
        return _FORMATS[name](_moment(name, value))
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _problem(message: str) -> PipelineDefinitionError:
    return PipelineDefinitionError([Problem(message)])


_DATES = ("logical_date", "ts", "ds", "data_interval_start", "data_interval_end")
_FORMATS: dict[str, Any] = {
    "ds": lambda moment: moment.strftime("%Y-%m-%d"),
    "ds_nodash": lambda moment: moment.strftime("%Y%m%d"),
    "ts": lambda moment: moment.isoformat(),
    "ts_nodash": lambda moment: moment.strftime("%Y%m%dT%H%M%S"),
    "ts_nodash_with_tz": lambda moment: moment.isoformat().replace("-", "").replace(":", ""),
}


def _filter(name: str) -> Any:
    return lambda value: None if value is None else _FORMATS[name](value)
