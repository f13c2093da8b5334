"""A Spark setting that has its own field or argument is refused; every other one is accepted."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.pipeline.parser import parse_pipeline, read_pipeline
from airflow_spark_pipeline.pipeline.spark_settings import refuse_settings
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec, SparkSpec

PIPELINE = "pipeline { pipeline-name = p, pipeline-components = [ { instance-type = tests.steps.Step } ] }"

REFUSED = {
    "spark.master": ("`master` in the block `spark`", "the Spark connection (conn_id)"),
    "spark.app.name": ("`app-name` in the block `spark`", "the argument name"),
    "spark.remote": ("`connect-string` in the block `spark`", "a spark_connect connection"),
    "spark.api.mode": ("`connect-string` in the block `spark`", "a spark_connect connection"),
    "spark.submit.deployMode": ("argument deploy_mode", "the argument deploy_mode"),
    "spark.submit.pyFiles": ("py_files", "the argument py_files"),
}
TAKEN = (
    "spark.sql.shuffle.partitions",
    "spark.executor.memory",
    "spark.driver.memory",
    "spark.files",
    "spark.jars",
    "spark.jars.packages",
    "spark.archives",
    "spark.pyspark.python",
    "spark.pyspark.driver.python",
    "spark.yarn.queue",
    "spark.kubernetes.namespace",
    "spark.hadoop.fs.s3a.endpoint",
    "spark.master.rest.enabled",
    "spark.app.names",
)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("written", ['"{}" = x', "{} = x", "{} = ${{?PATH}}"])
def test_in_the_file_it_is_refused_with_its_line_however_it_is_written(name: str, written: str) -> None:
    text = f"spark.config {{\n  {written.format(name)}\n}}\n{PIPELINE}"
    (problem,) = read_pipeline(text, file="etl.conf").problems
    assert problem.line in ((2, None) if "$" in written else (2,))  # where a substitution stands is not always known
    assert problem.message.startswith(f"`{name}` ")
    assert REFUSED[name][0] in problem.message


@pytest.mark.parametrize("name", REFUSED)
def test_in_the_operators_conf_it_is_refused_with_the_argument(name: str) -> None:
    with pytest.raises(PipelineDefinitionError) as refused:
        refuse_settings({name: "x", "spark.executor.memory": "1g"})
    (problem,) = refused.value.problems
    assert REFUSED[name][1] in problem.message


def test_all_refused_settings_are_named_at_once() -> None:
    config = "\n".join(f'"{name}" = x' for name in REFUSED)
    assert len(read_pipeline(f"spark.config {{ {config} }}\n{PIPELINE}").problems) == len(REFUSED)
    with pytest.raises(PipelineDefinitionError) as refused:
        refuse_settings(dict.fromkeys(REFUSED, "x"))
    assert len(refused.value.problems) == len(REFUSED)


@pytest.mark.parametrize("name", TAKEN)
def test_every_other_setting_is_taken(name: str) -> None:
    spec = parse_pipeline(f'spark.config {{ "{name}" = x }}\n{PIPELINE}')
    assert spec.spark.config == {name: "x"}
    refuse_settings({name: "x"})


def test_unset_arguments_are_not_refused() -> None:
    spec = parse_pipeline(
        f'spark.config {{ "spark.master" = null, "spark.app.name" = ${{?NOT_SET_ANYWHERE}} }}\n{PIPELINE}'
    )
    assert spec.spark.config == {}


def test_a_specification_that_was_made_in_code_is_refused_too(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_spark_pipeline.runtime.standalone.spark.active_session", lambda: None)
    component = ComponentSpec("tests.steps.Step", "a", {"ledger": "/dev/null"}, "pipeline.pipeline-components[0]")
    spec = PipelineSpec("p", (component,), SparkSpec(config={"spark.master": "spark://prod:7077"}))
    with pytest.raises(PipelineDefinitionError, match=r"`spark\.master` has no effect as a setting"):
        PipelineRunner(location=str(tmp_path)).run_with_checkpointing(spec)
