"""Decides whether a failed component is tried again inside the job, and after which pause: a pure function.

Such a retry costs seconds, an Airflow retry costs a new JVM; it helps with transient faults. Failures that would only
repeat are not retried: an error whose ``retry_helps`` is ``False``, ``sys.exit``, an interrupt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airflow_spark_pipeline.pipeline.policies import RetryPolicy
from airflow_spark_pipeline.user_errors.jvm import throwables_of
from airflow_spark_pipeline.user_errors.text import attribute, causes_of, name_of

_ASKED_FOR = (SystemExit, KeyboardInterrupt)  # the end was requested


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """The decision after a failure.

    :param delay_seconds: pause before the next try, in seconds
    :param reason: explanation for the log
    """

    retry: bool
    reason: str
    delay_seconds: float = 0.0


def decide_retry(policy: RetryPolicy | None, retries: int, error: BaseException, chance: float) -> RetryDecision:
    """Decide whether to try again.

    :param retries: number of retries so far
    :param chance: random number from 0 to 1, for the jitter
    """
    if policy is None:
        return RetryDecision(False, "no retry-policy is set")
    name = name_of(error)
    if issubclass(type(error), _ASKED_FOR):
        return RetryDecision(False, f"{name} is not retried")
    if attribute(error, "retry_helps", True) is False:
        return RetryDecision(False, f"a retry cannot fix {name}")
    wanted = policy.retryable_exceptions
    if wanted and not all(wanted_among(wanted, each) for each in _members(error)):
        return RetryDecision(False, f"{name} is not among retryable-exceptions")
    if retries >= policy.max_retries:
        return RetryDecision(False, f"max-retries is {policy.max_retries}")
    return RetryDecision(True, f"retry {retries + 1} of {policy.max_retries}", delay_seconds(policy, retries, chance))


def delay_seconds(policy: RetryPolicy, retries: int, chance: float) -> float:
    """Return the pause after a number of retries: grows by the multiplier up to the maximum, plus or minus the jitter.

    :param chance: a random number from 0 to 1
    """
    try:
        grown = policy.initial_delay_ms * policy.backoff_multiplier**retries
    except OverflowError:
        grown = policy.max_delay_ms
    delay = min(grown, policy.max_delay_ms)
    jittered = delay * (1 + policy.jitter_factor * (2 * chance - 1))
    return round(min(max(jittered, 0.0), policy.max_delay_ms) / 1000, 3)


def wanted_among(names: tuple[str, ...], error: BaseException) -> bool:
    """Whether the names contain the class of the error, of its cause, or a superclass, in full or as the last part."""
    return any(
        name in (known, known.rpartition(".")[2])
        for each in causes_of(error)
        for known in _classes(each)
        for name in names
    )


def _members(error: BaseException) -> list[BaseException]:
    """Return the errors of an exception group, at any depth; for any other error, the error alone."""
    members = attribute(error, "exceptions")
    if not isinstance(members, tuple) or not all(isinstance(each, BaseException) for each in members):
        return [error]
    return [leaf for each in members for leaf in _members(each)] or [error]


def _classes(error: BaseException) -> Iterator[str]:
    for cls in type.__dict__["__mro__"].__get__(type(error)):  # a metaclass may hide any of these
        if cls is not object:
            name, module = attribute(cls, "__qualname__"), attribute(cls, "__module__")
            yield str(name) if module == "builtins" else f"{module}.{name}"
    yield from _java_classes(error)


def _java_classes(error: BaseException) -> list[str]:
    """Return the classes of the JVM exception behind an error, including its causes and superclasses."""
    names: list[str] = []
    try:
        for throwable in throwables_of(error):
            cls = throwable.getClass()
            while cls is not None:
                names.append(str(cls.getName()))
                cls = cls.getSuperclass()
    except Exception:  # the JVM no longer answers, so the classes are unknown
        return names
    return names
