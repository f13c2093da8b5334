"""How a pipeline runs beside what it runs: retries inside the job, and hooks; frozen data, standard library only.

None of it changes what a component computes, so none of it is part of a fingerprint: a policy or a hook may be edited
between two attempts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The ``retry-policy`` block: how often a component that fails is tried again in the same Spark job.

    :param max_retries: tries after the first one
    :param initial_delay_ms: pause before the first retry, in milliseconds
    :param max_delay_ms: the longest pause
    :param backoff_multiplier: by which each pause is longer than the one before
    :param jitter_factor: by which part of itself a pause may be shorter or longer, 0 to 1
    :param retryable_exceptions: names of exception classes, Python's (``ConnectionError``, ``my.module.Error``) or the
        JVM's (``java.net.SocketException``); their subclasses count. Empty: every exception
    """

    max_retries: int = 3
    initial_delay_ms: int = 1_000
    max_delay_ms: int = 30_000
    backoff_multiplier: float = 2.0
    jitter_factor: float = 0.1
    retryable_exceptions: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the block as plain JSON."""
        return {
            "max-retries": self.max_retries,
            "initial-delay-ms": self.initial_delay_ms,
            "max-delay-ms": self.max_delay_ms,
            "backoff-multiplier": self.backoff_multiplier,
            "jitter-factor": self.jitter_factor,
            "retryable-exceptions": list(self.retryable_exceptions),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RetryPolicy:
        """Read what `to_dict` wrote."""
        values = {name.replace("-", "_"): value for name, value in data.items()}
        return cls(**{**values, "retryable_exceptions": tuple(values["retryable_exceptions"])})


@dataclass(frozen=True, slots=True)
class HookSpec:
    """One entry of ``hooks``: a Python class and its config.

    :param instance_type: dotted name of a subclass of ``PipelineHooks``; in a component's own list also of a component,
        which is then run after it as a check
    :param path: where it stands, ``pipeline.hooks[0]``, for messages
    :param gate: whether its failure stops the run; ``None`` leaves it to the class
    """

    instance_type: str
    instance_config: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    gate: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as plain JSON."""
        config = dict(self.instance_config)
        return {"instance-type": self.instance_type, "instance-config": config, "path": self.path, "gate": self.gate}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> HookSpec:
        """Read what `to_dict` wrote."""
        return cls(data["instance-type"], dict(data["instance-config"]), data["path"], data["gate"])
