"""Suggestions for misspelled names, by one rule for keys, classes, columns and components."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline.binding.suggestions import did_you_mean, suggest


@pytest.mark.parametrize(
    ("name", "known", "nearest"),
    [
        ("fail-fats", ["fail-fast", "hooks"], "fail-fast"),
        ("failFast", ["fail-fast", "hooks"], "fail-fast"),
        ("FAIL_FAST", ["fail-fast", "hooks"], "fail-fast"),
        ("a_b", ["a-b", "c"], "a-b"),  # short: most of its letters are the separator
        ("aB", ["a-b", "c"], "a-b"),
        ("Claen", ["Clean", "Load"], "Clean"),
        ("clean", ["Clean", "Load"], "Clean"),
        ("zzz", ["Clean", "Load"], None),
        ("_", ["Clean"], None),
        ("anything", [], None),
    ],
)
def test_the_nearest_name_is_suggested_in_its_own_spelling(name: str, known: list[str], nearest: str | None) -> None:
    assert suggest(name, known) == nearest
    assert did_you_mean(name, known) == ("" if nearest is None else f"; did you mean {nearest!r}?")
