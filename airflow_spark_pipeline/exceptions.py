"""Every error of this package. Each docstring says whether a retry helps.

The classes are shipped to the Spark driver, so this module imports only the standard library. ``retry_helps`` is the
machine-readable form: if it is ``False``, the operator fails the task without further tries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


class SparkPipelineError(Exception):
    """Base of all errors of this package. A retry may help unless a subclass says otherwise."""

    retry_helps: bool = True


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a pipeline's description.

    :param message: what is wrong and what to do about it, one line, without the path
    :param path: the position in the description, as HOCON path
        (``pipeline.pipeline-components[2].instance-config.path``); empty for the file as a whole
    :param file: the file's name, or ``None`` if the text does not come from a file
    :param line: line in that file, counted from 1, if it is known
    :param missing_module: name of the Python module, if the problem is that it is missing
    """

    message: str
    path: str = ""
    file: str | None = None
    line: int | None = None
    missing_module: str | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}" if place else f"line {self.line}"
        return ": ".join(part for part in (place, self.path, self.message) if part)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form in which the driver sends problems to the operator."""
        return asdict(self)


class PipelineDefinitionError(SparkPipelineError):
    """The description is wrong: syntax, an unknown key, a class that does not exist, a config that does not fit.

    A retry does not help; change the file, or the code that it names. All problems are reported together.

    :param problems: problems of the description, at least one
    """

    retry_helps = False

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            text = str(self.problems[0])
        else:
            text = f"{len(self.problems)} problems in the pipeline's description:"
            text += "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(text)


class ResumeRefusedError(SparkPipelineError):
    """A component that is recorded as done was changed, so its result cannot be trusted.

    A retry does not help: undo the change, or start over.

    :param differences: HOCON paths that differ
    """

    retry_helps = False

    def __init__(self, message: str, *, differences: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.differences = tuple(differences)


class SelectionError(SparkPipelineError):
    """``start_from``, ``stop_after``, ``only`` or ``force`` name an unknown component, or contradict each other.

    A retry does not help; change the argument.
    """

    retry_helps = False


class NothingToResumeError(SparkPipelineError):
    """The run with the given id cannot be resumed: it does not exist, has ended, or belongs to another pipeline.

    A retry does not help; give another run id, or none to start from the beginning.

    :param run_id: the id that was given
    """

    retry_helps = False

    def __init__(self, message: str, *, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class AmbiguousRunError(SparkPipelineError):
    """The given text is the beginning of several run ids.

    A retry does not help; give more of the id.

    :param run_id: the text that was given
    """

    retry_helps = False

    def __init__(self, message: str, *, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class StillRunningError(SparkPipelineError):
    """The run to be resumed is still running for another task instance; it is never superseded.

    A retry helps once that run has ended.

    :param run_id: id of the run that is still running
    """

    def __init__(self, message: str, *, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class ComponentFailedError(SparkPipelineError):
    """A component raised an error, or its driver died while it ran. A retry resumes at that component, and may help.

    :param retry_helps: ``False`` if another try would end in the same way
    :param run_id: id of the failed attempt, to resume it; ``None`` if it is not known
    :param completed: number of completed components, which stay completed
    """

    def __init__(
        self, message: str, *, retry_helps: bool = True, run_id: str | None = None, completed: int = 0
    ) -> None:
        super().__init__(message)
        self.retry_helps = retry_helps
        self.run_id = run_id
        self.completed = completed


class ComponentTimeoutError(SparkPipelineError):
    """A component took longer than its ``timeout`` and was stopped. A retry resumes at it, and may help.

    Its Spark jobs were cancelled; data that it had already written remains.
    """


class GateFailedError(SparkPipelineError):
    """A gate (a hook such as a check of the data) stopped a component or the run from being recorded as done.

    A retry resumes at the component, and helps if the data has changed by then.

    :param retry_helps: the value of the gate's own error
    """

    def __init__(self, message: str, *, retry_helps: bool = True) -> None:
        super().__init__(message)
        self.retry_helps = retry_helps


class SupersededError(SparkPipelineError):
    """Another attempt at the same unit of work has taken over; this one stops and records nothing more.

    A retry does not help *this* attempt: the newer one is running.

    :param by: what is known about the newer attempt
    """

    retry_helps = False

    def __init__(self, message: str, *, by: str | None = None) -> None:
        super().__init__(message)
        self.by = by


class LeaseLostError(SparkPipelineError):
    """An attempt could not renew its heartbeat for too long, so it stops before another attempt takes over.

    A retry may help; recorded progress is kept.
    """


class SparkInstallationError(SparkPipelineError):
    """No usable ``spark-submit`` or Java was found, or ``pyspark`` and ``pyspark-client`` do not match.

    A retry does not help unless it runs on another worker; change the environment.
    """

    retry_helps = False


class SparkConnectError(SparkPipelineError):
    """Spark Connect does not support an argument of ``spark-submit``, a setting, or a kind of module.

    A retry does not help; change the argument or the setting. If the server did not answer, a retry may help.

    :param retry_helps: whether the cause is a server that did not answer
    """

    def __init__(self, message: str, *, retry_helps: bool = False) -> None:
        super().__init__(message)
        self.retry_helps = retry_helps


class NotDeferrableError(SparkPipelineError):
    """``deferrable=True`` was set, but the driver cannot run without the task.

    A retry does not help; change the arguments or the Spark connection.
    """

    retry_helps = False


class CheckpointError(SparkPipelineError):
    """Base of the errors of the checkpoint log. A retry may help unless a subclass says otherwise.

    :param path: the object or location
    """

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class CheckpointLocationError(CheckpointError):
    """The location cannot be used: unknown scheme, missing package, no permission, missing guarantees.

    A retry does not help; change the location or the environment.
    """

    retry_helps = False


class CheckpointStoreError(CheckpointError):
    """The store failed for a reason that may be temporary (throttling, a lost connection).

    A retry may help. Recorded progress is kept.
    """


class CheckpointLostError(CheckpointError):
    """The log of a running attempt was deleted, emptied or replaced, so the attempt stops.

    A retry does not help: it would find nothing recorded. Restore the location, or clear the task to start over.
    """

    retry_helps = False


class CorruptCheckpointError(CheckpointError):
    """An object of the log differs from what was written. It is never treated as "nothing recorded".

    A retry does not help; restore the object ``path``, or discard the run.
    """

    retry_helps = False


class UnsupportedCheckpointError(CheckpointError):
    """The object was written by another version of this package, which this process cannot read.

    A retry does not help; upgrade this side, or discard the run.

    :param newer: whether the other version is newer than this one
    """

    retry_helps = False

    def __init__(self, message: str, *, path: str | None = None, newer: bool = True) -> None:
        super().__init__(message, path=path)
        self.newer = newer


class ProtocolMismatchError(SparkPipelineError):
    """The operator and the driver use different versions of the package.

    A retry does not help: an old copy of the package is on the driver's path, and must be removed.
    """

    retry_helps = False
