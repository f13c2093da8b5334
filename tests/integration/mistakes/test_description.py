"""Mistakes in a description: one error that names the field, its line and the way out."""

from __future__ import annotations

import traceback

import pytest

from airflow_spark_pipeline.exceptions import SparkPipelineError
from tests.mistakes import EXTRACT, LOAD, Shop, describe

# ---- the file itself


def test_an_error_is_printed_once(shop: Shop) -> None:
    """Airflow logs an error with all that led to it: another copy of the text would stand above this one."""
    with pytest.raises(SparkPipelineError) as caught:
        shop.run(pipeline="shopp.conf")
    assert "".join(traceback.format_exception(caught.value)).count(str(caught.value)) == 1


def test_a_file_that_does_not_exist_is_named_in_full_with_the_place_where_paths_start(shop: Shop) -> None:
    text = shop.mistake(pipeline="shopp.conf")
    assert f"{shop.folder / 'shopp.conf'}: there is no such file" in text
    assert "next to the DAG file" in text


def test_a_directory_is_not_a_description(shop: Shop) -> None:
    (shop.folder / "confs").mkdir()
    assert shop.mistake(pipeline="confs") == f"{shop.folder / 'confs'}: is a directory; name the .conf file"


def test_a_file_that_is_not_utf_8_is_named_with_the_byte(shop: Shop) -> None:
    shop.conf.write_bytes(describe().replace("Shop", "Caf\xe9").encode("latin-1"))
    text = shop.mistake()
    assert str(shop.conf) in text
    assert "not UTF-8" in text
    assert "0xe9" in text


@pytest.mark.parametrize("text", ["", "   \n\n", "# only a comment\n"], ids=["no byte", "blanks", "a comment"])
def test_an_empty_file_is_reported_as_empty(shop: Shop, text: str) -> None:
    found = shop.mistake_in(text)
    assert found.startswith(str(shop.conf))
    assert "empty" in found or "'pipeline' is missing" in found


def test_the_error_about_an_empty_argument_explains_what_to_pass(shop: Shop) -> None:
    assert "the argument pipeline is empty: give a path, a URL, or the text" in shop.mistake(pipeline="{{ ' ' }}")


def test_a_url_that_cannot_be_read_is_named(shop: Shop) -> None:
    text = shop.mistake(pipeline="file:///no/such/place/shop.conf")
    assert text.startswith("file:///no/such/place/shop.conf: cannot be read")


def test_a_url_of_an_unknown_kind_is_named(shop: Shop) -> None:
    text = shop.mistake(pipeline="gopher://host/shop.conf")
    assert text.startswith("gopher://host/shop.conf: cannot be read")
    assert "gopher" in text.removeprefix("gopher://host/shop.conf")


SYNTAX: dict[str, tuple[str, int | None, str]] = {
    "unclosed": (describe().replace("]\n\n}", "]"), None, "never closed"),
    "quote": (describe(name='pipeline-name = "Shop'), 2, "a quoted string is not closed on its line"),
    "reserved": (describe(name="pipeline-name = Shop & Co"), 2, "the character `&` has a special meaning in HOCON"),
    "separator": (describe(name="pipeline-name Shop"), 2, "a key has no value"),
    "commas": (describe(EXTRACT, ",,", LOAD), 5, "comma"),
}


@pytest.mark.parametrize(("text", "line", "message"), SYNTAX.values(), ids=SYNTAX.keys())
def test_a_syntax_error_is_reported_with_its_line(shop: Shop, text: str, line: int | None, message: str) -> None:
    found = shop.mistake_in(text)
    assert found.startswith(f"{shop.conf}:{line or ''}")
    assert message in found


def test_invalid_text_in_the_dag_is_refused_with_its_line_too(shop: Shop) -> None:
    assert shop.mistake(pipeline=describe(more="fail-fats = true")).startswith(
        "line 7: pipeline.fail-fats: unknown key"
    )


def test_a_jinja_error_has_its_line(shop: Shop) -> None:
    text = shop.mistake_in(describe(more="retry-policy.max-retries = {{ ds | no_such_filter }}"))
    assert text.startswith(f"{shop.conf}:7: Jinja: ")
    assert "no_such_filter" in text


def test_an_undefined_jinja_variable_has_its_line(shop: Shop) -> None:
    text = shop.mistake_in(describe(name='pipeline-name = "Shop of {{ owner_of_shop }}"'))
    assert text.startswith(f"{shop.conf}:2: Jinja: ")
    assert "'owner_of_shop' is undefined" in text


def test_an_unknown_parameter_is_named(shop: Shop) -> None:
    found = shop.mistake_in(describe(name='pipeline-name = "Shop {{ params.month }}"'))
    assert "'params.month' is undefined: the DAG has no such param (it has: day)" in found


def test_an_unresolved_substitution_is_named_with_its_line(shop: Shop) -> None:
    text = shop.mistake_in(describe(name="pipeline-name = ${shop.nam}"))
    assert text.startswith(f"{shop.conf}:2: ")
    assert "shop.nam" in text


def test_a_missing_include_is_named_with_the_line_that_names_it(shop: Shop) -> None:
    text = shop.mistake_in('include required("base.conf")\n' + describe())
    assert text.startswith(f"{shop.conf}:1: ")
    assert str(shop.folder / "base.conf") in text


