from __future__ import annotations

import pytest

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.parser import parse_pipeline, read_pipeline

TEXT = """pipeline {
  pipeline-name = p
  fail-fast = maybe
  pipeline-components = [
    {
      instance-type = m.A
      instance-config {
        "a.b" = 1
        list = [ 1,
          2
        ]
      }
    }
    { instance-name = without-a-class }
  ]
}"""
CONFIG = "pipeline.pipeline-components[0].instance-config"


def test_of_a_wrong_description_the_readable_components_are_returned() -> None:
    reading = read_pipeline(TEXT, file="etl.conf")
    assert [problem.line for problem in reading.problems] == [3, 14]
    assert reading.spec is not None
    assert [component.instance_type for component in reading.spec.components] == ["m.A"]
    with pytest.raises(PipelineDefinitionError):
        reading.checked()


def test_an_unreadable_text_gives_its_problem_and_nothing_else() -> None:
    reading = read_pipeline("pipeline {", file="etl.conf")
    assert reading.spec is None
    assert len(reading.problems) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (f'{CONFIG}."a.b"', 8),
        (f"{CONFIG}.list", 9),
        (f"{CONFIG}.list[1]", 10),
        (f"{CONFIG}.missing", 7),
        (f"{CONFIG}.list[7].deep", 9),
        (f'{CONFIG}."x.\\"y.z"', 7),
        ("pipeline.pipeline-components[0]", 5),
        ("pipeline.pipeline-name", 2),
    ],
)
def test_a_problem_that_is_found_later_gets_the_line_of_its_key_or_of_the_object_around_it(
    path: str, line: int
) -> None:
    reading = read_pipeline(TEXT, file="etl.conf")
    found = reading.locate(Problem("wrong", path))
    assert (found.file, found.line, found.path) == ("etl.conf", line, path)


def test_a_problem_with_a_line_or_without_a_path_stays_as_it_is() -> None:
    reading = read_pipeline(TEXT, file="etl.conf")
    for problem in (Problem("wrong", CONFIG, "other.conf", 7), Problem("wrong"), Problem("wrong", "spark.master")):
        assert reading.locate(problem).line == problem.line


def test_warnings_do_not_make_two_descriptions_differ() -> None:
    spec = parse_pipeline("pipeline { pipeline-name = p, pipeline-components = [ { instance-type = m.A } ] }")
    assert spec.warnings == ()
    assert "warnings" not in spec.to_dict()
