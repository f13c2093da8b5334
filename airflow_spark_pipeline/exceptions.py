"""Every error of this package; each docstring answers: does a retry help?

The classes travel to the Spark driver, so this module imports the standard library only. ``retry_helps`` is the
machine-readable answer: the operator turns an error whose answer is ``False`` into a failure without further tries.
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
    :param path: where in the description, as HOCON path (``pipeline.pipeline-components[2].instance-config.path``);
        empty where the file as a whole is meant
    :param file: the file's name, or ``None`` for text that came from no file
    :param line: line in that file, counted from 1, where it is known
    :param missing_module: name of a Python module, where its absence is the problem
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
        """Return the JSON form in which the driver hands problems back to the operator."""
        return asdict(self)


class PipelineDefinitionError(SparkPipelineError):
    """The description is wrong: syntax, an unknown key, a class that does not exist, a config that does not fit.

    A retry does not help; the file (or the code that it names) has to change. All problems are reported at once.

    :param problems: at least one
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

    :param differences: the HOCON paths that differ
    """

    retry_helps = False

    def __init__(self, message: str, *, differences: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.differences = tuple(differences)


class SelectionError(SparkPipelineError):
    """``start_from``, ``only`` or ``force`` name a component that does not exist, or contradict each other.

    A retry does not help; the argument has to change.
    """

    retry_helps = False


class NothingToResumeError(SparkPipelineError):
    """The run that is to be resumed by its id cannot be: there is none, it has ended, or it is another pipeline's.

    A retry does not help; name another run, or none to start from the beginning.

    :param run_id: the id that was given
    """

    retry_helps = False

    def __init__(self, message: str, *, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class RunAtWorkError(SparkPipelineError):
    """The run that is to be resumed is at work for another task instance; it is never superseded.

    A retry helps once that one has ended.

    :param run_id: of the run that is at work
    """

    def __init__(self, message: str, *, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class ComponentFailedError(SparkPipelineError):
    """A component raised, or its driver died while it ran. A retry resumes at that component, and may help.

    :param retry_helps: ``False`` where the driver found that another try cannot end differently
    :param run_id: of the attempt that failed, by which it can be resumed; ``None`` where it is not known
    :param completed: number of components that are done, and stay done
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

    Its Spark jobs were cancelled; what it had written by then stays.
    """


class GateFailedError(SparkPipelineError):
    """A hook that is a gate, such as a check of the data, stopped what it was about from being recorded as done.

    A retry resumes at the component, and helps if what the gate looks at is different by then.

    :param retry_helps: as the gate's own error says it
    """

    def __init__(self, message: str, *, retry_helps: bool = True) -> None:
        super().__init__(message)
        self.retry_helps = retry_helps


class SupersededError(SparkPipelineError):
    """Another attempt at the same unit of work has taken over; this one stops and records nothing more.

    A retry does not help *this* attempt: the newer one is at work.

    :param by: what is known of the newer attempt
    """

    retry_helps = False

    def __init__(self, message: str, *, by: str | None = None) -> None:
        super().__init__(message)
        self.by = by


class LeaseLostError(SparkPipelineError):
    """An attempt could not show for too long that it is alive, so it stops before anybody takes its place.

    A retry may help; what was recorded stays.
    """


class SparkInstallationError(SparkPipelineError):
    """There is no usable ``spark-submit``, Java, or a matching pair of ``pyspark`` and ``pyspark-client``.

    A retry does not help unless it lands on another worker; the environment has to change.
    """

    retry_helps = False


class SparkConnectError(SparkPipelineError):
    """Spark Connect does not take what it is given: an argument of ``spark-submit``, a setting, a kind of module.

    A retry does not help; the argument or the setting has to change. Where the server does not answer, one may.

    :param retry_helps: whether the server was not there
    """

    def __init__(self, message: str, *, retry_helps: bool = False) -> None:
        super().__init__(message)
        self.retry_helps = retry_helps


class NotDeferrableError(SparkPipelineError):
    """``deferrable=True`` was asked for where the driver cannot run without the task.

    A retry does not help; the arguments or the Spark connection have to change.
    """

    retry_helps = False


class CheckpointError(SparkPipelineError):
    """Base of the errors of the checkpoint log. A retry may help unless a subclass says otherwise.

    :param path: the object or location that is meant
    """

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class CheckpointLocationError(CheckpointError):
    """The location cannot be used: unknown scheme, missing package, no permission, missing guarantees.

    A retry does not help; the location or the environment has to change.
    """

    retry_helps = False


class CheckpointStoreError(CheckpointError):
    """The store did not do what was asked, for a reason that may pass (throttling, a lost connection).

    A retry may help. Nothing that was recorded is lost.
    """


class CheckpointLostError(CheckpointError):
    """The log of a running attempt was deleted, emptied or replaced, so the attempt stops.

    A retry does not help: it would find nothing recorded. Bring the location back, or clear the task to start over.
    """

    retry_helps = False


class CorruptCheckpointError(CheckpointError):
    """An object of the log is not what was written there. It is never taken for "nothing recorded".

    A retry does not help; the object named by ``path`` has to be restored, or the run discarded.
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
    """What the operator handed over and what the driver understands are of different versions.

    A retry does not help; both sides come from one package, so an old copy of the runtime is on the driver's path.
    """

    retry_helps = False
