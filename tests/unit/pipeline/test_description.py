from __future__ import annotations

import json
import pathlib

import pytest

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.parser import load_pipeline, parse_pipeline
from airflow_spark_pipeline.pipeline.schema import FIELDS
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec

WAY_OUT = "write package.module.Class"
REFERENCE = """
spark {
  app-name = "Daily ETL"
  master = "local[2]"
  config {
    "spark.sql.shuffle.partitions" = "200"
  }
}
pipeline {
  pipeline-name = "Daily ETL Pipeline"
  fail-fast = false
  checkpoint {
    enabled = true
    location = "s3a://data-lake/checkpoints"
    auto-resume = yes
    cleanup-on-success = off
  }
  pipeline-components = [
    {
      instance-type = "com.example.Extract"
      instance-name = "Extract(orders)"
      instance-config { input-path = "s3a://raw", columns = [a, b] }
    },
    {
      instance-type = "com.example.Load"
    }
  ]
}
"""


def problems(text: str, file: str | None = None) -> list[str]:
    with pytest.raises(PipelineDefinitionError) as caught:
        parse_pipeline(text, file=file)
    return [str(problem) for problem in caught.value.problems]


def pipeline(fields: str = "", component: str = "", checkpoint: str = "", spark: str = "") -> str:
    return f"""spark {{ {spark} }}
    pipeline {{ pipeline-name = p, {fields}
      checkpoint {{ {checkpoint} }}
      pipeline-components = [ {{ instance-type = m.C, {component} }} ] }}"""


def test_the_format_of_the_reference_page_loads_field_for_field() -> None:
    assert parse_pipeline(REFERENCE, file="etl.conf") == PipelineSpec(
        pipeline_name="Daily ETL Pipeline",
        fail_fast=False,
        spark=SparkSpec("Daily ETL", "local[2]", {"spark.sql.shuffle.partitions": "200"}),
        checkpoint=CheckpointSpec(
            enabled=True,
            location="s3a://data-lake/checkpoints",
            auto_resume=True,
            cleanup_on_success=False,
            given=frozenset({"enabled", "location", "auto_resume", "cleanup_on_success"}),
        ),
        components=(
            ComponentSpec(
                "com.example.Extract",
                "Extract(orders)",
                {"input-path": "s3a://raw", "columns": ["a", "b"]},
                "pipeline.pipeline-components[0]",
            ),
            ComponentSpec("com.example.Load", "Load", {}, "pipeline.pipeline-components[1]"),
        ),
        source="etl.conf",
    )


def test_unset_fields_have_the_documented_defaults() -> None:
    spec = parse_pipeline("pipeline { pipeline-name = p, pipeline-components = [ { instance-type = Extract } ] }")
    assert spec.checkpoint == CheckpointSpec(False, None, False, True, given=frozenset())
    assert (spec.fail_fast, spec.spark, spec.source) == (True, SparkSpec(None, None, {}), None)


def test_null_means_not_set() -> None:
    spec = parse_pipeline(pipeline(checkpoint="enabled = null", component="instance-config = null"))
    assert spec.checkpoint.given == frozenset()


def test_variables_for_substitution_may_stand_at_the_top() -> None:
    spec = parse_pipeline("root = /data\n" + pipeline(component='instance-config { a = ${root}"/in" }'))
    assert spec.components[0].instance_config == {"a": "/data/in"}


def test_all_problems_of_a_file_are_reported_at_once_with_path_file_and_line() -> None:
    text = """spark { masters = local }
pipeline {
  pipeline_name = p
  fail-fast = 7
  checkpoint = yes
  pipeline-components = [
    { instance-name = a }
    { instance-type = "m:C", instance-config = [1] }
    5
  ]
}"""
    assert problems(text, "etl.conf") == [
        (
            "etl.conf:1: spark.masters: unknown key 'masters'; did you mean 'master'? "
            "(known: app-name, master, config, connect-string)"
        ),
        "etl.conf:2: pipeline.pipeline-name: missing; expected text",
        (
            "etl.conf:3: pipeline.pipeline_name: unknown key 'pipeline_name'; did you mean 'pipeline-name'? "
            f"(known: {', '.join(FIELDS['pipeline'])})"
        ),
        "etl.conf:4: pipeline.fail-fast: expected true or false, found a whole number (7)",
        'etl.conf:5: pipeline.checkpoint: expected an object, found text ("yes")',
        "etl.conf:7: pipeline.pipeline-components[0].instance-type: missing; expected text",
        "etl.conf:8: pipeline.pipeline-components[1].instance-type: 'm:C' is not a Python name; " + WAY_OUT,
        "etl.conf:8: pipeline.pipeline-components[1].instance-config: expected an object, found a list",
        "etl.conf:9: pipeline.pipeline-components[2]: expected an object, found a whole number (5)",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("failFast", "fail-fast"), ("pipeline_components", "pipeline-components"), ("chekpoint", "checkpoint")],
)
def test_an_unknown_key_comes_with_a_suggestion(written: str, meant: str) -> None:
    assert f"did you mean '{meant}'?" in problems(pipeline(fields=f"{written} = x"))[0]


