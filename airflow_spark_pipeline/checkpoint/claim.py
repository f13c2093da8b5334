"""The claim decision: whether a new attempt resumes, starts over, reports a success, or stops.

It is a pure function of the newest commit and of what the caller knows. Under Airflow a try may be a retry (or a clear)
of an unfinished run, the retry of a success that Airflow did not learn of, or the clear of a success; or its DAG run
may have been deleted and created again with the same id. Airflow does not say directly which of these it is:

* Each try has its own task instance id, and later ids are greater. Within a DAG run the try number grows with the id; a
  DAG run that is created again counts from 1.
* A clear sets ``max_tries`` to the number of the last try plus the task's ``retries``; a retry leaves it alone.
* A DAG run that is created again has another identity. Since Airflow 3.4 a clear may also change the identity, but a
  retry never does.

Example, ``retries=2``, claimed by try 1 (``max_tries`` 2): a retry is try 2 with ``max_tries`` 2; a clear is try 2 with
``max_tries`` 3; a DAG run that was created again is try 1 or 2 with ``max_tries`` 2 and a greater id.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from airflow_spark_pipeline.checkpoint.claimant import Caller, Claimant, is_claim_of, recorded_of
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus


class ClaimKind(enum.Enum):
    """What to do with the unit of work."""

    START = "start"  # start from the beginning
    RESUME = "resume"  # completed components are kept
    REPORT = "report"  # everything is done: run nothing, report success
    STOP = "stop"  # a newer attempt is running


@dataclass(frozen=True, slots=True)
class ClaimDecision:
    """What to do, in which epoch, and why.

    :param epoch: number that increases whenever recorded progress is given up
    """

    kind: ClaimKind
    epoch: int
    reason: str


def decide_claim(
    latest: CheckpointState | None, caller: Caller | None, *, start_over: bool = False, again: bool = False
) -> ClaimDecision:
    """Decide what a new attempt does with a unit of work.

    :param latest: newest recorded state, or ``None`` if nothing is recorded
    :param caller: what Airflow knows about this try; ``None`` outside Airflow
    :param start_over: whether the user asked to start from the beginning
    :param again: whether a completed run is kept, and the user names components of it that are to run again
    """
    if latest is None:
        return ClaimDecision(ClaimKind.START, 0, "nothing is recorded yet")
    recorded = Claimant() if caller is None else recorded_of(caller, latest.caller)
    fresh_epoch = latest.epoch + 1
    if caller is not None and _is_created_again(caller, recorded):
        return ClaimDecision(ClaimKind.START, fresh_epoch, "the DAG run was deleted and created again")
    if caller is not None and _is_older(caller, recorded):
        return ClaimDecision(
            ClaimKind.STOP, latest.epoch, f"try {recorded.try_number} has claimed this task instance already"
        )
    if latest.status is CheckpointStatus.DISCARDED:
        return ClaimDecision(ClaimKind.START, fresh_epoch, "the earlier progress was discarded")
    if latest.status is CheckpointStatus.COMPLETED:
        # A guest's success is reported once; after that the claim is recorded as the owner's (see TaskAttempt).
        mine = is_claim_of(caller, latest.caller)
        if caller is not None and mine and _was_cleared(caller, recorded):
            if again:
                reason = f"attempt {latest.attempt} completed the pipeline, and components of it are to run again"
                return ClaimDecision(ClaimKind.RESUME, latest.epoch, reason)
            return ClaimDecision(ClaimKind.START, fresh_epoch, "the task had succeeded and was cleared")
        if caller is None and again:
            return ClaimDecision(ClaimKind.RESUME, latest.epoch, f"attempt {latest.attempt} completed the pipeline")
        return ClaimDecision(ClaimKind.REPORT, latest.epoch, f"attempt {latest.attempt} completed the pipeline")
    if start_over:
        return ClaimDecision(ClaimKind.START, fresh_epoch, "auto-resume is off")
    return ClaimDecision(ClaimKind.RESUME, latest.epoch, f"attempt {latest.attempt} did not complete")


def _is_created_again(caller: Caller, recorded: Claimant) -> bool:
    """Whether the record was made in an earlier DAG run with the same id, which was then deleted."""
    later = _is_later(caller, recorded)
    if caller.try_number <= (recorded.try_number or 0) and later is not None:
        return later  # a new DAG run counts its tries from 1
    identity = recorded.identity
    if None in (identity, caller.identity) or identity == caller.identity:
        return False
    if not caller.clear_forgets or caller.try_number <= (recorded.try_number or 0):
        return True
    # A retry never changes the identity, a clear may. If max_tries equals retries, nothing was cleared in this DAG run:
    # then it is a new DAG run, whose earlier tries ended before they could claim the unit.
    return not _was_cleared(caller, recorded) or caller.max_tries == caller.retries


def _is_older(caller: Caller, recorded: Claimant) -> bool:
    """Whether a newer try made the record, even one in a DAG run that was created again."""
    number = recorded.try_number or 0
    return caller.try_number < number or (caller.try_number == number and _is_later(caller, recorded) is False)


def _is_later(caller: Caller, recorded: Claimant) -> bool | None:
    """Whether the caller's task instance is newer than the record's; ``None`` if they are the same or unknown."""
    made_by = recorded.task_instance_id
    if made_by is None or caller.task_instance_id is None or made_by == caller.task_instance_id:
        return None
    return made_by < caller.task_instance_id


def _was_cleared(caller: Caller, recorded: Claimant) -> bool:
    """Whether a clear came between the record and this try."""
    if recorded.max_tries != caller.max_tries:
        return True
    if recorded.retries == caller.retries:
        return False
    # The task's retries were edited. A clear of try 1 of 1 + 2 with retries lowered to 1 leaves max_tries at 2. A retry
    # looks the same only then; with any other edit the number of the last try does not fit.
    return bool((recorded.try_number or 0) <= caller.max_tries - caller.retries < caller.try_number)
