"""What the page's routes send and take: the schemas of its OpenAPI document."""

from __future__ import annotations

import enum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airflow_spark_pipeline.checkpoint.standing import Standing


class ComponentState(str, enum.Enum):
    """The state of a component."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # it may have been running when the driver died
    PENDING = "pending"
    UPSTREAM_FAILED = "upstream_failed"  # not run: a component that it depends on is not done
    LEFT_OUT = "left_out"  # neither done nor to be run, because of the description or of the user's selection


#: The kind of a bar in the timeline: what an attempt did with a component.
BarAction = Literal["ran", "failed", "running", "interrupted", "replayed", "skipped"]
#: What the next attempt does with a component.
StepAction = Literal["run", "skip", "replay", "omit", "disable"]
#: How an attempt ended: the state of its run; unknown by now; or its try recorded nothing in the log.
AttemptStatus = Literal[
    "submitted",
    "running",
    "dead",
    "failed",
    "completed",
    "discarded",
    "unreadable",
    "unknown",
    "refused",
    "not_recorded",
]


class PartCounts(BaseModel):
    """How many parts of a component are done, by this attempt or an earlier one."""

    done: int
    total: int


class Piece(BaseModel):
    """A component in the bar of a row."""

    name: str
    state: ComponentState
    parts: PartCounts | None = Field(description="Of a component that records its parts")


class NewestTry(BaseModel):
    """Airflow's newest try of a task, if the run's log does not have it."""

    try_number: int
    state: str
    error: str | None = Field(description="First line of why it failed, where that is known")
    refused: bool = Field(description="Whether it refused to resume")


class Run(BaseModel):
    """A unit of work: a row of the list."""

    id: str = Field(description="Id of its newest attempt, as in logs and on the command line")
    number: int = Field(description="Number of the newest commit; an action names the one that it rests on")
    pipeline: str
    dag_id: str
    dag_display_name: str
    run_id: str
    task_id: str
    map_index: int
    iteration: int | None = Field(description="Of the loop that the task is in; null outside loops")
    location: str
    state: Standing
    attempt: int
    first_started_at: str
    started_at: str = Field(description="Of the newest attempt; times are ISO 8601, UTC")
    updated_at: str
    pieces: list[Piece]
    failed_component: str | None = Field(description="The one that failed first")
    failed_components: list[str] = Field(description="All that failed: with parallelism there may be several")
    failed_position: int | None = Field(description="1 for the first component")
    current_components: list[str] = Field(description="Those that are running, or were when the driver died")
    error: str | None = Field(description="First line; if several components failed, of each, after its name")
    saved_seconds: float = Field(description="What a resume saves: the time of the components and parts that are done")
    spark_application_id: str | None
    try_number: int | None
    task_state: str | None = Field(
        description="Of Airflow's task instance, no_status where it has none yet; null where there is no task instance"
    )
    task_pending: bool = Field(description="Whether Airflow runs the task, or is about to")
    newest_try: NewestTry | None = Field(description="Where it recorded nothing and has ended")
    versioned: bool = Field(description="Whether the DAG's bundle has versions")
    resume_blocked: str | None = Field(description="Why it cannot be resumed now; null where it can")
    discard_blocked: str | None = Field(description="Why its progress cannot be discarded now; null where it can")
    last_try: int = Field(
        description="Number of Airflow's newest try; a choice names the try whose clear it belongs to"
    )
    takes_choices: bool = Field(
        description="Whether a choice can be passed to the next try: Airflow has a task state store since 3.3"
    )
    takes_note: bool = Field(description="Whether Airflow's clear takes a note: since 3.3")
    chosen: bool = Field(description="Whether the user's choice of components waits for the next try")
    clear_instance: str | None = Field(
        description="Id of the task instance, where a clear has to name it: in a loop other names fit all iterations"
    )
    clear_to_resume: dict[str, Any] = Field(
        description="Further fields of a clear that resumes, which this version of Airflow takes"
    )
    clear_to_start_over: dict[str, Any] = Field(
        description="Further fields of a clear that starts over, which this version of Airflow takes"
    )


class Location(BaseModel):
    """Whether a configured location could be read."""

    name: str
    state: Literal["ok", "loading", "slow", "error", "missing"]
    message: str | None = None
    temporary: bool = Field(default=False, description="Nothing is configured, and this is the folder for trying out")
    unreadable: int = Field(default=0, description="Runs whose record cannot be read")
    problems: list[str] = Field(default=[], description="What is wrong with them; for administrators")


class RunList(BaseModel):
    """A page of runs: unfinished ones, or ended ones if the filter names their state."""

    runs: list[Run]
    total: int = Field(description="How many match")
    visible: int = Field(description="How many there are without filters")
    counts: dict[str, int] = Field(description="Of each state, without the filter for the state")
    dag_ids: list[str]
    pipelines: list[str]
    locations: list[Location]
    active: bool = Field(description="Whether something runs, so that it is worth asking again soon")


class Failure(BaseModel):
    """Why the newest attempt failed; secrets are masked."""

    component: str | None
    error_type: str
    message: str
    traceback: str | None
    retry_helps: bool


class Component(BaseModel):
    """What is recorded of a component."""

    index: int
    name: str
    type: str
    state: ComponentState
    action: str = Field(description="What the newest attempt did with it, as recorded: ran, skipped, failed …")
    reason: str | None
    attempt: int | None
    started_at: str | None
    duration_seconds: float | None
    views: list[str]
    saved_outputs: list[str]
    parts: PartCounts | None = Field(description="Null if no part of it is recorded")


class Bar(BaseModel):
    """What an attempt did with a component."""

    index: int
    name: str
    action: BarAction
    started_at: str | None
    duration_seconds: float | None
    parts: PartCounts | None = Field(description="When the attempt ended, or now; null if no part was recorded")


class Attempt(BaseModel):
    """What an attempt did, as far as it is still recorded, or a try of the task that recorded nothing."""

    attempt: int | None = Field(description="Null for a try that recorded nothing")
    id: str
    started_at: str | None
    ended_at: str | None = Field(description="Null while it runs; of a lost driver the time of its last record")
    status: AttemptStatus
    task_state: str | None = Field(description="Airflow's state of the try, where Airflow still has it")
    error: str | None
    spark_application_id: str | None
    try_number: int | None
    bars: list[Bar]


class PlannedStep(BaseModel):
    """What the next attempt does with a component."""

    name: str
    action: StepAction
    reason: str


class Selected(BaseModel):
    """Which components a resume runs; with all fields empty, those that are not done."""

    start_from: str | None
    stop_after: str | None
    only: list[str]
    force: list[str]


class NextAttempt(BaseModel):
    """What a resume would do."""

    steps: list[PlannedStep]
    basis: Literal["description", "record"] = Field(
        description="As the task last read the description, or as the last attempt recorded the components"
    )
    refusal: str | None = Field(default=None, description="Why the next attempt would refuse to resume")
    differences: list[str] = Field(default=[], description="Paths of the fields that differ")


class DiscardedBy(BaseModel):
    """Who discarded the progress on the page."""

    user: str
    at: str


class RunDetail(Run):
    """A unit of work with everything that is known about it."""

    components: list[Component]
    attempts: list[Attempt]
    failure: Failure | None
    more_failures: list[Failure] = Field(description="Of components that failed besides, with fail-fast = false")
    next: NextAttempt | None
    selected: Selected = Field(description="What the user chose for the next try, or what the newest attempt ran")
    config: dict[str, Any] | None = Field(description="The description as the task last read it; secrets are masked")
    config_note: str | None
    discarded_by: DiscardedBy | None = Field(description="Null for a user who may not read the Dag's audit log")
    history_url: str | None


class TaskRuns(BaseModel):
    """What a task instance has recorded."""

    exists: bool = Field(description="Whether Airflow has the task instance")
    is_pipeline: bool = Field(description="Whether the task runs a Spark pipeline")
    runs: list[RunDetail] = Field(description="More than one where it was recorded under several names or locations")
    locations: list[Location]
    active: bool


class DagRuns(BaseModel):
    """The newest runs of a DAG's pipelines, finished ones included."""

    exists: bool = Field(description="Whether Airflow has the Dag")
    is_pipeline: bool
    runs: list[Run]
    total: int = Field(description="Task instances that have started; those without a record are in no row")
    locations: list[Location]
    active: bool


class Discard(BaseModel):
    """Which progress to discard. The number makes sure that it is the progress that the user saw."""

    model_config = ConfigDict(extra="forbid")

    run_id: str
    task_id: str
    map_index: int = -1
    iteration: int | None = None
    id: str
    number: int


class Discarded(BaseModel):
    """The progress is discarded; the next attempt starts with nothing done."""

    id: str