def test_an_unknown_key_that_resembles_nothing_comes_with_all_that_are_known() -> None:
    assert "known: enabled, location" in problems(pipeline(checkpoint="zzz = x"))[0]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("http://host", "expected sc://host:port/;name=value;…"),
        ("sc://host:port", "the port is not a number between 0 and 65535"),
        (
            "sc://etl:secret@host",
            "expected nothing between sc://host:port/ and the first semicolon; a token is ;token=…",
        ),
        ("sc://host/;token", "expected name=value after each semicolon"),
        ("sc://host/;session_id=1", "remove session_id: each attempt has its own session"),
    ],
)
def test_a_connection_string_that_spark_would_not_take_is_refused_without_its_secrets(
    written: str, problem: str
) -> None:
    (found,) = problems(pipeline(spark=f'connect-string = "{written}"'))
    assert found.endswith(f": spark.connect-string: {problem}")


def test_a_master_together_with_a_connection_string_is_refused() -> None:
    (found,) = problems(pipeline(spark='connect-string = "sc://host", master = "local[2]"'))
    assert "spark.master: with `connect-string` the server has a master already" in found


def test_a_pipeline_is_required() -> None:
    assert problems("spark {}") == ["'pipeline' is missing"]
    assert problems("pipelines {}") == ["'pipeline' is missing; did you misspell it as 'pipelines'?"]


@pytest.mark.parametrize(
    ("line", "key", "found"),
    [
        (
            'checkpoint { location = "/data" }',
            "checkpoint",
            "this is a key of 'pipeline', and nothing uses it here",
        ),
        ("fail-fast = false", "fail-fast", "this is a key of 'pipeline', and nothing uses it here"),
        ("hooks = []", "hooks", "this is a key of 'pipeline' and 'component', and nothing uses it here"),
        ("timeout = 5 minutes", "timeout", "this is a key of 'component', and nothing uses it here"),
        ('master = "yarn"', "master", "this is a key of 'spark', and nothing uses it here"),
        ("config-match { a = ${?config-match.b} }", "config-match", "this is a key of 'checkpoint'"),
        ('sparc { master = "yarn" }', "sparc", "did you mean 'spark'? Otherwise, remove it"),
        ('Spark.master = "yarn"', "Spark", "did you mean 'spark'? Otherwise, remove it"),
        ("pipelines { fail-fast = false }", "pipelines", "did you mean 'pipeline'? Otherwise, remove it"),
    ],
)
def test_a_part_of_the_description_at_the_wrong_place_is_an_error(line: str, key: str, found: str) -> None:
    (problem,) = problems(f"{pipeline()}\n{line}")
    assert f": {key}: " in problem
    assert found in problem


@pytest.mark.parametrize(
    "lines",
    [
        "root = /data",  # a variable that nothing uses
        "timeline { start = 3 }",
        "sparks = 3",
        "log-level = ERROR\npipeline.log-level = ${log-level}",
        "pipeline-defaults { fail-fast = false }\npipeline = ${pipeline-defaults} ${pipeline}",
        "sparc { master = yarn }\nother = ${sparc.master}",
    ],
)
def test_a_variable_may_have_any_name(lines: str) -> None:
    assert parse_pipeline(f"{pipeline()}\n{lines}").warnings == ()


def test_an_included_variable_that_resembles_a_part_of_the_description_is_a_warning(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "common.conf").write_text("root = /data\ntimeout = 5 minutes\n")
    spec = parse_pipeline(f'include "common.conf"\n{pipeline()}', file="etl.conf", base_dir=tmp_path)
    (warning,) = spec.warnings
    assert (warning.file, warning.line, warning.path) == (str(tmp_path / "common.conf"), 2, "timeout")


