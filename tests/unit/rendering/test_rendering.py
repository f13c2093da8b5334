"""A rendered value stays one value, wherever it is and whatever it contains."""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import DebugUndefined, Undefined
from markupsafe import Markup

from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.rendering.renderer import Renderer
from tests.unit.rendering.rendered import HEAD, TAIL, config, environment, problems

HOSTILE: dict[str, Any] = {
    "quote": 'say "hi"',
    "another field": 'a" , note = "x',
    "another component": '"}}, { instance-type = os.system, instance-config { a = "',
    "triple quotes": 'a"""b""""',
    "quote at the end": 'a"',
    "backslashes": "a\\\\b\\",
    "windows path": r"C:\new\table\u0041",
    "braces": "{ a = 1 } ]}",
    "substitution": "${HOME} ${?PATH}",
    "newlines": "a\nb = 1\r\n\tc",
    "other breaks": "a\u2028b\u0085c\x0cd\x0be",
    "unicode": "Zürich 北京 🚲 \ufeff\u200b",
    "json": json.dumps({"a": ["b", None, '"']}),
    "sql": "select * from t where x = 'it''s' -- \"c\" /* d */ # e",
    "comment": "# not // a comment",
    "jinja": "{{ ds }} {% raw %} {# x #} {% endraw %}",
    "key": "a.b = 1, c: 2 += 3",
    "include": 'include "/etc/passwd"',
    "number": "007",
    "float": "3.10",
    "null": "null",
    "true": "true",
    "empty": "",
    "spaces": "  a  ",
    "comma": ",",
    "bracket": "]",
    "duration": "10 minutes",
    "nul": "a\0b",
    "long": "x" * 200_000,
    "markup": Markup('<b>"&amp;'),
    "a mark": "j0123456789abcdef0123456789abcdefv0z",
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_no_text_can_end_its_quotes_or_open_a_block(value: str, tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text('included = {{ v }}\nincluded-quoted = "<{{ v }}>"\n', encoding="utf-8")
    members = (
        'quoted = "<{{ v }}>"\nwhole = "{{ v }}"\nbare = {{ v }}\nlist = [{{ v }}, x]\npart = s/{{ v }}/t\n'
        'three = """<{{ v }}>"""\nlines = """a\n{{ v }}"""\nthree-whole = """{{ v }}"""\nnote = kept\n'
        'twice = {{ v }}{{ v }}\nbeside = "a"{{ v }}"b"\nset { {{ v }} = 1 }\n'
        'made = "{% set x %}{{ v }}{% endset %}{{ x }}"\n'
        '# {{ v }}\njson = {{ v | tojson }}\nsafe = {{ v | safe }}\nsafe-quoted = "{{ v | safe }}"\n'
        'include "more.conf"\n'
    )
    text = str(value)
    if text in ("", ",", "]"):  # as part of unquoted text it would be meant as HOCON, and is refused; see below
        members = members.replace("part = s/{{ v }}/t\n", 'part = "s/{{ v }}/t"\n')
    assert config(members, tmp_path, v=value) == {
        "quoted": f"<{text}>",
        "whole": text,
        "bare": text,
        "list": [text, "x"],
        "part": f"s/{text}/t",
        "three": f"<{text}>",
        "lines": f"a\n{text}",
        "three-whole": text,
        "note": "kept",
        "twice": text + text,
        "beside": f"a{text}b",
        "set": {text: 1},
        "made": text,
        "json": text,
        "safe": text,
        "safe-quoted": text,
        "included": text,
        "included-quoted": f"<{text}>",
    }


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=10, max_size=30))
def test_any_text_arrives_character_for_character(values: list[str]) -> None:
    lines = 'a{{ i }} = {{ v }}\nb{{ i }} = "{{ v }}"\nc{{ i }} = """{{ v }}"""\nd{{ i }} = "x{{ v }}"\n'
    found = config(f"{{% for v in values %}}{{% set i = loop.index %}}{lines}{{% endfor %}}note = kept", values=values)
    assert found.pop("note") == "kept"
    expected = [{f"a{i}": v, f"b{i}": v, f"c{i}": v, f"d{i}": f"x{v}"} for i, v in enumerate(values, 1)]
    assert found == {name: value for each in expected for name, value in each.items()}


