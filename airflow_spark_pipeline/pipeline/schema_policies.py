"""Read ``retry-policy``, ``hooks`` and durations; every wrong value is noted with its place."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.binding.durations import EXPECTED, parse_duration
from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.pipeline.hocon.scalars import Address, Word
from airflow_spark_pipeline.pipeline.policies import HookSpec, RetryPolicy

if TYPE_CHECKING:
    from airflow_spark_pipeline.pipeline.checker import Checker

_MILLISECOND = dt.timedelta(milliseconds=1)
_CLASS_NAME = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*")


def read_retry_policy(checker: Checker, node: dict[str, Any], parent: Address) -> RetryPolicy | None:
    """Return the block, ``None`` where there is none: nothing is retried then."""
    block, here = checker.block(node, "retry-policy", parent, "retry-policy"), (*parent, "retry-policy")
    if block is None:
        return None
    values = {
        "max_retries": checker.whole_number(block, "max-retries", here),
        "initial_delay_ms": checker.whole_number(block, "initial-delay-ms", here),
        "max_delay_ms": checker.whole_number(block, "max-delay-ms", here),
        "backoff_multiplier": checker.number(block, "backoff-multiplier", here, least=1.0),
        "jitter_factor": checker.number(block, "jitter-factor", here, most=1.0),
    }
    names = checker.texts(block, "retryable-exceptions", here)
    for index, name in enumerate(names):
        if not _CLASS_NAME.fullmatch(name):
            checker.note((*here, "retryable-exceptions", index), f"`{name}` is no class name")
    given = {name: value for name, value in values.items() if value is not None}
    return RetryPolicy(**given, retryable_exceptions=names)  # type: ignore[arg-type]  # of the fields' own types


def read_hooks(checker: Checker, node: dict[str, Any], parent: Address) -> tuple[HookSpec, ...]:
    """Return the entries of ``hooks``."""
    value, here = checker.get(node, "hooks", parent), (*parent, "hooks")
    if value is None:
        return ()
    if not isinstance(value, list):
        checker.note(here, "expected a list of hooks; write [ { instance-type = … } ]")
        return ()
    hooks = []
    for index, item in enumerate(value):
        place = (*here, index)
        entry = checker.known(item, place, "hook")
        if entry is None:
            continue
        kind = checker.python_name(entry, "instance-type", place)
        config = checker.plain(checker.block(entry, "instance-config", place, None) or {}, (*place, "instance-config"))
        gate = checker.flag(entry, "gate", place)
        if kind is not None:
            hooks.append(HookSpec(kind, config, join_path(place), gate))
    return tuple(hooks)


def read_milliseconds(checker: Checker, node: dict[str, Any], key: str, parent: Address) -> int | None:
    """Return a duration in whole milliseconds; a bare number is milliseconds."""
    value = checker.get(node, key, parent)
    if value is None:
        return None
    try:
        duration = parse_duration(value.text if isinstance(value, Word) else "", bare="ms")
    except ValueError as error:
        hint = " (a bare number: milliseconds)" if EXPECTED in str(error) else ""
        checker.note((*parent, key), f"{error}{hint}")
        return None
    if duration <= dt.timedelta():
        checker.note((*parent, key), f"the duration is {'negative' if duration else 'zero'}")
        return None
    if duration % _MILLISECOND:
        checker.note((*parent, key), "the duration is not a whole number of milliseconds")
        return None
    return duration // _MILLISECOND