def test_an_empty_component_list_is_an_error() -> None:
    (found,) = problems("pipeline { pipeline-name = p, pipeline-components = [] }")
    assert "pipeline.pipeline-components: the list is empty" in found


def test_a_missing_component_list_is_an_error() -> None:
    assert "pipeline.pipeline-components: missing; expected a list" in problems("pipeline { pipeline-name = p }")[0]


def test_two_components_of_one_name_are_an_error_that_names_both_and_the_way_out() -> None:
    (found,) = problems(
        "pipeline { pipeline-name = p, pipeline-components = [{ instance-type = a.C }\n { instance-type = b.C }] }"
    )
    assert found.startswith("line 2: pipeline.pipeline-components[1].instance-name: `C` is also the name of ")
    assert "pipeline.pipeline-components[0]" in found
    assert "set a different `instance-name`" in found


@pytest.mark.parametrize("name", ["C", "com.example.Extract", "my_etl.Extract", "a._b.C1"])
def test_a_dotted_python_name_is_a_class(name: str) -> None:
    text = f"pipeline {{ pipeline-name = p, pipeline-components = [ {{ instance-type = {name} }} ] }}"
    assert parse_pipeline(text).components[0].instance_name == name.rpartition(".")[2]


@pytest.mark.parametrize("name", ["a..C", ".C", "C.", "a b.C", "a-b.C", "a:C", "a/C", "a.class", "1a.C"])
def test_anything_else_is_no_class(name: str) -> None:
    text = f'pipeline {{ pipeline-name = p, pipeline-components = [ {{ instance-type = "{name}" }} ] }}'
    assert "is not a Python name" in problems(text)[0]


def test_an_empty_name_is_an_error() -> None:
    assert problems(pipeline().replace("pipeline-name = p", 'pipeline-name = ""'))[0].endswith("the text is empty")


def test_a_value_inside_a_substituted_object_has_the_line_where_it_is_written() -> None:
    text = (
        "base { pipeline-name = p, fail-fast = x, pipeline-components = [{ instance-type = C }] }\npipeline = ${base}"
    )
    with pytest.raises(PipelineDefinitionError) as caught:
        parse_pipeline("\n" + text)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == ("pipeline.fail-fast", 2)


def test_a_value_that_is_a_substitution_has_the_line_of_its_key() -> None:
    text = "x = maybe\npipeline { pipeline-name = p, pipeline-components = [{ instance-type = C }]\nfail-fast = ${x} }"
    with pytest.raises(PipelineDefinitionError) as caught:
        parse_pipeline(text)
    assert [problem.line for problem in caught.value.problems] == [3]


def test_the_line_is_that_of_the_last_assignment() -> None:
    assert pipeline().count("\n") == 3
    text = pipeline() + "\npipeline.fail-fast = true\npipeline { fail-fast = maybe }"
    with pytest.raises(PipelineDefinitionError) as caught:
        parse_pipeline(text)
    assert [problem.line for problem in caught.value.problems] == [6]


def test_a_list_whose_positions_shift_keeps_the_right_lines() -> None:
    text = "pipeline { pipeline-name = p, pipeline-components = [\n${?NOT_SET_ANYWHERE}\n{ instance-type = 1 }\n] }"
    with pytest.raises(PipelineDefinitionError) as caught:
        parse_pipeline(text)
    assert caught.value.problems[0].line == 3


def test_the_source_of_a_file_on_disk_is_its_path(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "etl.conf"
    path.write_text(REFERENCE, encoding="utf-8")
    assert load_pipeline(path).source == str(path)
    assert load_pipeline(str(path)) == load_pipeline(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the description is empty"),
        (b"\xef\xbb\xbf \n", "the description is empty"),
        (b"# nothing\n", "'pipeline' is missing"),
        (b"[1, 2]", "the file contains a list"),
        (b"a = 1\nb = \xff", "is not UTF-8: line 2 has the byte 0xff"),
        (b"a = 1\nb = \0", "a NUL byte"),
    ],
)
def test_a_file_that_cannot_be_a_description_is_an_error(tmp_path: pathlib.Path, content: bytes, message: str) -> None:
    path = tmp_path / "etl.conf"
    path.write_bytes(content)
    with pytest.raises(PipelineDefinitionError) as caught:
        load_pipeline(path)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.file == str(path)


