"""Read ``retry-policy``, ``hooks`` and durations; every wrong value is noted with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.pipeline.policies import HookSpec, RetryPolicy
from airflow_spark_pipeline.pipeline.spec import join_path
from airflow_spark_pipeline.pipeline.values import Address, Word

if TYPE_CHECKING:
    from airflow_spark_pipeline.pipeline.checker import Checker

_CLASS_NAME = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
_UNITS = {  # HOCON's, in milliseconds; a bare number is milliseconds, as there
    1: ("", "ms", "milli", "millis", "millisecond", "milliseconds"),
    1_000: ("s", "second", "seconds"),
    60_000: ("m", "minute", "minutes"),
    3_600_000: ("h", "hour", "hours"),
    86_400_000: ("d", "day", "days"),
}
_MILLISECONDS = {name: factor for factor, names in _UNITS.items() for name in names}


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
    """Return a duration as HOCON writes it: ``90 s``, ``1.5h``, ``30 minutes``; a bare number is milliseconds."""
    value = checker.get(node, key, parent)
    if value is None:
        return None
    match = _DURATION.fullmatch(value.text.strip()) if isinstance(value, Word) else None
    if match is None or match[2] not in _MILLISECONDS:
        checker.note((*parent, key), "expected a duration, such as 90 s, 30 minutes, 2h (a bare number: milliseconds)")
        return None
    duration = round(float(match[1]) * _MILLISECONDS[match[2]])
    if duration < 1:
        checker.note((*parent, key), "the duration is zero")
        return None
    return duration
