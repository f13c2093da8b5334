"""A Spark job for a platform, the state that the platform reports, and what a platform must provide.

:class:`Platform` is the interface behind :class:`~airflow_spark_pipeline.operators.job.SparkPipelineJob`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class StagedJob:
    """A Spark job whose files are uploaded, to be placed into the arguments of the operator that submits it.

    :param main: URL of the Python file that the platform starts
    :param arguments: arguments of that file; none of them is a secret
    :param py_files: URLs of the modules, for ``--py-files``
    :param spark_config: Spark settings; none of them is a secret
    :param name: name of the Spark application
    :param token: unique for each job, and the same in each call for it; ``[0-9a-f-]``, at most 64 characters
    """

    main: str
    arguments: tuple[str, ...]
    py_files: tuple[str, ...]
    spark_config: Mapping[str, str]
    name: str
    token: str


@dataclass(frozen=True, slots=True)
class JobState:
    """The state of a job on its platform.

    :param is_active: whether its driver may be running, or start later
    :param reason: why it has ended, in the platform's words; empty if it does not say
    """

    is_active: bool
    reason: str = ""

    @classmethod
    def ended(cls, reason: str = "") -> JobState:
        """Return the state of a job that has ended, or that the platform does not know."""
        return cls(is_active=False, reason=" ".join(reason.split()))


ACTIVE = JobState(is_active=True)


class JobClient(Protocol):
    """Asks about one job; also in the triggerer, which has no operator."""

    def state(self) -> JobState:
        """Return the job's state; blocks."""

    def cancel(self) -> None:
        """Cancel the job; no error if it has ended."""


class Platform(Protocol):
    """The methods that a platform's operator provides."""

    #: What starts the driver: ``spark-submit``, or ``session`` if it runs inside a Spark session that is given to it.
    started_by: ClassVar[str]
    #: Whether a second call with the same token returns the job of the first one.
    deduplicates: ClassVar[bool]

    def place(self, job: StagedJob) -> None:
        """Set the operator's own arguments for the job; they replace those of an earlier call."""

    def submit(self, context: Context) -> JsonValue:
        """Submit the job, and return its id without waiting for the job."""

    def job_state(self, job: JsonValue) -> JobState:
        """Return the state of a job; a job that the platform has forgotten has ended."""

    def cancel(self, job: JsonValue) -> None:
        """Cancel a job; no error if it has ended."""

    def job_client(self, job: JsonValue) -> tuple[str, dict[str, Any]] | None:
        """Return the dotted name of a :class:`JobClient` and its arguments, plain JSON; ``None`` if there is none."""