def test_files_that_include_each_other_are_named(shop: Shop) -> None:
    (shop.folder / "base.conf").write_text('include "shop.conf"\n', encoding="utf-8")
    text = shop.mistake_in('include "base.conf"\n' + describe())
    assert "files include each other in a circle" in text
    assert f"{shop.conf} -> {shop.folder / 'base.conf'} -> {shop.conf}" in text


# ---- what the description says


DESCRIPTIONS: dict[str, tuple[str, str]] = {
    "pipeline misspelled": (
        "pipelin { pipeline-name = Shop }",
        "'pipeline' is missing; did you misspell it as 'pipelin'?",
    ),
    "name missing": (describe(name=""), ": pipeline.pipeline-name: missing; expected text"),
    "name blank": (describe(name='pipeline-name = " "'), ":2: pipeline.pipeline-name: the text is empty"),
    "components empty": (
        describe(" "),
        ": pipeline.pipeline-components: the list is empty; a pipeline needs at least one component",
    ),
    "components missing": (
        "pipeline { pipeline-name = Shop }",
        "pipeline.pipeline-components: missing; expected a list",
    ),
    "components misspelled": (
        describe().replace("pipeline-components", "pipeline-component"),
        "did you mean 'pipeline-components'?",
    ),
    "name twice": (describe(EXTRACT, EXTRACT), "`Extract` is also the name of pipeline.pipeline-components[0]"),
    "type missing": (
        describe("{ instance-name = Extract }"),
        ":4: pipeline.pipeline-components[0].instance-type: missing; expected text",
    ),
    "type with dash": (
        describe("{ instance-type = shop-etl.Extract }"),
        "'shop-etl.Extract' is not a Python name; write package.module.Class",
    ),
    "type a number": (describe("{ instance-type = 5 }"), "'5' is not a Python name"),
    "component as text": (
        describe("shop_etl.Extract"),
        ":4: pipeline.pipeline-components[0]: expected an object, found text",
    ),
    "key misspelled": (
        describe(more="fail-fats = true"),
        ":7: pipeline.fail-fats: unknown key 'fail-fats'; did you mean 'fail-fast'?",
    ),
    "key in camel case": (describe(more="failFast = true"), "unknown key 'failFast'; did you mean 'fail-fast'?"),
    "flag no flag": (describe(more="fail-fast = maybe"), ":7: pipeline.fail-fast: expected true or false, found text"),
    "block as flag": (describe(more="checkpoint = yes"), ":7: pipeline.checkpoint: expected an object"),
    "flag as list": (
        describe(more="checkpoint { enabled = [1] }"),
        "pipeline.checkpoint.enabled: expected true or false, found a list",
    ),
    "retry-policy": (
        describe(more="retry-policy { max-retries = -3 }"),
        ":7: pipeline.retry-policy.max-retries: -3 is out of range; expected 0 or more",
    ),
    "hooks": (
        describe(more='hooks = [ { instance-type = "airflow_spark_pipeline.runtime.lifecycle.AuditHook" } ]'),
        "pipeline.hooks[0].instance-type: 'airflow_spark_pipeline.runtime.lifecycle' has no class 'AuditHook'",
    ),
    "hook's config": (
        describe(
            more='hooks = [ { instance-type = "airflow_spark_pipeline.runtime.lifecycle.AuditHooks", '
            "instance-config { path = here.jsonl } } ]"
        ),
        "pipeline.hooks[0].instance-config: AuditHooks could not be constructed: ValueError: the audit path here.jsonl",
    ),
    "all disabled": (
        describe(EXTRACT.replace("instance-type", "enabled = false, instance-type")),
        "pipeline.pipeline-components: no component is enabled",
    ),
    "connect-string": (
        'spark { connect-string = "spark://host" }\n' + describe(),
        ":1: spark.connect-string: expected sc://host:port/",
    ),
    "setting as list": ("spark { config { spark.x = [1, 2] } }\n" + describe(), "expected text, found a list"),
    "number or text": (
        describe(EXTRACT.replace("/in", "007")),
        ":4: pipeline.pipeline-components[0].instance-config.input-path: `007`",
    ),
}


@pytest.mark.parametrize(("text", "message"), DESCRIPTIONS.values(), ids=DESCRIPTIONS.keys())
def test_a_mistake_in_the_description_names_its_path_and_the_way_out(shop: Shop, text: str, message: str) -> None:
    found = shop.mistake_in(text)
    assert str(shop.conf) in found
    assert message in found


def test_all_mistakes_of_a_description_are_reported_at_once(shop: Shop) -> None:
    found = shop.mistake_in(describe("{ instance-name = a }", EXTRACT, EXTRACT, more="fail-fast = 7\ncolour = red"))
    assert found.startswith("4 problems in the pipeline's description:")
    paths = [line.split(": ")[1].removeprefix("pipeline.") for line in found.splitlines()[1:]]
    assert sorted(paths) == [
        "colour",
        "fail-fast",
        "pipeline-components[0].instance-type",
        "pipeline-components[2].instance-name",
    ]