@pytest.mark.parametrize("place", ["a = {{ v }}", 'a = "{{ v }}"', 'a = """{{ v }}"""', "a = {{ [v] }}", "{{ v }} = 1"])
@pytest.mark.parametrize("place_of_json", [False, True])
def test_a_lone_surrogate_is_refused_in_one_line(place: str, place_of_json: bool) -> None:
    place = place.replace("{{ v }}", "{{ v | tojson }}") if place_of_json else place
    (problem,) = problems(f"\n{place}", v="caf\udce9")
    assert problem.startswith("2: ")
    assert "half of a surrogate pair (U+DCE9)" in problem


@pytest.mark.parametrize(
    "members",
    [
        "a = {{ v }}",
        'a = "<{{ v }}>"',
        'a = """{{ v }}"""',
        "a = [{{ v }}]",
        "a = {{ [v] }}",
        "a = {{ {'k': v} | tojson }}",
        'a = "${{{ v[2:] }}"',
        'a = "${secret:env://{{ name }}}"',
        'a = "${secret:"{{ v[9:] }}',
        "a = x{{ v }}",
    ],
)
def test_a_value_cannot_name_a_secret_of_the_driver(members: str) -> None:
    (problem,) = problems(f"\n{members}", v="${secret:env://HOME}", name="HOME")
    assert problem.startswith("2: ")
    assert "`${secret:…}`" in problem or "Jinja" in problem
    assert config('a = "${secret:env://HOME}"\nb = {{ v }}', v="x")["a"] == "${secret:env://HOME}"


@pytest.mark.parametrize("space", ["\n", "\t", "\u00a0"])
@pytest.mark.parametrize("members", ["a = {{ v }}", 'a = "<{{ v }}>"', "a = {{ v | tojson }}"])
def test_white_space_does_not_hide_the_name_of_a_secret_in_a_value(members: str, space: str) -> None:
    assert problems(members, v="${" + space + "secret:env://HOME}")


@pytest.mark.parametrize(
    ("before", "member"),
    [("amount = {{ v }}", 'label = "$"${amount}'), ('a = "$"\nb = {{ v }}', "label = ${a}${b}")],
)
def test_a_substitution_cannot_complete_the_name_of_a_secret_with_a_value(before: str, member: str) -> None:
    text = f"{before}\n{HEAD}{member}{TAIL}"
    reading = Renderer({"v": "{secret:env://HOME}"}, environment()).read(text, None, None)
    (problem,) = reading.problems
    assert "contains or completes `${secret:…}`" in problem.message
    assert str(problem.path).endswith("instance-config.label")


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["id", "day"], ["id", "day"]),
        (("a", 1, None, True), ["a", 1, None, True]),
        ({"b.c": {"d": [1.5]}, "": 2, 'q"': '"'}, {"b.c": {"d": [1.5]}, "": 2, 'q"': '"'}),
        (OrderedDict(a=Markup("<")), {"a": "<"}),
        pytest.param({"b", "a"}, ["a", "b"], id="set"),
        ([], []),
        ({}, {}),
        (0, 0),
        (-7, -7),
        (9007199254740993, 9007199254740993),
        (1e22, 1e22),
        (1e-7, 1e-7),
        (True, True),
        (False, False),
        (None, None),
        (Decimal("1.10"), "1.10"),
        (float("nan"), "nan"),
        (dt.date(2026, 1, 31), "2026-01-31"),
        (dt.datetime(2026, 1, 31, 4, tzinfo=dt.timezone.utc), "2026-01-31T04:00:00+00:00"),
        (dt.timedelta(minutes=90), "5400000 ms"),
        (Colour.RED, "red"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("/a b/c"), "/a b/c"),
        ({"a": 1}.keys(), ["a"]),
        (range(2), [0, 1]),
    ],
    ids=str,
)
def test_outside_quotes_a_value_is_a_hocon_value(value: Any, expected: Any) -> None:
    assert config("a = {{ v }}\nb = [{{ v }}]", v=value) == {"a": expected, "b": [expected]}