def test_a_missing_file_and_a_directory_are_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(PipelineDefinitionError, match=r"gone\.conf: the file does not exist"):
        load_pipeline(tmp_path / "gone.conf")
    with pytest.raises(PipelineDefinitionError, match="this is a directory"):
        load_pipeline(tmp_path)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a {\n b = 1\n", 1, 3, "the `{` that opens here is never closed"),
        ("a = [\n 1\n", 1, 5, "the `[` that opens here is never closed"),
        ("a = 1\n}", 2, 1, "`}` does not match anything"),
        ("a = [1}", 1, 5, "never closed"),
        ('a = 1\n  b = "x\nc = 2', 2, 7, "a quoted string is not closed on its line"),
        ('a = """x\n', 1, 5, "never closed"),
        ("a = 1\nb\nc = 2", 2, 1, "a key has no value; write `=`"),
        ("a =\n", 1, 4, 'a key has no value; write ""'),
        ("a..b = 1", 1, 1, "has an empty part"),
        ("= 1", 1, 1, "a key is missing"),
        ("{ a = 1 } b = 2", 1, 11, "more text after its closing brace"),
        ("a = ${x", 1, 5, "starts a substitution"),
        ("\n\na = ${}", 3, 5, "a key is missing"),
    ],
)
def test_a_syntax_error_is_short_and_shows_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        parse_pipeline(text, file="etl.conf")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert (problem.file, problem.line) == ("etl.conf", line)
    assert f"(column {column}" in problem.message
    assert len(str(problem)) < 250


COMPONENTS = """pipeline {
  pipeline-name = p
  pipeline-components = [
    {
      instance-type = a.B
      instance-config { day = "{{ ds }}" }
    }
    {
      instance-type = a.C
      instance-config {
        list = [
          1
        ]
      }
    }
  ]
}
"""


def problems_when_rendered(text: str) -> list[str]:
    with pytest.raises(PipelineDefinitionError) as caught:
        parse_pipeline(text, file="etl.conf", render=lambda text, _: text)
    return [str(problem) for problem in caught.value.problems]


def without(line: int) -> str:
    lines = COMPONENTS.splitlines()
    assert lines[line - 1].strip() in ("}", "]")
    return "\n".join(lines[: line - 1] + lines[line:])


def with_another(closing: str, after: int, indent: int) -> str:
    lines = COMPONENTS.splitlines()
    return "\n".join([*lines[:after], " " * indent + closing, *lines[after:]])


@pytest.mark.parametrize(
    ("removed", "opened"), [(7, 4), (13, 11), (14, 10), (15, 8), (16, 3), (17, 1)], ids=lambda line: f"line {line}"
)
def test_a_missing_closing_bracket_is_reported_with_the_line_that_opens_it(removed: int, opened: int) -> None:
    (found,) = problems_when_rendered(without(removed))
    assert found.startswith(f"etl.conf:{opened}: the `")
    assert "that opens here is never closed" in found
    assert "Jinja" not in found


@pytest.mark.parametrize(
    ("closing", "after", "indent"),
    [("}", 7, 4), ("}", 6, 6), ("}", 14, 6), ("]", 13, 8), ("}", 17, 0), ("]", 16, 2), ("}", 2, 2), ("}", 15, 2)],
)
def test_an_extra_closing_bracket_is_reported_with_its_line(closing: str, after: int, indent: int) -> None:
    (found,) = problems_when_rendered(with_another(closing, after, indent))
    assert found.startswith(f"etl.conf:{after + 1}: `{closing}` does not match anything that is open here")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a = 1\nsql = """select\n  1\nb = 2\n', 2),
        ('a = 1\nsql = """select\n  1\nb = """x"""\nc = 3', 2),
        ('a { sql = """select\n1"""\n}\nb { sql = """select\n2\n}\nc { sql = """select\n3"""\n}\n', 4),
        ('a = 1\nb = "x\nc = "y"\n', 2),
        ('a = 1\nb = x"\nc = "y"\n', 2),
        ('a = [\n"x,\n"y"\n]', 2),
    ],
)
def test_a_quote_that_is_never_closed_is_named_by_the_line_that_opens_it(text: str, line: int) -> None:
    (found,) = problems(text, "etl.conf")
    assert found.startswith(f"etl.conf:{line}: ")
    assert "closed" in found


