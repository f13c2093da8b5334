"""The check hook: runs a component as a gate after another, before the other is recorded as done."""

from __future__ import annotations

from airflow_spark_pipeline.runtime.component.base import Component, ComponentContext
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineHooks


class CheckHook(PipelineHooks):
    """Run a check (or any component that makes no views) after each try of the component that lists it.

    :param check: the component to run; its exception fails the checked component
    :param name: name of the check in messages
    """

    gate = True

    def __init__(self, check: Component, name: str) -> None:
        self._check = check
        self.label = name

    def after_component(self, event: ComponentEvent) -> None:
        """Run the check."""
        if event.spark is None:
            return
        self._check.attach(ComponentContext.standalone("", component_name=f"{event.name}: {self.label}"))
        self._check.run(event.spark)
