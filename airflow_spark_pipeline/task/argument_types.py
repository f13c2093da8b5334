"""The types of the templated arguments of operators and sensors: text, names, mappings of text, numbers, times.

What is known while a DAG file is parsed is checked there. What a template or an XCom gives is converted when the task
runs: a value with only one meaning is converted (2026 is the name "2026"); anything else is one clear error. Importing
this module imports only the standard library, since every DAG file does.
"""

from __future__ import annotations

import ast
import contextlib
import datetime as dt
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

_TEMPLATE = ("{{", "{%", "{#")
_LONGEST_VALUE = 80
_LOWEST_MAP_INDEX = -1  # of a task that is not mapped

#: What to do instead of giving nothing, for arguments where nothing would mean anything.
INSTEAD = {
    "pipeline": "give a path, a URL, or the text itself",
    "checkpoint_location": "leave it out to use the location of the file or of Airflow's configuration",
    "staging_location": "leave it out to use _staged at the checkpoint location",
    "pipeline_name": "leave it out to match every pipeline of external_dag_id",
    "external_dag_id": "leave it out to match every DAG",
    "external_task_id": "leave it out to match every task",
    "external_run_id": "leave it out to match every DAG run",
    "external_map_index": "leave it out to match every map index",
    "component": "leave it out to wait for the run as a whole",
    "since": "leave it out to match runs of any time",
}


class MisfitError(Exception):
    """The value cannot be an argument of this kind."""


def is_known(value: Any) -> bool:
    """Whether a value is what the task will have: no template, no XCom, and no other object is in it.

    A ``None`` in a mapping may be a variable that only the worker has: ``{"HOME": os.environ.get("HOME")}``.
    """
    if value is None:  # most are, of each of the hundreds of tasks that a DAG file may hold
        return True
    if isinstance(value, str):
        return not any(mark in value for mark in _TEMPLATE)
    if isinstance(value, Mapping):
        return all(map(is_known, value)) and all(each is not None and is_known(each) for each in value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(is_known, value))
    plain = (bool, int, float, bytes, bytearray, dt.date, dt.time, dt.timedelta, os.PathLike)
    return isinstance(value, plain)


def check_templated(task: Any) -> None:
    """Check the templated arguments that are known, and note which of them must not turn out to be empty.

    :raises ValueError: one of them cannot be an argument of its kind
    """
    given = (name for name in INSTEAD if getattr(task, name, None) is not None)
    task.needs_arguments = (*task.needs_arguments, *given)
    for name, error in misfits(task, when=is_known):
        raise ValueError(f"{name} {error}")


def misfits(
    task: Any, *, when: Callable[[Any], bool] = lambda _: True, keep: bool = False
) -> Iterator[tuple[str, MisfitError]]:
    """Yield the templated arguments that cannot be arguments of their kind, each with what is wrong.

    :param when: which values to look at
    :param keep: whether the task keeps the converted values
    """
    for name, convert in task.argument_types.items():
        if name not in task.template_fields or not when(given := getattr(task, name, None)):
            continue
        try:
            if name in task.needs_arguments:
                _refuse_nothing(name, given)
            value = convert(given)
        except MisfitError as error:
            yield name, error
        else:
            if keep:
                setattr(task, name, value)


def _refuse_nothing(name: str, value: Any) -> None:
    if value is None:
        raise MisfitError(f"is None: {INSTEAD[name]}")
    if isinstance(value, str) and not value.strip():
        raise MisfitError(f"is empty: {INSTEAD[name]}")
    if value == "None" and name not in OF_OPERATORS:  # places, which do not exist then
        raise MisfitError(f"is 'None', so its template has no value: {INSTEAD[name]}")


