"""The description itself is bound by the same code as component configs: the same messages, all at once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from airflow_spark_pipeline.binding.bind import bind, bind_what_fits
from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.pipeline.parser import read_pipeline
from airflow_spark_pipeline.pipeline.policies import RetryPolicy
from airflow_spark_pipeline.pipeline.spec import PipelineSpec

COMPONENT = "{ instance-type = m.C }"


@dataclass
class Config:
    flag: bool = True
    count: int = 1
    names: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("key", "of_config", "of_description"),
    [
        ("flag = maybe", "flag", "fail-fast = maybe"),
        ("flag = 7", "flag", "fail-fast = 7"),
        ("flag = [true]", "flag", "save-outputs = [true]"),
        ("count = many", "count", "retry-policy { max-retries = many }"),
        ("count = 1.5", "count", "retry-policy { initial-delay-ms = 1.5 }"),
        ("names = x", "names", "retry-policy { retryable-exceptions = x }"),
    ],
)
def test_the_same_mistake_has_the_same_message_everywhere(key: str, of_config: str, of_description: str) -> None:
    def read(fields: str, config: str = "") -> tuple[str, ...]:
        component = f"{{ instance-type = m.C, instance-config {{ {config} }} }}"
        text = f"pipeline {{ pipeline-name = p, pipeline-components = [ {component} ]\n{fields} }}"
        reading = read_pipeline(text)
        if not config:
            return tuple(problem.message for problem in reading.problems)
        with pytest.raises(PipelineDefinitionError) as failed:
            bind(Config, reading.checked().components[0].instance_config, of_config)
        return tuple(problem.message for problem in failed.value.problems)

    assert read("", key) == read(of_description)
    assert len(read(of_description)) == 1


def test_valid_parts_are_read_although_others_are_wrong() -> None:
    reading = read_pipeline(
        f"""pipeline {{ fail-fast = maybe, save-outputs = true
        hooks = [ 5, {{ instance-type = my.Hook, gate = maybe }} ]
        pipeline-components = [ {{ instance-name = a, timeout = soon }}, {COMPONENT} ] }}"""
    )
    spec = reading.spec
    assert spec is not None
    assert (spec.fail_fast, spec.save_outputs) == (True, True)
    assert [hook.path for hook in spec.hooks] == ["pipeline.hooks[1]"]
    assert [component.path for component in spec.components] == ["pipeline.pipeline-components[1]"]
    assert [problem.path for problem in reading.problems] == [
        "pipeline.pipeline-name",
        "pipeline.fail-fast",
        "pipeline.hooks[0]",
        "pipeline.hooks[1].gate",
        "pipeline.pipeline-components[0].instance-type",
        "pipeline.pipeline-components[0].timeout",
    ]


@pytest.mark.parametrize("key", ["path = x", "given = [enabled]", "source = x", "spark {}", "warnings = []"])
def test_a_file_cannot_say_where_something_came_from(key: str) -> None:
    text = f"pipeline {{ pipeline-name = p, pipeline-components = [ {COMPONENT} ], checkpoint {{ {key} }}\n{key} }}"
    name = key.split(maxsplit=1)[0]
    paths = {problem.path for problem in read_pipeline(text).problems}
    assert paths == {f"pipeline.checkpoint.{name}", f"pipeline.{name}"}


@pytest.mark.parametrize("written", ["3", "3.0", "3e0", "003", '"3"'])
def test_a_number_is_read_by_the_type_of_its_field_however_it_is_written(written: str) -> None:
    text = f"pipeline {{ pipeline-name = {written}, retry-policy {{ max-retries = {written} }}"
    spec = read_pipeline(f"{text}\npipeline-components = [ {COMPONENT} ] }}").checked()
    assert spec.retry_policy == RetryPolicy(max_retries=3)
    assert spec.pipeline_name == written.strip('"')


def test_a_config_that_is_not_an_object_is_one_problem() -> None:
    values, problems = bind_what_fits(PipelineSpec, 5, "pipeline")
    assert values == {}
    assert [str(problem) for problem in problems] == ["pipeline: expected an object, found a whole number (5)"]
