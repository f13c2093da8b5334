"""How a pipeline runs, not what it runs: retries inside the job, and hooks. Frozen data; standard library only.

Neither changes what a component computes, so neither is part of a fingerprint: policies and hooks may be edited between
two attempts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from airflow_spark_pipeline.binding.fields import ORIGIN, PATH, Rule, between, not_blank, python_name, without_nulls
from airflow_spark_pipeline.binding.json_form import JsonForm

_CLASS_NAME = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*")


def _class_name(name: str) -> str:
    if not _CLASS_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a class name")
    return name


Count = Annotated[int, Rule(between(0))]
_ExceptionName = Annotated[str, Rule(not_blank), Rule(_class_name)]
ExceptionNames = Annotated[tuple[str, ...], Rule(without_nulls, via=tuple[_ExceptionName | None, ...])]


@dataclass(frozen=True, slots=True)
class RetryPolicy(JsonForm):
    """The ``retry-policy`` block: how often a component that fails is tried again in the same Spark job.

    :param max_retries: tries after the first one
    :param initial_delay_ms: pause before the first retry, in milliseconds
    :param max_delay_ms: longest pause, in milliseconds
    :param backoff_multiplier: factor from one pause to the next
    :param jitter_factor: fraction of a pause by which it may be shorter or longer, 0 to 1
    :param retryable_exceptions: names of exception classes, Python's (``ConnectionError``, ``my.module.Error``) or the
        JVM's (``java.net.SocketException``); their subclasses count. Empty: every exception
    """

    max_retries: Count = 3
    initial_delay_ms: Count = 1_000
    max_delay_ms: Count = 30_000
    backoff_multiplier: Annotated[float, Rule(between(1))] = 2.0
    jitter_factor: Annotated[float, Rule(between(0, 1))] = 0.1
    retryable_exceptions: ExceptionNames = ()


@dataclass(frozen=True, slots=True)
class HookSpec(JsonForm):
    """One entry of ``hooks``: a Python class and its config.

    :param instance_type: dotted name of a subclass of ``PipelineHooks``; in a component's own list also of a component,
        which is then run after it as a check
    :param path: path in the description, ``pipeline.hooks[0]``, for messages
    :param gate: whether its failure stops the run; ``None`` leaves it to the class
    """

    instance_type: Annotated[str, Rule(not_blank), Rule(python_name)]
    instance_config: Mapping[str, Any] = field(default_factory=dict)
    path: str = field(default="", metadata={ORIGIN: PATH})
    gate: bool | None = None
