"""The decision of a new attempt about what it found in the log: carry on, start over, report, or stop.

A pure function of the newest commit and of what the caller knows. Under Airflow the question is whether this try is a
retry (or a clear) of something unfinished, the retry of a success that Airflow never heard of, or the clear of a
success. Airflow does not say it directly: clearing raises a task instance's ``max_tries`` to the try number plus its
retries, a retry leaves it alone. A DAG run that was deleted and created again under the same id has another identity.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_spark_pipeline.checkpoint.caller import Caller, is_claim_of, recorded_of
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus


class ClaimKind(enum.Enum):
    """What to do with the unit of work."""

    START = "start"  # nothing is carried over
    RESUME = "resume"  # what is done stays done
    REPORT = "report"  # all is done already: run nothing, say success
    STOP = "stop"  # somebody newer is at work


@dataclass(frozen=True, slots=True)
class ClaimDecision:
    """What to do, in which epoch, and why.

    :param epoch: raised whenever something that was recorded is left behind
    """

    kind: ClaimKind
    epoch: int
    reason: str


def decide_claim(latest: CheckpointState | None, caller: Caller | None, *, start_over: bool = False) -> ClaimDecision:
    """Decide what a new attempt does with a unit of work.

    :param latest: the newest commit, ``None`` where there is none
    :param caller: ``None`` outside Airflow
    :param start_over: the user wants nothing carried over
    """
    if latest is None:
        return ClaimDecision(ClaimKind.START, 0, "nothing is recorded yet")
    recorded = {} if caller is None else recorded_of(caller, latest.caller)
    fresh_epoch = latest.epoch + 1
    if caller is not None and _another_run(caller, recorded):
        return ClaimDecision(ClaimKind.START, fresh_epoch, "the DAG run was deleted and created again")
    if caller is not None and recorded.get("tryNumber", 0) > caller.try_number:
        return ClaimDecision(
            ClaimKind.STOP, latest.epoch, f"try {recorded['tryNumber']} has claimed this task instance already"
        )
    if latest.status is CheckpointStatus.DISCARDED:
        return ClaimDecision(ClaimKind.START, fresh_epoch, "the earlier progress was discarded")
    if latest.status is CheckpointStatus.COMPLETED:
        # What a guest completed is reported once; from then on the claim is recorded as the owner's (see TaskAttempt).
        mine = is_claim_of(caller, latest.caller)
        if caller is not None and mine and _was_cleared(caller, recorded):
            return ClaimDecision(ClaimKind.START, fresh_epoch, "the task had succeeded and was cleared")
        return ClaimDecision(ClaimKind.REPORT, latest.epoch, f"attempt {latest.attempt} completed the pipeline")
    if start_over:
        return ClaimDecision(ClaimKind.START, fresh_epoch, "auto-resume is off")
    return ClaimDecision(ClaimKind.RESUME, latest.epoch, f"attempt {latest.attempt} did not complete")


def _another_run(caller: Caller, recorded: Mapping[str, Any]) -> bool:
    identity = recorded.get("identity")
    return None not in (identity, caller.identity) and identity != caller.identity


def _was_cleared(caller: Caller, recorded: Mapping[str, Any]) -> bool:
    return (recorded.get("maxTries"), recorded.get("retries")) != (caller.max_tries, caller.retries)