def test_an_unrendered_template_is_recognised_when_the_task_runs() -> None:
    (found,) = problems_when_rendered(COMPONENTS.replace('"{{ ds }}"', "{{ ds }}"))
    assert "Jinja" in found


@pytest.mark.parametrize(
    "value",
    [
        "\"select '${city}'\"",
        '"""select\n\'${city}\'"""',
        '"a" "${city}"',
        '["x", "${city}"]',
        '{ deep = "${?city}" }',
        '${city}" and ${city}"',
    ],
)
def test_a_substitution_inside_quotes_is_reported_with_its_key_and_line(value: str) -> None:
    spec = parse_pipeline(
        "city = Oslo\n" + pipeline(component="instance-config { sql = " + value + " }"), file="etl.conf"
    )
    (warning,) = spec.warnings
    assert warning.file == "etl.conf"
    assert warning.line == (6 if "\n" in value else 5)
    assert warning.path.startswith("pipeline.pipeline-components[0].instance-config.sql")
    assert "city}` is inside quotes" in warning.message
    assert '"""…"""${' in warning.message


@pytest.mark.parametrize(
    "value",
    ['"$city"', '"${spark.app.name}"', '"${secret:env://X}"', '"${env:HOME}"', '"a$"', '"^x{2}${"', "${city}", '"${}"'],
)
def test_text_that_hocon_would_not_substitute_gives_no_warning(value: str) -> None:
    spec = parse_pipeline("city = Oslo\n" + pipeline(component="instance-config { sql = " + value + " }"))
    assert spec.warnings == ()


def test_the_way_that_a_warning_shows_gives_the_value() -> None:
    spec = parse_pipeline("city = Oslo\n" + pipeline(component='instance-config { s = """a \'"""${city}"""\' b""" }'))
    assert spec.components[0].instance_config == {"s": "a 'Oslo' b"}
    assert spec.warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        "db { password = hunter2! }",
        "tokens = [\n  hunter2!42\n]",
        "password =\n  hunter2@x",
        "credentials {\n  user = hunter2@x\n}",
        "password = sword,hunter2",
        "password = 'sword,hunter2'",
        "password = sword,hunter2..x",
        "password = sword,hunter2:x:y",
        "password = sword,hunter2==",
        "password = sword,hunter2=\n",
        "private-key = -----BEGIN KEY-----\nhunter2AAA\nhunter2B==",
        'password = "sword\nhunter2"',
        'password = """sword\nhunter2',
        "password = sword${hunter2",
        "password = ${x${hunter2}}",
        "text = hunter2 = x",
        "text = hunter2@host",
    ],
)
def test_a_syntax_error_shows_no_text_of_the_file(text: str) -> None:
    """What seems to be a key may be a part of a password, and the name of a secret may be on an earlier line."""
    (found,) = problems(text)
    assert "hunter2" not in found
    assert "column" in found


def test_text_like_a_substitution_inside_a_secret_is_not_shown() -> None:
    with pytest.raises(PipelineDefinitionError, match="missing"):
        parse_pipeline('password = "sword${hunter2}"')
    spec = parse_pipeline(pipeline(component='instance-config { password = "sword${hunter2}" }'))
    assert "hunter2" not in str(spec.warnings[0])


def test_a_problem_can_travel_as_json() -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        parse_pipeline("a = [1,,2]")
    assert Problem(**json.loads(json.dumps(caught.value.problems[0].to_dict()))) == caught.value.problems[0]


@pytest.mark.parametrize("character", ["\\n", "\\r", "\\t", "\\u001b", "\\u0085", "\\u2028", "\\u007f"])
@pytest.mark.parametrize("key", ["instance-name", "pipeline-name"])
def test_a_name_is_one_line_without_control_characters(key: str, character: str) -> None:
    name = f'{key} = "a{character}b"'
    text = pipeline(component=name) if key == "instance-name" else f"{pipeline()}\npipeline.{name}"
    (problem,) = problems(text)
    assert f"{key}: the text contains a line break or another control character" in problem
    assert parse_pipeline(text.replace(character, " é\u00a0"))


def test_a_line_break_that_is_written_with_a_backslash_does_not_move_the_line_of_a_warning() -> None:
    value = r'"select 1\nfrom t where c = ${city}"'
    (warning,) = parse_pipeline(pipeline(component=f"instance-config {{ sql = {value} }}"), file="etl.conf").warnings
    assert warning.line == 4