def text(value: Any) -> str | None:
    """Return text from an argument."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    raise MisfitError(f"is {kind_of(value)}; it must be text")


def texts(value: Any) -> Any:
    """Return text or a list of texts from an argument; a template may have rendered the list as text."""
    if isinstance(value, str):
        value = _parsed(value, "[", list)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray)):
        return [_item(item) for item in (sorted(value, key=str) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, Mapping):
        raise MisfitError("is a mapping; it must be text, or a list of texts")
    return text(value)


def mapping(value: Any) -> Any:
    """Return a mapping of names to text from an argument; a template may have rendered it as text."""
    if isinstance(value, str) and value.strip():
        value = _parsed(value, "{", dict)
    if value is None or value == "":
        return None
    if not isinstance(value, Mapping):
        raise MisfitError(f"is {kind_of(value)}; it must be a mapping of names to text")
    return {_name(name): _setting(str(name), child) for name, child in value.items()}


def map_index(value: Any) -> int | None:
    """Return a map index from an argument."""
    with contextlib.suppress(ValueError):
        number = int(value) if isinstance(value, str) else value
        if number is None or (isinstance(number, int) and not isinstance(number, bool) and number >= _LOWEST_MAP_INDEX):
            return number
    raise MisfitError(f"is {shown(value)}; it must be the number of a map index, or -1 for a task that is not mapped")


def moment(value: Any) -> dt.datetime | None:
    """Return a time from an argument; without a time zone it is UTC, as everywhere in Airflow."""
    found = value
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            found = dt.datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        found = dt.datetime(value.year, value.month, value.day, tzinfo=dt.timezone.utc)
    if isinstance(found, dt.datetime):
        return found if found.tzinfo else found.replace(tzinfo=dt.timezone.utc)
    if value is None:
        return None
    raise MisfitError(f"is {shown(value)}; it must be a datetime, a date, or text such as 2026-01-31T04:00:00+00:00")


#: How the templated arguments of operators are converted. Those of a subclass, and of a provider, stay as they are.
OF_OPERATORS: Mapping[str, Callable[[Any], Any]] = {
    "pipeline": text,
    "checkpoint_location": text,
    "staging_location": text,
    "resume_run_id": text,
    "start_from": text,
    "stop_after": text,
    "only": texts,
    "force": texts,
    "py_files": texts,
    "conf": mapping,
    "env_vars": mapping,
    "name": text,
    "spark_submit_parameters": text,
}
#: The same for the sensor.
OF_SENSORS: Mapping[str, Callable[[Any], Any]] = {
    "pipeline": text,
    "checkpoint_location": text,
    "pipeline_name": text,
    "external_dag_id": text,
    "external_task_id": text,
    "external_run_id": text,
    "external_map_index": map_index,
    "component": text,
    "since": moment,
}


def _item(value: Any) -> str:
    item = text(value)
    if item is None:
        raise MisfitError("has None in its list; leave it out, or give text")
    return item


def _name(value: Any) -> str:
    name = text(value)
    if name is None:
        raise MisfitError("has None as a name; a name must be text")
    return name


def _setting(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()  # as in Spark's settings, and most programs
    try:
        setting = text(value)
    except MisfitError:
        raise MisfitError(f"has {kind_of(value)} for {name}; it must be text") from None
    if setting is None:
        raise MisfitError(f"has no value for {name}: it is None; leave the name out, or give text")
    return setting


def _parsed(given: str, opens: str, kind: type) -> Any:
    """Return the list or mapping that a template rendered as text, otherwise the text."""
    if given.lstrip().startswith(opens):
        for read in (ast.literal_eval, json.loads):  # what Jinja writes, and what its filter `tojson` writes
            with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
                if isinstance(found := read(given.strip()), kind):
                    return found
    return given


# ---- words for messages


def kind_of(value: Any) -> str:
    """Return what a value is, without the value itself: it may be a secret."""
    if value is None:
        return "None"
    kinds = {bool: "a boolean", str: "text", int: "a number", float: "a number"}
    for kind, name in {**kinds, list: "a list", tuple: "a list", dict: "a mapping"}.items():
        if isinstance(value, kind):
            return name
    unresolved = ", which nothing has resolved" if hasattr(value, "resolve") else ""
    return f"a {type(value).__name__}{unresolved}"


def shown(value: Any) -> str:
    """Return a value for a message, if it is short."""
    text = repr(value) if value is None or isinstance(value, (bool, int, float, str, dt.timedelta)) else ""
    return text if 0 < len(text) <= _LONGEST_VALUE else kind_of(value)
