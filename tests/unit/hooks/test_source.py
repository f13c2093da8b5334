"""Where a description is found, and how it is rendered before it is parsed."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk.definitions._internal.templater import SandboxedEnvironment
from jinja2 import Environment, StrictUndefined

from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.hooks.source import PipelineSource, hocon_environment, read_source, render

CONF = "pipeline { pipeline-name = Shop }\n"


@pytest.fixture
def environment() -> Environment:
    """The one that Airflow gives a task."""
    return SandboxedEnvironment(undefined=StrictUndefined)  # type: ignore[no-untyped-call]


def problem(pipeline: str, folder: Path) -> str:
    with pytest.raises(PipelineDefinitionError) as caught:
        read_source(pipeline, folder)
    (found,) = caught.value.problems
    return str(found)


# ---- found


def test_a_relative_path_starts_at_the_dag_file(tmp_path: Path) -> None:
    (tmp_path / "confs").mkdir()
    (tmp_path / "confs" / "shop.conf").write_text(CONF, encoding="utf-8")
    file = tmp_path / "confs" / "shop.conf"
    assert read_source("confs/shop.conf", tmp_path) == PipelineSource(CONF, str(file), file.parent)


def test_an_absolute_path_stays_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "shop.conf"
    file.write_text(CONF, encoding="utf-8")
    assert read_source(str(file), Path("/nowhere")) == PipelineSource(CONF, str(file), tmp_path)


def test_a_url_is_read_where_it_leads_and_has_no_place_for_relative_includes(tmp_path: Path) -> None:
    file = tmp_path / "shop.conf"
    file.write_text(CONF, encoding="utf-8")
    assert read_source(file.as_uri(), Path("/nowhere")) == PipelineSource(CONF, file.as_uri(), None)


@pytest.mark.parametrize("text", [CONF, "pipeline.pipeline-name = Shop\npipeline.fail-fast = yes", "{}"])
def test_text_is_the_description_itself_and_includes_start_at_the_dag_file(text: str, tmp_path: Path) -> None:
    assert read_source(text, tmp_path) == PipelineSource(text, None, tmp_path)


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text(CONF, encoding="utf-8")
    assert read_source("shop", tmp_path).text == CONF


def test_a_missing_relative_path_says_where_it_was_looked_for(tmp_path: Path) -> None:
    expected = f"{tmp_path / 'shop.conf'}: there is no such file (relative paths are looked up beside the DAG file)"
    assert problem("shop.conf", tmp_path) == expected


def test_a_missing_absolute_path_needs_no_explanation(tmp_path: Path) -> None:
    assert problem(str(tmp_path / "shop.conf"), tmp_path) == f"{tmp_path / 'shop.conf'}: there is no such file"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Editors on Windows write one; Jinja and an error's column must not see it."""
    (tmp_path / "shop.conf").write_text(CONF, encoding="utf-8-sig")
    assert read_source("shop.conf", tmp_path).text.removeprefix("\ufeff") == CONF


def test_a_missing_object_behind_a_url_is_named_by_the_url(tmp_path: Path) -> None:
    url = (tmp_path / "shop.conf").as_uri()
    assert problem(url, tmp_path).startswith(f"{url}: cannot be read: ")


# ---- rendered


def test_what_airflow_knows_is_rendered_into_a_file(environment: Environment) -> None:
    source = PipelineSource("day = {{ ds }}, shop = {{ params.shop | upper }}", "shop.conf")
    rendered = render(source, {"ds": "2026-01-31", "params": {"shop": "north"}}, environment)
    assert rendered == PipelineSource("day = 2026-01-31, shop = NORTH", "shop.conf")


def test_an_object_that_opens_with_a_comment_stays_hocon(environment: Environment) -> None:
    """``{#`` opens a comment in Jinja, which would swallow the text up to the next ``#}``, or be an error."""
    text = "pipeline {# the shop\n  day = {{ ds }}\n  checkpoint {# kept #}\n enabled = true }\n}"
    rendered = render(PipelineSource(text, "shop.conf"), {"ds": "2026-01-31"}, environment)
    assert rendered.text == text.replace("{{ ds }}", "2026-01-31")


def test_substitutions_of_hocon_are_left_to_hocon(environment: Environment) -> None:
    text = "a = ${b}, c = ${?HOME}, d = {{ ds }}"
    rendered = render(PipelineSource(text, "shop.conf"), {"ds": "x"}, environment)
    assert rendered.text == "a = ${b}, c = ${?HOME}, d = x"


def test_lines_keep_their_numbers(environment: Environment) -> None:
    text = "{% set day = ds %}\n\nday = {{ day }}\n"
    rendered = render(PipelineSource(text, "shop.conf"), {"ds": "x"}, environment)
    assert rendered.text.splitlines() == ["", "", "day = x"]


def test_text_of_the_dag_is_not_rendered_a_second_time(environment: Environment) -> None:
    """Airflow has rendered the argument: what a value held then is data, and would now be run."""
    source = PipelineSource('name = "{{ 7 * 7 }}"', None)
    assert render(source, {}, environment) is source


def test_a_file_without_expressions_is_left_as_it_is(environment: Environment) -> None:
    source = PipelineSource("a {# comment\n}\n", "shop.conf")
    assert render(source, {}, environment) is source


def test_what_a_value_holds_is_not_rendered_again(environment: Environment) -> None:
    rendered = render(PipelineSource("a = {{ text }}", "shop.conf"), {"text": "{{ ds }}", "ds": "x"}, environment)
    assert rendered.text == "a = {{ ds }}"


def test_airflows_own_environment_keeps_its_comment_marks(environment: Environment) -> None:
    hocon_environment(environment)
    assert environment.comment_start_string == "{#"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a = 1\nb = {{ ds | nope }}", 2, "No filter named 'nope'"),
        ("a = 1\nb = {{ nope }}", 2, "'nope' is undefined"),
        ("a = 1\n{% if ds %}\nb = 2", 2, "Unexpected end of template"),
    ],
    ids=["filter", "undefined", "open block"],
)
def test_an_error_of_jinja_names_the_file_and_the_line(
    environment: Environment, text: str, line: int, message: str
) -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        render(PipelineSource(text, "shop.conf"), {"ds": "x"}, environment)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("shop.conf", line)
    assert message in problem.message


def test_an_expression_that_raises_is_an_error_of_the_description(environment: Environment) -> None:
    """Whatever the user's own expression raises; a retry does not help."""
    with pytest.raises(PipelineDefinitionError, match=r"shop\.conf"):
        render(PipelineSource("a = {{ 1 / 0 }}", "shop.conf"), {}, environment)
