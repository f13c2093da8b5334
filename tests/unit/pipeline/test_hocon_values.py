"""Constructs that HOCON parsers are known to get wrong: the right value, or an error that explains it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.parser import parse_pipeline


def config(text: str, before: str = "") -> Any:
    """Return the instance-config that ``text`` gives, having gone through JSON."""
    whole = f"""{before}
    pipeline {{ pipeline-name = p, pipeline-components = [ {{ instance-type = m.C, instance-config {{
    {text}
    }} }} ] }}"""
    return json.loads(json.dumps(parse_pipeline(whole).components[0].instance_config))


def spark(text: str) -> dict[str, str]:
    whole = f"spark {{ {text} }}\npipeline {{ pipeline-name = p, pipeline-components = [ {{ instance-type = m.C }} ] }}"
    return dict(parse_pipeline(whole).spark.config)


def problems(text: str, before: str = "") -> tuple[Problem, ...]:
    with pytest.raises(PipelineDefinitionError) as caught:
        config(text, before)
    return caught.value.problems


def message(text: str, before: str = "") -> str:
    (problem,) = problems(text, before)
    return problem.message


def test_a_quoted_spark_key_arrives_without_its_quotes() -> None:
    assert spark('config { "spark.sql.shuffle.partitions" = "200" }') == {"spark.sql.shuffle.partitions": "200"}


def test_an_unquoted_spark_key_arrives_flat() -> None:
    assert spark("config { spark.sql.shuffle.partitions = 200 }") == {"spark.sql.shuffle.partitions": "200"}


def test_a_path_that_ends_in_a_quoted_key_is_one_spark_key() -> None:
    assert spark('config."spark.executor.memory" = 4g') == {"spark.executor.memory": "4g"}


def test_spark_values_are_text_as_it_was_written() -> None:
    found = spark("config { a = true, b = 1.50, c = 007, d = 1e3, e = 5m, f = 10 minutes, g = False }")
    assert found == {"a": "true", "b": "1.50", "c": "007", "d": "1e3", "e": "5m", "f": "10 minutes", "g": "False"}


def test_a_spark_key_that_is_also_a_prefix_is_an_error_because_one_value_would_be_lost() -> None:
    with pytest.raises(PipelineDefinitionError, match=r"spark\.config\.spark\.speculation: .* quotes"):
        spark("config { spark.speculation = true, spark.speculation.multiplier = 2 }")
    assert len(spark('config { "spark.speculation" = true, "spark.speculation.multiplier" = 2 }')) == 2


def test_a_spark_key_that_is_set_quoted_and_unquoted_is_an_error() -> None:
    with pytest.raises(PipelineDefinitionError, match="set twice"):
        spark('config { spark.a = 1, "spark.a" = 2 }')


def test_a_list_in_the_spark_config_is_an_error() -> None:
    with pytest.raises(PipelineDefinitionError, match=r"config\.\"spark\.jars\": expected text, found a list"):
        spark('config { "spark.jars" = [a, b] }')


def test_a_quoted_dotted_key_of_a_config_stays_one_key() -> None:
    assert config('"r0.1" = 1, a."b.c".d = 2, a."e" = 3') == {"r0.1": 1, "a": {"b.c": {"d": 2}, "e": 3}}


def test_keys_may_hold_anything_in_quotes() -> None:
    assert config('"" = 1, "ü ÿ/x" = 2, "include" = 3, "a\\"b" = 4, ключ = 5') == {
        "": 1,
        "ü ÿ/x": 2,
        "include": 3,
        'a"b': 4,
        "ключ": 5,
    }


def test_appending_to_a_list_keeps_all_items_although_pyhocon_keeps_only_the_last() -> None:
    before = "v { l = [1], l += 2, m += x, n = [[2]] }\nv.l += 3\nv { n += [1] }"
    assert config("x = ${v}", before) == {"x": {"l": [1, 2, 3], "m": ["x"], "n": [[2], [1]]}}


def test_appending_to_text_or_to_an_object_is_an_error() -> None:
    assert "can only add to a list, but the key contains text" in message("x = 1", "l = text, l += more")
    assert "can only add to a list, but the key contains an object" in message("x = 1", "l { a = 1 }, l += more")


def test_appending_inside_a_list_is_an_error_because_pyhocon_looks_up_keys_from_the_root_only() -> None:
    assert "does not work inside a list" in message("l = [1], l += 2")


@pytest.mark.parametrize("text", ["5m", "10 minutes", "1 d", "4g", "100ms", "3 weeks", "5 y"])
def test_durations_and_sizes_arrive_as_the_text_that_was_written(text: str) -> None:
    assert config(f"name = {text}, l = [{text}]") == {"name": text, "l": [text]}


def test_escapes_in_quoted_text_are_those_of_json() -> None:
    assert config(r'a = "\u0041\t\n\"\\\/\ud83d\ude00", b = "\u0001"') == {"a": 'A\t\n"\\/😀', "b": "\x01"}


@pytest.mark.parametrize("text", [r'"\d+"', r'"\u12"', r'"\ud83d"'])
def test_an_escape_that_does_not_exist_is_an_error(text: str) -> None:
    assert "escape" in message(f"a = {text}")


def test_tabs_and_empty_texts_survive() -> None:
    assert config('a = "x\ty", l = ["", "a", ""]') == {"a": "x\ty", "l": ["", "a", ""]}


def test_triple_quotes_take_everything_as_it_stands() -> None:
    assert config('a = """x "q" \\d {# //\n y""""') == {"a": 'x "q" \\d {# //\n y"'}


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_pipeline("\ufeffpipeline { pipeline-name = p, pipeline-components = [{ instance-type = C }] }")


@pytest.mark.parametrize("text", ["l = [1,,2]", "l = [,1]", "l = [1,,]", "a = 1,, b = 2", ", a = 1"])
def test_a_comma_with_nothing_before_it_is_an_error(text: str) -> None:
    assert "comma has nothing before" in message(text)


def test_a_comma_at_the_end_and_new_lines_instead_of_commas_are_fine() -> None:
    assert config("l = [1, 2,\n], m = [\n 1\n 2\n],\n o { a = 1, },") == {"l": [1, 2], "m": [1, 2], "o": {"a": 1}}


def test_a_missing_comma_between_two_objects_of_a_list_is_an_error_because_one_would_vanish() -> None:
    assert "a comma is missing between two objects" in message("l = [ { a = 1 } { a = 2 } ]")


def test_whole_numbers_of_any_size_are_exact() -> None:
    assert config("a = 123456789012345678901234567890, b = -5, c = 1.5, d = 1e3, e = 2E+2") == {
        "a": 123456789012345678901234567890,
        "b": -5,
        "c": 1.5,
        "d": 1000.0,
        "e": 200.0,
    }


@pytest.mark.parametrize("text", ["1e999", "-1e999", "9" * 5000])
def test_a_number_that_cannot_be_held_is_an_error(text: str) -> None:
    assert "too large" in message(f"a = {text}")


@pytest.mark.parametrize("text", ["007", "-01", ".5", "5.", "True", "FALSE", "None", "NaN", "Infinity"])
def test_a_value_that_parsers_read_differently_is_an_error(text: str) -> None:
    assert f"`{text}` can be read as text or" in message(f"a = {text}")
    assert config(f'a = "{text}"') == {"a": text}


def test_an_ambiguous_secret_is_not_shown() -> None:
    assert "0042" not in message("password = 0042")


def test_plain_types_arrive_as_json() -> None:
    found = config('a = true, b = false, c = null, d = [1, "1", [true], { x = 1 }], e {}, f = [], g = two words')
    assert found == {
        "a": True,
        "b": False,
        "c": None,
        "d": [1, "1", [True], {"x": 1}],
        "e": {},
        "f": [],
        "g": "two words",
    }
    assert found["a"] is True


def test_comment_marks_inside_texts_are_text() -> None:
    assert config('a = "x // y # z" // comment "\nb = 1 # comment {') == {"a": "x // y # z", "b": 1}


def test_an_unquoted_uri_is_an_error_that_suggests_quotes() -> None:
    assert "quote the value, or put a comma" in message("path = s3a://bucket/x")


def test_two_slashes_inside_an_unquoted_value_are_an_error_because_a_comment_would_cut_it() -> None:
    assert "starts a comment" in message("path = /data//x")


@pytest.mark.parametrize("character", list("?!@*&^`\\+"))
def test_a_reserved_character_is_an_error_that_suggests_quotes(character: str) -> None:
    assert "in quotes" in message(f"a = x{character}")


def test_an_unrendered_template_is_recognised() -> None:
    assert "Jinja" in message("date = {{ ds }}")


def test_three_dots_from_a_documentation_page_are_an_error_that_explains_them() -> None:
    assert "`...` is a placeholder" in message("...")


def test_a_substitution_sees_the_final_value_wherever_it_is_written() -> None:
    assert config("x = ${base.a}, y = pre-${base.a}/post", "base { a = 1 }\nbase.a = 2") == {"x": 2, "y": "pre-2/post"}


def test_a_substitution_with_quotes_finds_a_dotted_key() -> None:
    assert config('x = ${base."a.b"}', 'base { "a.b" = 5m }') == {"x": "5m"}


def test_an_undefined_name_is_reported_even_if_a_later_value_replaces_it() -> None:
    text = "a = ${nowhere}\na = 5\nb = ${?nowhere}\nb = 6\nc = ${a}\nc = 7\n"
    spec = parse_pipeline(text + "pipeline { pipeline-name = p, pipeline-components = [ { instance-type = m.C } ] }")
    (warning,) = spec.warnings
    assert (warning.line, warning.path) == (1, "a")
    assert "`${nowhere}` is not defined" in warning.message


@pytest.mark.parametrize("double", ["${a@}${a@}", "${a@} ${a@}", "{ x = ${a@}, y = ${a@} }", "[${a@}, ${a@}]"])
@pytest.mark.parametrize("first", ["0123456789", "[1, 2, 3]", "{ k = v }"])
def test_lines_that_double_each_other_are_an_error_before_they_fill_the_memory(
    double: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_spark_pipeline.pipeline.parser._MOST_VALUES", 10_000)
    lines = [f"a{level + 1} = " + double.replace("@", str(level)) for level in range(40)]
    before = "\n".join([f"a0 = {first}", *lines])
    if first.startswith("{") and double.startswith("$"):
        assert config("x = ${a40}", before) == {"x": {"k": "v"}}
    else:
        assert re.search("the substitutions (expand|make)", problems("x = ${a40}", before)[0].message)


def test_values_that_would_depend_on_which_of_them_is_resolved_first_are_an_error() -> None:
    before = """b = { a.a.a = [true] }
a.a.b = [${?a}]
a.b = { a = "q", a = ${?b.b.a} }
b = { b.a = [x], b = ${b} ${a.b} }"""
    assert "and another key refer to each other" in problems("x = 1", before)[0].message


def test_a_long_chain_of_substitutions_is_read() -> None:
    before = "\n".join([*(f"a{n} = ${{a{n + 1}}}" for n in range(100)), "a100 = 1"])
    assert config("x = ${a0}", before) == {"x": 1}


def test_a_chain_without_an_end_is_an_error_and_not_a_crash() -> None:
    before = "\n".join([*(f"a{n} = ${{a{n + 1}}}" for n in range(1500)), "a1500 = 1"])
    assert "nested too deeply" in message("x = ${a0}", before)


@pytest.mark.parametrize(
    ("first", "line", "expected"),
    [
        ("n = []", "n += {i}", [*range(200)]),
        ("n = [-1]", "n = ${{n}} [${{zero}}{i}]", [-1, *(f"0{i}" for i in range(200))]),
        ('n = "/"', 'n = ${{n}}"{i}/"', "/" + "".join(f"{i}/" for i in range(200))),
        ("n {{ }}", "n = ${{n}} {{ k{i} = ${{zero}} }}", {f"k{i}": 0 for i in range(200)}),
    ],
)
def test_a_key_may_be_added_to_on_many_lines(first: str, line: str, expected: object) -> None:
    lines = [first.format(), "zero = 0", *(line.format(i=i) for i in range(200))]
    assert config("n = ${n}", "\n".join(lines)) == {"n": expected}


def test_a_value_may_refer_to_the_earlier_value_of_its_key() -> None:
    before = 'n { p = "/a" }\nn { p = ${n.p}"/b", l = [1] }\nn { l = ${n.l} [2] }'
    assert config("n = ${n}", before) == {"n": {"p": "/a/b", "l": [1, 2]}}


def test_an_object_can_extend_another() -> None:
    assert config("x = ${base} { b = 3 }", "base { a = 1, b = 2 }") == {"x": {"a": 1, "b": 3}}


def test_an_undefined_optional_substitution_leaves_everything_as_it_was() -> None:
    assert config("p = /data, p = ${?UNSET_X}, q = ${?UNSET_X}, l = [1, ${?UNSET_X}, 2]") == {"p": "/data", "l": [1, 2]}


LATER_VALUES = {
    "an undefined override leaves the default": ("b { x = 1, x = ${?b.a} }", {"x": 1}),
    "two undefined overrides leave the default": ("b = 1\nb = ${?UNSET_X}\nb = ${?UNSET_Y}", 1),
    "the last override that is defined wins": ("b = 1\nb = ${?c}\nb = ${?UNSET_Y}\nc = 2", 2),
    "an override may be a substitution of a substitution": ("b = 1\nb = ${?c}\nc = ${a}\na = 2", 2),
    "a list that was added to replaces an earlier one": ("b = [1]\nb = ${b}\nb = [2]", [2]),
    "objects that come by substitution are merged": (
        "b.d = ${?d}\nb = ${?e}\nd.d.d = 1\ne.d.e = 1",
        {"d": {"d": {"d": 1}, "e": 1}},
    ),
    "an object with a list that was added to": ("b.k = 1\nb = ${c}\nc { l = [1], l += 2 }", {"k": 1, "l": [1, 2]}),
    "an object replaces text": ("b = 1\nb { a = 1 }", {"a": 1}),
    "text replaces an object": ("b { a = 1 }\nb = 1", 1),
    "after text, an older object is forgotten": ("b { a = 1 }\nb = null\nb { c = 2 }", {"c": 2}),
    "a substitution, then keys": ("b = ${c}\nb { x = 1 }\nc { x = 0, y = 2 }", {"x": 1, "y": 2}),
    "an optional substitution, then keys": ("b = ${?c}\nb { x = 1 }\nc { y = 2 }", {"x": 1, "y": 2}),
    "keys, a substitution, keys": (
        "b { x = 1, z = 1 }\nb = ${c}\nb { x = 3 }\nc { x = 0, y = 2 }",
        {"x": 3, "y": 2, "z": 1},
    ),
    "two substitutions, then a key by its path": (
        "b = ${c}\nb = ${d}\nb.e.x = 1\nc.e.y = 2\nd { e.z = 3, f = 4 }",
        {"e": {"x": 1, "y": 2, "z": 3}, "f": 4},
    ),
    "deep below a substitution": (
        "b.k.l = ${c}\nb.k { l.m.x = 1 }\nc.m { x = 0, y = 2 }",
        {"k": {"l": {"m": {"x": 1, "y": 2}}}},
    ),
    "joined substitutions and keys, then more keys": (
        "b = ${c} ${d} { x = 1 }\nb { y = 5 }\nc { x = 0, y = 0, z = 0 }\nd { y = 1, v = 1 }",
        {"x": 1, "y": 5, "z": 0, "v": 1},
    ),
    "a key that is defined below the substitution is seen": ("b { p = 1, q = ${b.p} }\nb { p = 2 }", {"p": 2, "q": 2}),
}


@pytest.mark.parametrize(("before", "value"), LATER_VALUES.values(), ids=LATER_VALUES)
def test_a_later_value_is_merged_with_an_earlier_one_as_hocon_defines(before: str, value: Any) -> None:
    assert config("x = ${b}", before) == {"x": value}


@pytest.mark.parametrize("name", ["${commn.spark}", "${common.sprk}", "${common.spark.x}", "${c}"])
@pytest.mark.parametrize(
    "layers",
    [
        "b = {}\nb { x = 1 }",
        "b { x = 1 }\nb = {}",
        "b { x = 1 }\nb = {} {{ y = 1 }}\nb.z = 1",
        "b.c = {}\nb.c.d = 1",
        "b = ${{?b}} {}\nb {{ x = 1 }}",
    ],
)
def test_a_misspelled_substitution_that_keys_are_merged_with_is_an_error_with_its_line(name: str, layers: str) -> None:
    before = "common.spark { master = local }\n" + layers.replace("{}", name).replace("{{", "{").replace("}}", "}")
    (problem,) = problems("n = 1", before)
    assert f"`{name}` is defined neither" in problem.message
    assert problem.line == before[: before.index(name)].count("\n") + 1


@pytest.mark.parametrize(
    "before",
    [
        "b { l = [1] }\na = ${b} { l += 2 }",
        "b { l = [1] }\na = ${b}\na.l += 2",
        "b.l = [1]\na = ${b}\na.l = ${a.l} [2]",
    ],
)
def test_adding_to_a_substituted_list_is_an_error_because_other_parsers_lose_the_list(before: str) -> None:
    assert "refer to where the value is written" in message("x = 1", before)
    assert config("x = ${a}", "b { l = [1] }\na = ${b} { l = ${b.l} [2] }") == {"x": {"l": [1, 2]}}


def test_environment_variables_are_looked_up_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_ENV", "5")
    monkeypatch.setenv("inside", "environment")
    assert config("a = ${FROM_ENV}, b = ${?FROM_ENV}, c = ${inside}", "inside = file") == {
        "a": "5",
        "b": "5",
        "c": "file",
    }


def test_an_environment_variable_can_override_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_ENV", "/other")
    assert config("p = /data\np = ${?FROM_ENV}") == {"p": "/other"}


def test_every_unresolved_substitution_is_named_with_its_line() -> None:
    found = problems("a = ${x.y}\nb = 1\nc = [x ${nowhere} y]")
    config = "pipeline.pipeline-components[0].instance-config"
    assert [(p.path, p.line) for p in found] == [(f"{config}.a", 3), (f"{config}.c[0]", 5)]
    assert "`${x.y}` is defined neither" in found[0].message


@pytest.mark.parametrize(
    ("before", "keys"),
    [
        ("a = ${b}\nb = ${a}", "`a` -> `b` -> `a`"),
        ("a = ${b}\nb = x ${c}\nc = ${?a}", "`a` -> `b` -> `c` -> `a`"),
        ("a { b = ${c} }\nc { d = ${a} }", "`a.b` -> `c.d` -> `a.b`"),
        ("a = ${a}", "`${a}` refers to an earlier value of `a`, but there is none: set it before, or remove `${a}`"),
        (
            "a = x ${a} y",
            "`${a}` refers to an earlier value of `a`, but there is none: set it before, or remove `${a}`",
        ),
    ],
)
def test_a_cycle_is_reported_with_its_keys(before: str, keys: str) -> None:
    found = problems("x = 1", before)
    assert len(found) == 1
    assert keys in found[0].message
    assert found[0].line


@pytest.mark.parametrize(
    "before", ["a { b = ${a} }", "a { b = ${a}, c = ${a}, d = ${a}, e = ${a} }", "a = [{ b = ${a} }]"]
)
def test_a_value_that_contains_itself_is_an_error(before: str) -> None:
    assert "the value of `a` contains itself" in problems("x = 1", before)[0].message


def test_an_object_can_grow_a_few_times() -> None:
    before = "a { x0 = 0 }\n" + "\n".join(f"a = ${{a}} {{ x{n} = {n} }}" for n in range(1, 4))
    assert config("a = ${a}", before) == {"a": {f"x{n}": n for n in range(4)}}


def test_white_space_between_joined_parts_is_kept_and_around_them_dropped() -> None:
    assert config('x =  ${a}  ${b} "c  "${a}"  " ', "a = 1\nb = 2") == {"x": "1  2 c  1  "}


def test_text_and_a_list_cannot_be_joined() -> None:
    assert "cannot be joined" in message("a = x [1]")


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    assert "too deeply" in message("a = " + "[" * 5000 + "]" * 5000)


@pytest.mark.parametrize(
    "text",
    [
        "a = 1\nb { c = x, d = [1, 2] }\nb.e = true\n",
        'base { a = 1, b = "two" }\nx = ${base} { b = 3 }\ny = ${base.b}" or "${base.a}\n',
        '# comment\na = """x "q" y"""\nb = null // comment\nc : { "d" : [ { e = 1 }, { f = 2 } ] }\n',
    ],
)
def test_plain_documents_read_as_pyhocon_reads_them(text: str) -> None:
    pyhocon = pytest.importorskip("pyhocon")
    expected = json.loads(pyhocon.HOCONConverter.to_json(pyhocon.ConfigFactory.parse_string(text)))
    assert config("x = ${whole}", f"whole {{ {text} }}".replace("${base", "${whole.base"))["x"] == expected
