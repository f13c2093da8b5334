"""The base class of components, and the context that tells a component about its run.

A component *is* its typed config: a dataclass whose fields are filled from ``instance-config``
(see :mod:`airflow_spark_pipeline.binding.bind`), with one method that does the work. It needs nothing else from this
package, so a test can create it like any other object and call ``run`` with a session.

Not guaranteed: exactly-once execution. The component that was running when a driver died is run again from its start,
and what is left of a lost driver may still be writing at that time. ``context.workdir`` and ``context.attempt`` let a
component be safe even then.
"""

from __future__ import annotations

import abc
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow_spark_pipeline.binding.annotations import own_annotations
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.runtime.component.parts import Parts
from airflow_spark_pipeline.runtime.component.results import Results
from airflow_spark_pipeline.runtime.process.output import say_below

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from pyspark.sql import DataFrame, SparkSession

Item = TypeVar("Item")

_CONTEXT = "_airflow_spark_pipeline_context"


class ContextNotAttachedError(SparkPipelineError):
    """``self.context`` was read in a component that is not run by a pipeline.

    A retry does not help. In a test, attach one: ``component.attach(ComponentContext.standalone(str(tmp_path)))``.
    """

    retry_helps = False


@dataclass(frozen=True)
class ComponentContext:
    """Facts about the run that a component may use.

    :param run_id: id of the run; every attempt has a new one
    :param attempt: number of the attempt at this unit of work, counted from 1
    :param pipeline_name: name of the pipeline, from the description
    :param component_name: ``instance-name`` of the component, from the description
    :param index: position of the component in the pipeline, counted from 0
    :param total: number of components in the pipeline
    :param workdir: path or URI of a directory that only this component writes to, in this attempt. It may be on a
        remote file system (write to it with Spark), and it may not exist yet
    :param logger: a logger that carries the component's name
    :param retry: number of the try inside this attempt (``retry-policy``), 0 for the first; each try has its own
        workdir
    :param recorded_parts: which parts of the component are recorded; see :meth:`parts`
    :param results: what this try has reported so far, as with :meth:`publish`; a test can read it
    """

    run_id: str
    attempt: int
    pipeline_name: str
    component_name: str
    index: int
    total: int
    workdir: str
    logger: logging.Logger
    retry: int = 0
    results: Results = field(default_factory=Results, repr=False, compare=False)
    recorded_parts: Parts = field(default_factory=Parts, repr=False, compare=False)

    def progress(self, message: str) -> None:
        """Print one or more lines under the component's line in the task log, immediately.

        While several components are running, each line carries the component's name.

        :param message: text for people to read; it is not masked, so keep secrets out of it
        """
        say_below(self.component_name, message)

    def parts(
        self, items: Iterable[Item], *, key: Callable[[Item], Any] | None = None, name: str = ""
    ) -> Iterator[Item]:
        """Return an iterator over the parts of this component that are not recorded yet, in order.

        A part is recorded when the loop comes back for the next one, or ends; not after an exception, ``break`` or
        ``return``. The next attempt continues with the missing parts. Example::

            for day in self.context.parts(self.days):
                load(day)

        :param items: all parts, done or not
        :param key: function that returns the text, number or date that identifies a part in every attempt; default:
            the item itself
        :param name: name of these parts, if the component asks for parts more than once
        :raises TypeError: an item is not text, a number or a date, and there is no ``key``
        :raises ValueError: two items have the same key, or the name was used before in this try
        :raises SupersededError: another attempt has taken over
        """
        return self.recorded_parts.iterate(items, key, name)

    def each_part(
        self,
        items: Iterable[Item],
        work: Callable[[Item], object],
        *,
        parallelism: int = 4,
        key: Callable[[Item], Any] | None = None,
        name: str = "",
    ) -> None:
        """Do the work of the parts that are not recorded yet, several at a time, each in a thread.

        Each part is recorded when its work has returned. After an error no other part starts; those that are running
        are finished and recorded, then the error is raised. Example: ``self.context.each_part(self.days, load)``.

        :param work: function that does one part
        :param parallelism: how many parts run at the same time

        The other parameters and the errors are those of :meth:`parts`.
        """
        self.recorded_parts.run_each(items, work, parallelism, key, name)

    def publish(self, **values: Any) -> None:
        """Give small values to the tasks after this one: they are kept with the component, and reach the task's XCom.

        Recorded when the component is done. A resumed run that skips the component returns its values as well. Secrets
        are masked. Example: ``self.context.publish(rows=1_204, newest="2026-01-31")``.

        :param values: plain JSON by name, at most 16 KiB for a component; a later value replaces an earlier one
        :raises TypeError: a value is not JSON
        :raises ValueError: a value cannot be stored as JSON, or the values are too large
        """
        self.results.publish(values)

    def wrote(self, uri: str, **facts: Any) -> None:
        """Say that the component wrote a data set: once the task has succeeded, Airflow gets an asset event about it.

        It is recorded together with the component, so a retry that skips the component reports it as well.

        :param uri: what was written, such as ``s3://lake/orders``; without the part that differs in each run, unless
            each run is a separate asset
        :param facts: what the event says about it, as JSON: ``rows=1200``
        :raises TypeError: a fact cannot be written as JSON
        :raises ValueError: Airflow cannot name an asset by this URI, or there is too much
        """
        self.results.wrote(uri, facts)

    def finish(self, reason: str) -> None:
        """End the run early as a success, once this component is done: the components after it are left out.

        It does not end ``run``: return after it. It counts only if this try succeeds. Example:
        ``self.context.finish("no new data")``.

        :param reason: why, for people: it is shown wherever the run is
        :raises TypeError: the reason is not text
        :raises ValueError: the reason is empty
        """
        self.results.finish(reason)

    @classmethod
    def standalone(cls, workdir: str, *, component_name: str = "standalone") -> ComponentContext:
        """Return a context for running one component outside a pipeline: in a test or a notebook.

        :param workdir: a path that the component may write to
        :param component_name: name of the component in log lines
        """
        logger = logging.getLogger(f"airflow_spark_pipeline.component.{component_name}")
        return cls("standalone", 1, "standalone", component_name, 0, 1, workdir, logger)


