"""How a try gets a driver: the one interface of spark-submit, Spark Connect and further platforms.

A try is :class:`~airflow_spark_pipeline.task.unit.Unit` (what runs, and its log) and a :class:`Way`. The unit decides
and claims; the way starts a driver, or finds the one of an earlier try, waits for it, and stops it. Neither exit codes
nor the states of a cluster decide what came of a try: the log does (:meth:`Unit.outcome`).

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

   Everything that can fail comes before :meth:`Unit.claim`; the call that submits comes right after it. Whoever finds
   the job of an earlier try again claims nothing, and waits for that.
2. An operator: :class:`~airflow_spark_pipeline.operators.pipeline_task.PipelineTask` in front of the operator that
   submits on that platform. It gives ``arguments()`` and ``choose_way()``; rendering, resuming, deferring and reporting
   come with it.

What a way must hold to:

* At most one driver is started by one call of :meth:`~Way.run`, and only after :meth:`Unit.claim`: the token in the
  request is what lets it work.
* :meth:`~Way.stop` may be called by a signal handler, at any moment, more than once, also before :meth:`~Way.run`.
* A driver that cannot be stopped is not a danger: the next claim ends it within one lease.
* :class:`~airflow_spark_pipeline.exceptions.StillRunningError` and its like are raised by the unit, not by a way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger


@dataclass(frozen=True, slots=True)
class Ended:
    """Nobody needs to wait any longer; the log says what came of it.

    :param exit_code: of the driver, or of ``spark-submit``, if it is known; it only helps to say how a driver died
    :param reason: why the job has ended, in the platform's words; it only helps to say how a driver died
    """

    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Deferred:
    """The driver runs without this task; the task leaves its worker until the trigger fires.

    :param trigger: its event is what :func:`~airflow_spark_pipeline.task.one_try.complete` takes
    """

    trigger: BaseTrigger


class Way(ABC):
    """One way to a driver, for one try."""

    @property
    def shows_output(self) -> bool:
        """Whether the driver's output is in the task's log; otherwise the task reports the progress that the log has.

        Asked again and again while :meth:`run` runs, from another thread.
        """
        return False

    @abstractmethod
    def forget_earlier_job(self) -> None:
        """Make sure that :meth:`run` starts a new driver: the job of the try before is over, or its driver is gone.

        Called before :meth:`run`. A job that the platform still holds is ended here, or by :meth:`run`.
        """

    @abstractmethod
    def run(self) -> Ended | Deferred:
        """Start a driver or find one that an earlier try started, and wait for its end, or say who waits.

        :raises SparkPipelineError: the driver could not be started
        :raises Exception: whatever the platform's client raises if the driver did not start; once a driver has
            recorded anything in the log, the log's word is better, and :class:`Ended` is returned
        """

    @abstractmethod
    def stop(self) -> None:
        """Stop the driver, as Airflow's ``on_kill``; nothing if there is none."""
