"""The arguments of the operators of platforms: what is checked while the DAG file is parsed, and before a claim."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator

from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.operators.dataproc_submission import refuse_misfit
from airflow_spark_pipeline.operators.job import SparkPipelineJob


class Submit(BaseOperator):
    """As a provider's operator."""

    template_fields = ("wait",)

    def __init__(self, *, verify: bool = True, quiet: bool | None = None, wait: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.verify = verify
        self._quiet = quiet
        self.wait = wait


Submit.__module__ = "airflow.providers.ours.operators.submit"


class OurPipeline(SparkPipelineJob, Submit):
    pass


def operator(**arguments: Any) -> OurPipeline:
    return OurPipeline(task_id="etl", **{"pipeline": "etl.conf", **arguments})


@pytest.mark.parametrize("given", ["false", "True", "{{ params.p }}", 2, []])
@pytest.mark.parametrize("argument", ["allow_secrets_in_staging", "auto_resume", "deferrable"])
def test_a_boolean_is_not_accepted_as_text(argument: str, given: Any) -> None:
    """``allow_secrets_in_staging="false"`` would upload them."""
    with pytest.raises(ValueError, match=f"^{argument} is .*; it must be True or False"):
        operator(**{argument: given})


@pytest.mark.parametrize("given", ["10", "{{ params.p }}", -1, True, float("nan")])
@pytest.mark.parametrize("argument", ["job_poll_interval", "start_timeout"])
def test_a_duration_is_a_number_or_a_timedelta(argument: str, given: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} is .*; it must be a number of seconds, not below 0, or"):
        operator(**{argument: given})
    assert getattr(operator(**{argument: timedelta(minutes=1)}), argument) == 60


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("pipeline", None, "pipeline is None: give a path, a URL, or the text itself"),
        ("staging_location", "", "staging_location is empty: leave it out to use _staged at the checkpoint location"),
        ("staging_location", ["s3://lake"], "staging_location is a list; it must be text"),
        ("conf", ["a=b"], "conf is a list; it must be a mapping of names to text"),
        ("py_files", [None], "py_files has None in its list; leave it out, or give text"),
    ],
)
def test_a_wrong_type_gives_a_one_sentence_error(argument: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        operator(**{argument: value})


@pytest.mark.parametrize("argument", ["verify", "quiet"])
def test_text_that_does_not_say_true_is_refused_for_a_boolean_of_the_provider(argument: str) -> None:
    for given in ("false", "no", "{{ params.p }}"):
        with pytest.raises(ValueError, match=f"^{argument} is .*; it must be True or False"):
            operator(**{argument: given})
        with pytest.raises(ValueError, match=f"^{argument} is .*; it must be True or False"):
            operator(default_args={argument: given})
    for fine in ("true", True, False, None, 1):
        operator(**{argument: fine})


def test_a_boolean_that_the_provider_renders_may_be_a_template() -> None:
    assert operator(wait="{{ params.p }}").wait == "{{ params.p }}"  # type: ignore[comparison-overlap]


def test_an_unclosed_quote_is_reported_before_anything_is_claimed() -> None:
    pytest.importorskip("airflow.providers.amazon.aws.operators.emr")
    from airflow_spark_pipeline.operators.emr_steps import SparkPipelineEmrStepsOperator

    task = SparkPipelineEmrStepsOperator(
        task_id="etl", pipeline="etl.conf", job_flow_id="j-1", spark_submit_parameters="--jars 'a.jar"
    )
    nothing: Any = None
    with pytest.raises(PipelineDefinitionError, match="the argument spark_submit_parameters cannot be split into"):
        task.choose_way(nothing, {})


def test_options_of_spark_submit_are_text() -> None:
    pytest.importorskip("airflow.providers.amazon.aws.operators.emr")
    from airflow_spark_pipeline.operators.emr_steps import SparkPipelineEmrStepsOperator

    with pytest.raises(ValueError, match="spark_submit_parameters is a list; it must be text"):
        SparkPipelineEmrStepsOperator(
            task_id="etl",
            pipeline="etl.conf",
            job_flow_id="j-1",
            spark_submit_parameters=["--jars", "a.jar"],  # type: ignore[arg-type]
        )


@pytest.mark.parametrize(("value", "kind"), [(None, "None"), ("", "text"), ([], "a list"), (5, "a number")])
def test_a_dataproc_job_that_is_not_a_mapping_gives_a_one_sentence_error(value: Any, kind: str) -> None:
    with pytest.raises(
        PipelineDefinitionError, match=f"the argument job is {kind}; it must be a mapping that describes"
    ):
        refuse_misfit("job", value)
    refuse_misfit("job", {"placement": {"cluster_name": "etl"}})