@pytest.mark.parametrize(
    "value", [["a", 1], {"k": None}, None, True, 1.5, dt.date(2026, 1, 31), Decimal("1.10")], ids=str
)
def test_inside_a_text_a_value_is_the_text_that_jinja_writes(value: Any) -> None:
    assert config('a = "<{{ v }}>"', v=value) == {"a": f"<{value}>"}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("a = 1{{ n }}", 15),
        ("a = -{{ n }}", -5),
        ("a = 0.{{ n }}", 0.5),
        ("a = {{ n }}{{ n }}", 55),
        ("a = {{ n }} minutes", "5 minutes"),
        ("a = {{ n }}g", "5g"),
        ("a = [x] {{ l }}", ["x", "y", "z"]),
        ("a = {{ l }} {{ l }}", ["y", "z", "y", "z"]),
        ("a = {{ m }} { j = 2 }", {"k": 1, "j": 2}),
        ("a { {{ k }} = {{ n }}, b.{{ k }} = 2 }", {"x.y": 5, "b": {"x.y": 2}}),
        ("a { {{ k }} { b = 1 } }", {"x.y": {"b": 1}}),
        ("a { {{ k }}-{{ n }} : 1 }", {"x.y-5": 1}),
        ("a = {{ ds | replace('-', '') }}", "20260131"),
        ("a = {{ ds ~ k }}", "2026-01-31x.y"),
        ("a = {{ l | join(', ') }}", "y, z"),
        ("a = {{ l | map('upper') }}", ["Y", "Z"]),
        ("a = {{ l | tojson }}, b.c = 1", ["y", "z"]),
        ("a = {{ m | tojson | safe }}", {"k": 1}),
        ('a = "{{ l | tojson }}"', '["y", "z"]'),
        ('a = """{{ q | tojson }}"""', '"say \\"<hi>\\""'),
        ('a = "x-"{{ q | tojson }}', 'x-say "<hi>"'),
        ("a = [{% for c in l %}{{ c }}{{ ',' if not loop.last }}{% endfor %}]", ["y", "z"]),
        ("a = [{% for c in l %}\"{{ c }}\"{{ ', ' if not loop.last else '' }}{% endfor %}]", ["y", "z"]),
        ("a = [{% set c = joiner(',') %}{% for i in l %}{{ c() }}{{ i }}{% endfor %}]", ["y", "z"]),
        ("{% set comma = ',' %}a = [{% for i in l %}{{ i }}{{ comma }}{% endfor %}]", ["y", "z"]),
        ("a = {{ 'true' if n else 'false' }}", True),
        ("a = {{ none or '[1, 2]' }}", [1, 2]),
        ("a = {{ nope | default('null') }}", None),
        ("a = {{ 'some text, and more' }}", "some text, and more"),
        ("{{ 'a = 1' if n else '' }}", 1),
        ("{{ 'b = 1' if not n }}\na = 2", 2),
        ("{% if n > 4 %}a = {{ n }}{% else %}b = 1{% endif %}", 5),
        ("{% set d = ds[:4] %}a = {{ d }}", "2026"),
        ('{% set d %}{{ ds }}/{{ q }}{% endset %}a = "{{ d }}"', '2026-01-31/say "<hi>"'),
        ("{% set d %}{{ q }}{% endset %}a = {{ d | upper }}", 'SAY "<HI>"'),
        ("{% set d %}{ b = {{ q }} }{% endset %}a = {{ d }}", {"b": 'say "<hi>"'}),
        ("{% set d %}{ b = {{ q }} }{% endset %}a = {{ d | hocon }}", {"b": 'say "<hi>"'}),
        ("{% macro f(x) %}{ b = {{ x }} }{% endmacro %}a = [{{ f(q) }}, {{ f(n) }}]", [{"b": 'say "<hi>"'}, {"b": 5}]),
        ("{% macro w() %}[{{ caller() }}]{% endmacro %}a = {% call w() %}{{ q }}{% endcall %}", ['say "<hi>"']),
        ("a = {% filter upper %}b{{ q }}{% endfilter %}", 'BSAY "<HI>"'),
        ('{% raw %}a = "{{ ds }}"{% endraw %}', "{{ ds }}"),
        ("a = {{ 'b = 1' | hocon }}", None),
        ("{{ h | hocon }}", [1, {"c": "d"}]),
        ("a = {{ m | hocon }}", {"k": 1}),
        ("a = [ # {{ nope }} and {{ it's }}\n{{ n }} // {{ 1 / 0 }}\n]", [5]),
        ('a = "# {{ n }} // {{ n }}"', "# 5 // 5"),
        ("b.c = 7\na = ${pipeline.x.{{ k }}}", None),
    ],
)  # fmt: skip
def test_templates_do_what_they_say(members: str, expected: Any) -> None:
    names = {
        "n": 5, "l": ["y", "z"], "m": {"k": 1}, "k": "x.y", "ds": "2026-01-31", "q": 'say "<hi>"', "none": None,
        "h": "a = [1, { c = d }]",
    }  # fmt: skip
    if expected is None and "null" not in members:
        assert problems(members, **names)
    else:
        assert config(members, **names)["a"] == expected


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("\n\na = {{ f }}", "3: a value is a Python object (function) and not a value: call it, with ()"),
        ("a = {{ b }}", "1: a value is bytes; decode it to text first: {{ value.decode() }}"),
        ('a = "{{ b }}"', "1: a value is bytes; decode it to text first: {{ value.decode() }}"),
        ("a = {{ o }}", "1: a value is a Python object (object) and not a value: name one of its attributes"),
        ("a = {{ loop }}", "1: a value is nested too deeply, or contains itself"),
        ("a = {{ two }}", "1: a value has two keys that are written alike, such as 1 and '1'"),
        ('a = "{{ l | map("upper") }}"', "1: a value is a generator, which has no text: add `| list`"),
        ("a = 1\n{{ c }}\n", "2: the value of a template is where a key is expected, and it would be text"),
        ("a = [x{{ comma }} y]", "1: the value of a template is `,` next to other text, so it would be text"),
        ('a = "C:\\{{ c }}"', "1: a backslash is right before `{{` in quotes; write `\\\\`"),
        ("a = ${ {{ c }} }", "1: a value cannot choose what `${…}` refers to"),
        ("a = ${?{{ c }}.x}", "1: a value cannot choose what `${…}` refers to"),
        ('a = "{{ c | hocon }}"', "1: `| hocon` is inside quotes; remove the filter, or the quotes"),
        ("{{ l }} = 1", "1: a list or a mapping cannot be a key"),
        ("a = {% call f() %}{% endcall %}", "1: Jinja: {% call %} needs a macro of this template"),
        ('a = "{{ c }}\nb = "{{ c }}"', "1: a quoted string is not closed on its line"),
        ("{% for i in l %}\na{{ i }} = {{ b }}\n{% endfor %}", "2: a value is bytes"),
        ("{% for i in l %}\nx{{ i }} = {{ i }}\n{%- endfor %}\n\nb = [1,,2]", "5: a comma has nothing"),
    ],
)  # fmt: skip
def test_an_unwritable_value_is_refused_with_its_line(members: str, message: str) -> None:
    loop: list[Any] = []
    loop.append(loop)
    names = {
        "f": lambda: "x", "b": b"x", "o": object(), "loop": loop, "two": {1: 2, "1": 3}, "l": ["a", "b"], "c": "d = 1",
        "comma": ",",
    }  # fmt: skip
    (found, *_) = problems(members, **names)
    assert found.startswith(message)


