"""Planning: which components run, which are skipped, and why; and summaries of the result."""

from airflow_spark_pipeline.planning.blocked import Blocked, blocked
from airflow_spark_pipeline.planning.changes import Code, CodeNow, changed_code
from airflow_spark_pipeline.planning.claim_state import claim_state
from airflow_spark_pipeline.planning.early_end import EarlyEnd, early_end
from airflow_spark_pipeline.planning.held_parts import parts_note
from airflow_spark_pipeline.planning.outlook import AlreadyCompletedError, Outlook, look_ahead
from airflow_spark_pipeline.planning.plan import Plan, left_behind, make_plan
from airflow_spark_pipeline.planning.schedule import KnownViews, Waits, conflicts, startable, waits_for, waves
from airflow_spark_pipeline.planning.selection import Selection
from airflow_spark_pipeline.planning.step import Step, StepAction
from airflow_spark_pipeline.planning.summary import (
    OPTIONAL,
    all_stopped_at,
    describe_run,
    failure_note,
    failures,
    next_try,
    not_done,
    position,
    published,
    readable,
    seconds_saved,
    stopped_at,
    summarize,
    tolerated_failures,
)

__all__ = [
    "OPTIONAL",
    "AlreadyCompletedError",
    "Blocked",
    "Code",
    "CodeNow",
    "EarlyEnd",
    "KnownViews",
    "Outlook",
    "Plan",
    "Selection",
    "Step",
    "StepAction",
    "Waits",
    "all_stopped_at",
    "blocked",
    "changed_code",
    "claim_state",
    "conflicts",
    "describe_run",
    "early_end",
    "failure_note",
    "failures",
    "left_behind",
    "look_ahead",
    "make_plan",
    "next_try",
    "not_done",
    "parts_note",
    "position",
    "published",
    "readable",
    "seconds_saved",
    "startable",
    "stopped_at",
    "summarize",
    "tolerated_failures",
    "waits_for",
    "waves",
]
