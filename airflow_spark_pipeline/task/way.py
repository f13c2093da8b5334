"""The interface of the ways to get a driver: spark-submit, Spark Connect and other platforms.

A try is :class:`~airflow_spark_pipeline.task.unit.Unit` (what runs, and its log) and a :class:`Way`. The unit decides
and claims; the way starts a driver, or finds the one of an earlier try, waits for it, and stops it. Neither exit codes
nor the states of a cluster decide the result of a try: the log does (:meth:`Unit.outcome`).

**To add a platform** (EMR, Livy, Databricks, a Kubernetes operator), write two things, and change nothing here:

1. A subclass of :class:`Way`. Its :meth:`~Way.run` submits one Spark application that starts
   ``runtime/launcher.py`` with the arguments ``run`` and the file of the request:

   .. code-block:: python

       class LivyWay(Way):
           def __init__(self, unit: Unit, submit: Callable[[str], str]) -> None:
               self._unit, self._submit, self._batch = unit, submit, None

           def run(self) -> Ended | Deferred:
               files = DriverFiles(self._unit.directory)
               stage(files.launcher())                  # may fail: nothing is claimed yet
               request = self._unit.claim(spark_config=self._unit.spec.spark.config, local=False)
               self._batch = self._submit(stage(files.write(REQUEST, request)))
               return Deferred(...) if self._unit.arguments.deferrable else self._wait()

   Everything that can fail comes before :meth:`Unit.claim`; the call that submits comes right after it. A way that
   finds the job of an earlier try claims nothing, and waits for that job.
2. An operator: :class:`~airflow_spark_pipeline.operators.pipeline_task.PipelineTask` in front of the operator that
   submits on that platform. It defines ``arguments()`` and ``choose_way()``; rendering, resuming, deferring and
   reporting are inherited.

What a way must guarantee:

* At most one driver is started by one call of :meth:`~Way.run`, and only after :meth:`Unit.claim`: without the
  token in the request it does not run.
* :meth:`~Way.stop` may be called by a signal handler, at any time, more than once, also before :meth:`~Way.run`.
* A driver that cannot be stopped does no harm: the next claim ends it within one lease.
* :class:`~airflow_spark_pipeline.exceptions.StillRunningError` and similar errors are raised by the unit, not by a way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger


@dataclass(frozen=True, slots=True)
class Ended:
    """The wait is over; the log has the result.

    :param exit_code: exit code of the driver, or of ``spark-submit``, if known; only used to explain how a driver died
    :param reason: why the job has ended, from the platform; only used to explain how a driver died
    """

    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Deferred:
    """The driver runs without this task; the task leaves its worker until the trigger fires.

    :param trigger: its event is passed to :func:`~airflow_spark_pipeline.task.one_try.complete`
    """

    trigger: BaseTrigger


class Way(ABC):
    """One way to a driver, for one try."""

    @property
    def shows_output(self) -> bool:
        """Whether the driver's output is in the task's log; otherwise the task reports the progress in the log.

        Read repeatedly from another thread while :meth:`run` is running.
        """
        return False

    @abstractmethod
    def forget_earlier_job(self) -> None:
        """Make sure that :meth:`run` starts a new driver: the previous try's job has ended, or its driver is gone.

        Called before :meth:`run`. A job that the platform still has is ended here, or by :meth:`run`.
        """

    @abstractmethod
    def run(self) -> Ended | Deferred:
        """Start a driver, or find that of an earlier try; wait for its end, or return the trigger that waits.

        :raises SparkPipelineError: the driver could not be started
        :raises Exception: any error of the platform's client if the driver did not start; once a driver has recorded
            anything in the log, the log is more precise, and :class:`Ended` is returned
        """

    @abstractmethod
    def stop(self) -> None:
        """Stop the driver, for Airflow's ``on_kill``; do nothing if there is none."""