def test_an_included_file_is_rendered_with_the_same_names_and_its_errors_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "day.conf").write_text('day = "{{ ds }}"\ninclude "{{ ds }}/more.conf"\n', encoding="utf-8")
    (tmp_path / 'q"').mkdir()
    more = tmp_path / 'q"' / "more.conf"
    more.write_text("{% if ds %}\nmore = {{ params.l }}\n{% endif %}\n", encoding="utf-8")
    names = {"ds": 'q"', "params": {"l": [1]}}
    assert config('include "day.conf"', tmp_path, **names) == {"day": 'q"', "more": [1]}
    more.write_text("{% if ds %}\n\nmore = {{ params.nope }}\n{% endif %}\n", encoding="utf-8")
    with pytest.raises(PipelineDefinitionError) as caught:
        config('include "day.conf"', tmp_path, **names)
    (problem,) = caught.value.problems
    assert str(problem) == f"{more}:3: Jinja: 'params.nope' is undefined"


def test_a_missing_name_that_breaks_an_expression_is_still_the_one_that_is_named() -> None:
    (problem,) = problems('a = 1\nb = {{ ds | replace("-", none_such) }}', ds="2026-01-31")
    assert problem == "2: Jinja: 'none_such' is undefined"


def test_the_nearest_name_is_shown() -> None:
    assert problems('a = "{{ params.regoin }}"\nb = {{ dss }}', ds="x", params={"region": "eu"}) == [
        "1: Jinja: 'params.regoin' is undefined: did you mean {{ params.region }}?",
        "2: Jinja: 'dss' is undefined: did you mean {{ ds }}?",
    ]


