"""The trigger of :class:`SparkPipelineRunSensor`. It carries where to look and what for, and no secret."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_spark_pipeline.checkpoint.query import RunQuery, describe
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.hooks.watching import WatchedPlace
from airflow_spark_pipeline.triggers.watch import watch


class SparkPipelineRunTrigger(BaseTrigger):
    """Wait until a run of a pipeline is there.

    :param place: of a :class:`WatchedPlace`
    :param query: of a :class:`RunQuery`
    :param poll_interval: seconds between two looks; triggers with the same place and interval share them
    """

    def __init__(self, *, place: Mapping[str, Any], query: Mapping[str, Any], poll_interval: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as it is in Airflow
        self.place = dict(place)
        self.query = dict(query)
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"place": self.place, "query": self.query, "poll_interval": self.poll_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the run is there; an event says which, or why looking on makes no sense."""
        query = RunQuery(**self.query)
        try:
            async for found in watch(WatchedPlace(**self.place), self.poll_interval).answers(query.find, self._tell):
                if found is not None:
                    yield _event({"run": describe(found)})
                    return
        except SparkPipelineError as error:
            yield _event({"error": str(error), "retry_helps": error.retry_helps})

    def _tell(self, message: str) -> None:
        self.log.warning("%s", message)


def _event(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # as it is in Airflow
