"""The plan that the loop follows, made once the components are loaded and Spark can look for the saved outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import CodeNow, Plan, make_plan
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.component.saved_outputs import restore_all
from airflow_spark_pipeline.runtime.component.views import replays as runs_again
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.recorder import Recorder

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: DataFrames that read saved outputs, by component and view.
Restored = Mapping[str, Mapping[str, "DataFrame"]]


def final_plan(
    spec: PipelineSpec,
    components: Sequence[Component],
    earlier: CheckpointState,
    code: CodeNow,
    recorder: Recorder,
    spark: SparkSession,
    outputs: str,
) -> tuple[Plan, Restored]:
    """Make the plan, and record it if the saved outputs of a completed component are lost: it runs again.

    :param earlier: the state that the claim was made with
    :param outputs: location of the unit's saved outputs
    :return: the plan, and the saved outputs of the components that it skips, by component and view
    """
    instances = dict(zip((c.instance_name for c in spec.components), components, strict=True))
    replays = [c.instance_name for c in spec.components if runs_again(spec, c, instances[c.instance_name])]
    plan = make_plan(spec, earlier, replays=replays, code=code)
    if not plan.to_run:
        return plan, {}
    records = {step.name: recorder.state.component(step.name) for step in plan.done}
    saved = {name: record.outputs for name, record in records.items() if record is not None and record.outputs}
    restored, lost = restore_all(saved, spark, outputs)
    for name, reason in lost.items():
        say(f"{name} is run again: {reason}")
    if lost:
        plan = make_plan(spec, earlier, replays=replays, lost=lost, code=code)
        recorder.running(plan)
    return plan, restored