def test_all_names_without_a_value_are_named_by_one_error(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("\nc = {{ params.country }}", encoding="utf-8")
    members = (
        'a = "{{ params.x }}"\nb = {{ day | upper }}\n{% for x in things.big %}{% endfor %}\n'
        '{% if flag %}d = 1{% endif %}\ne = {{ f | default("x") }}\n# {{ old }}\ng = {{ day }}\n'
        'h = {{ params["deep"].er | tojson }}\ni = {{ (n + 1) * 2 }}\ninclude "more.conf"\n'
    )
    found = [problem.split("'")[1] for problem in problems(members, tmp_path, params={})]
    assert found == ["params.x", "day", "things.big", "flag", "params.deep.er", "n", "params.country"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a = 1\nb = {{ ds | nope }}", 2, "No filter named 'nope'"),
        ("a = 1\n{% if ds %}\nb = 2", 2, "Unexpected end of template"),
        ("a = 1\n\nb = {{ 1 / 0 }}", 3, "ZeroDivisionError"),
        ("a = 1\nb = {{ ds.__class__ }}", 2, "access to attribute '__class__' of 'str' object is unsafe"),
    ],
)
def test_an_error_of_jinja_names_the_line(text: str, line: int, message: str) -> None:
    (problem,) = problems(text, ds="x")
    assert problem.startswith(f"{line}: Jinja: ")
    assert message in problem


def test_a_text_without_templates_is_left_as_it_is() -> None:
    text = "a {# comment\n}\n"
    assert Renderer({}, environment())(text, "shop.conf") == text


def test_an_object_that_opens_with_a_comment_stays_hocon() -> None:
    """``{#`` opens a comment in Jinja, which would swallow the text up to the next ``#}``, or be an error."""
    assert config("a {# the shop\n  day = {{ ds }}\n  b {# kept #}\n c = true }\n}", ds="x") == {
        "a": {"day": "x", "b": {"c": True}}
    }


def test_the_environment_of_the_dag_is_left_as_it_is() -> None:
    given = environment()
    before = {name: getattr(given, name) for name in ("comment_start_string", "finalize", "undefined", "concat")}
    filters = dict(given.filters)
    Renderer({"ds": "x"}, given)("a = {{ ds }}", None)
    assert {name: getattr(given, name) for name in before} == before
    assert given.filters == filters


def test_macros_and_filters_of_the_dag_are_available() -> None:
    given = environment()
    given.globals["double"] = lambda text: text * 2
    given.filters["shout"] = lambda text: text + '!"'
    assert Renderer({}, given)("a = {{ double('x') | shout }}", None) == r'a = "xx!\""'


def test_native_rendering_does_not_change_a_file() -> None:
    """Airflow's native environment would read the text of a whole file as a Python literal."""
    text = '{"a": 1, "b": "{{ v }}", "c": {{ v }}}'
    assert Renderer({"v": "3.10"}, environment(native=True))(text, None) == '{"a": 1, "b": "3.10", "c": "3.10"}'


@pytest.mark.parametrize("kind", [Undefined, DebugUndefined])
def test_the_lenient_undefined_of_a_dag_is_kept(kind: type[Undefined]) -> None:
    given = environment()
    given.undefined = kind
    expected = 'a = "x"' if kind is Undefined else 'a = "x{{ nope }}"'
    assert Renderer({}, given)('a = "x{{ nope }}"', None) == expected
