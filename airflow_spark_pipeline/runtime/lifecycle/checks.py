"""A component as a gate: run after another one, and before that one is recorded as done."""

from __future__ import annotations

from airflow_spark_pipeline.runtime.component.base import Component, ComponentContext
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineHooks


class CheckHook(PipelineHooks):
    """Run a check (or any component that makes no views) after each try of the component that lists it.

    :param check: what it raises fails the component that it is about
    :param name: how messages call it
    """

    gate = True

    def __init__(self, check: Component, name: str) -> None:
        self._check = check
        self.label = name

    def after_component(self, event: ComponentEvent) -> None:
        """Check."""
        if event.spark is None:
            return
        self._check.attach(ComponentContext.standalone("", component_name=f"{event.name}: {self.label}"))
        self._check.run(event.spark)
