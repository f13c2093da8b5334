"""Expressions in comments are not evaluated; what is a comment is found in one pass over the text."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline.rendering.comments import without_commented
from tests.unit.rendering.rendered import config, problems


def commented(text: str) -> list[str]:
    """The expressions that are taken out of a text."""
    found: list[str] = []

    def leave(expression: str) -> str:
        found.append(expression)
        return ""

    without_commented(text, leave)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# {{ a }} and {{ b }}", ["{{ a }}", "{{ b }}"]),
        ("// {{ a", ["{{ a"]),
        ("x = {{ a }} # {{ b }}", ["{{ b }}"]),
        ("x = \"# {{ a ~ '}}' }}\" # {{ b }}", ["{{ b }}"]),
        ('x = "{{ a["k"] }}#{{ b }}" # {{ c }}', ["{{ c }}"]),
        ('x = """# {{ a }}""" # {{ b }}', ["{{ b }}"]),
        ('{% set x = "%} # {{ a }}" %}', []),
        ("{% raw %} # {{ a }} {% endraw %} # {{ b }}", ["{{ b }}"]),
        ("{%- raw -%} # {{ a }} {%+ endraw -%} # {{ b }}", ["{{ b }}"]),
        ("x = \"it's\" # don't {{ a }}", ["{{ a }}"]),
        ('x = "{" # {{ a }}', ["{{ a }}"]),
        ("x { # {{ a }}\n}", ["{{ a }}"]),
    ],
)
def test_only_expressions_in_comments_are_taken_out(text: str, expected: list[str]) -> None:
    assert commented(text) == expected


_LINES = '{ instance-type = "a.B", instance-name = "c" }\n' * 2000
_MANY = "{{ x }} " * 2000
_MEMBERS = 'a = "b",\n' * 2000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'n = "P {{{{ ds }}"\nl = [\n{_LINES}]', "unexpected '}'"),
        (f"n = 'P {{{{ ds }}'\nl = [\n{_LINES}]", "unexpected '}'"),
        (f"n = {{% if ds }}\nl = [\n{_LINES}]", "unexpected '}'"),
        (f'n = "{_MANY}', "a quoted string is not closed on its line"),
        (f'n = "{{{{ "a" }}}} {_MANY}', "a quoted string is not closed on its line"),
        (f'n = {{{{ "{{{{ \\" {_MEMBERS}', "Jinja: "),
        ("n = " + '"{{ ' * 2000, "Jinja: "),
        ("n = " + "{{ ' " * 2001, "Jinja: "),
        ("n = " + '{% raw %} " ' * 2000, "Missing end of raw directive"),
        ("n = " + "\\" * 20_000 + '"{{ x }}', "the character `\\` has a special meaning"),
    ],
    ids=range(10),
)
def test_a_text_of_any_length_with_an_error_ends_in_one_message(text: str, said: str) -> None:
    """A search that tries each quote in two ways would never end."""
    (problem,) = problems(text, ds="x", x="y")
    assert said in problem


def test_a_comment_with_an_unclosed_expression_stays_a_comment() -> None:
    assert config("# {{ 'a \"b\n" + 'c = "{{ x }}" # {{ "\n' * 500, x=1) == {"c": "1"}