class Component(abc.ABC):
    """One step of a pipeline.

    Subclass it as a dataclass::

        @dataclass
        class CleanOrders(Component):
            input_path: str
            dedup_columns: list[str]
            overwrite: bool = True

            def run(self, spark: SparkSession) -> Mapping[str, DataFrame] | None: ...

    ``input-path`` in HOCON fills ``input_path``. A field cannot have the name of a member of this class.
    """

    #: Whether a resumed run runs this component again although it is done; for cheap components that only define views.
    #: ``replay-on-resume`` in the file takes precedence.
    replay_on_resume: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Without this, @dataclass uses the inherited property as the field's default, and the error comes much later.
        for name in ("attach", "context", "makes_views", "reads_views", "run"):
            if name in own_annotations(cls):
                raise TypeError(f"{cls.__qualname__}: Component uses the name {name!r} itself; rename the field")

    @abc.abstractmethod
    def run(self, spark: SparkSession) -> Mapping[str, DataFrame] | None:
        """Do the work. It is called again, in a new process, if the driver dies before the component's commit.

        :param spark: the Spark session of this attempt; the temp views of earlier components are registered in it
        :return: DataFrames for later components, keyed by the temp view to register each as; or ``None``
        :raises Exception: any exception fails this component, and the next attempt resumes at it
        """

    def reads_views(self) -> Collection[str]:
        """Return the names of the views that this component reads, as far as they are known before it runs.

        With them, a view that a resumed run would be missing is reported before any work starts.
        """
        return ()

    def makes_views(self) -> Collection[str]:
        """Return the names of the views that this component returns, as far as they are known before it runs."""
        return ()

    @property
    def context(self) -> ComponentContext:
        """Facts about the run; available from just before ``run`` is called.

        :raises ContextNotAttachedError: outside a pipeline, unless :meth:`attach` was called
        """
        context = self.__dict__.get(_CONTEXT)
        if not isinstance(context, ComponentContext):
            raise ContextNotAttachedError(
                f"{type(self).__name__} has no context: a pipeline attaches it right before run(). In "
                "__post_init__ it does not exist yet; in a test, call "
                "attach(ComponentContext.standalone(workdir)) first"
            )
        return context

    def attach(self, context: ComponentContext) -> None:
        """Set what ``self.context`` returns; the runner calls it before ``run``.

        :param context: the new context; it replaces an earlier one, since each retry within a run has its own
        """
        object.__setattr__(self, _CONTEXT, context)  # a frozen dataclass rejects plain assignment
