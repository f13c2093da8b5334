"""What a user of this package writes: a component, and what it gets to know about the run that it is part of.

A component *is* its typed config: a dataclass whose fields are filled from ``instance-config``
(see :mod:`airflow_spark_pipeline.binding.bind`), with one method that does the work. It needs nothing else of this
package, so a test builds it like any other object and calls ``run`` with a session.

Not promised: exactly-once. The component that was running when a driver died is run again from its start, and the
frozen half of a lost driver may still be writing meanwhile; ``context.workdir`` and ``context.attempt`` are there so
that a component can be safe even then.
"""

from __future__ import annotations

import abc
import logging
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_spark_pipeline.binding.annotations import own_annotations
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.runtime.driver.output import say

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import DataFrame, SparkSession

_CONTEXT = "_airflow_spark_pipeline_context"


class ContextNotAttachedError(SparkPipelineError):
    """``self.context`` was read in a component that no pipeline runs.

    A retry does not help. In a test, attach one: ``component.attach(ComponentContext.standalone(str(tmp_path)))``.
    """

    retry_helps = False


@dataclass(frozen=True)
class ComponentContext:
    """What a component may know about its run.

    :param run_id: id of this attempt's run
    :param attempt: which try at the unit of work this is, counted from 1
    :param pipeline_name: name of the pipeline, as described
    :param component_name: ``instance-name`` of the component, as described
    :param index: place of the component in the pipeline, counted from 0
    :param total: number of components in the pipeline
    :param workdir: path or URI of this component's own for this attempt; nobody else's writes end there. It may be on a
        remote file system (write there with Spark), and it need not exist yet
    :param logger: a logger that carries the component's name
    :param retry: which try inside this attempt (``retry-policy``), 0 for the first; each has a workdir of its own
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

    def progress(self, message: str) -> None:
        """Print a line (or several) under the component's own line in the task log, at once.

        :param message: text for a human; it is not masked, so keep secrets out of it
        """
        say(textwrap.indent(message, "    "))

    @classmethod
    def standalone(cls, workdir: str, *, component_name: str = "standalone") -> ComponentContext:
        """Return a context for running one component outside a pipeline: in a test or a notebook.

        :param workdir: a path that the component may write to
        :param component_name: the name that shows in its log lines
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

    ``input-path`` in HOCON fills ``input_path``. The names of this class's own members are taken.
    """

    #: Whether a resumed run runs this component again although it is done, because it is cheap and only defines views.
    #: ``replay-on-resume`` in the file wins over it.
    replay_on_resume: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Without this, @dataclass takes the inherited property for the field's default and the error comes much later.
        for name in ("attach", "context", "makes_views", "reads_views", "run"):
            if name in own_annotations(cls):
                raise TypeError(f"{cls.__qualname__}: Component uses the name {name!r} itself; rename the field")

    @abc.abstractmethod
    def run(self, spark: SparkSession) -> Mapping[str, DataFrame] | None:
        """Do the work. It may be called again, in a new process, if its driver dies before it was recorded as done.

        :param spark: the session of this attempt; temp views of earlier components are registered in it
        :return: frames for later components by the name of the temp view to register each as, or ``None``
        :raises Exception: anything that is raised fails this component, and the run resumes here
        """

    def reads_views(self) -> Collection[str]:
        """Return the names of the views that this component reads, as far as it knows them before it runs.

        With this, a view that a resumed run would not have is reported before any work starts.
        """
        return ()

    def makes_views(self) -> Collection[str]:
        """Return the names of the views that this component returns, as far as it knows them before it runs."""
        return ()

    @property
    def context(self) -> ComponentContext:
        """What is known about the run; there from just before ``run`` is called.

        :raises ContextNotAttachedError: outside a pipeline, unless :meth:`attach` was called
        """
        context = self.__dict__.get(_CONTEXT)
        if not isinstance(context, ComponentContext):
            raise ContextNotAttachedError(
                f"{type(self).__name__} has no context: a pipeline attaches it right before run(). In __post_init__ it"
                " is not there yet; in a test, call attach(ComponentContext.standalone(workdir)) first"
            )
        return context

    def attach(self, context: ComponentContext) -> None:
        """Set what ``self.context`` returns; the runner calls it before ``run``.

        :param context: replaces an earlier one (each retry within a run has its own)
        """
        object.__setattr__(self, _CONTEXT, context)  # a frozen dataclass refuses plain assignment
