"""The order of components by their dependencies; the order of the file decides between those that could come next."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_spark_pipeline.checkpoint.state import ComponentAction
from airflow_spark_pipeline.pipeline.order import circle, ordered
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.planning import Selection, StepAction, make_plan, waits_for
from airflow_spark_pipeline.planning.schedule import KnownViews
from tests.jobs import Job
from tests.steps import component

Depends = dict[str, str | None]
_AT_ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def components(depends: Depends) -> list[ComponentSpec]:
    """``{"a": "bc", "b": None}``: a depends on b and c, and b has no depends-on."""
    return [
        ComponentSpec("m.C", name, depends_on=None if named is None else tuple(named))
        for name, named in depends.items()
    ]


def names(depends: Depends) -> str:
    return "".join(each.instance_name for each in ordered(components(depends)))


@pytest.mark.parametrize(
    ("depends", "expected"),
    [
        ({"a": None, "b": None, "c": None}, "abc"),
        ({"a": "", "b": "", "c": "a", "d": None}, "abcd"),
        ({"a": "c", "b": "", "c": ""}, "bca"),
        ({"a": "d", "b": "a", "c": "", "d": "c"}, "cdab"),
        ({"a": "c", "b": None, "c": ""}, "cab"),  # b waits for a, which is before it in the file
        ({"a": "", "b": "d", "c": "b", "d": ""}, "adbc"),
        ({"a": "b", "b": "a"}, "ab"),  # refused elsewhere
        ({"a": "b", "b": None}, "ab"),
        ({"a": "a"}, "a"),
        ({"a": "nobody"}, "a"),
    ],
)
def test_a_component_comes_after_those_that_it_depends_on(depends: Depends, expected: str) -> None:
    assert names(depends) == expected


@_AT_ANY_SPEED
@given(st.permutations("abcdef"), st.lists(st.booleans(), min_size=15, max_size=15))
def test_any_file_without_a_circle_has_an_order_that_keeps_every_dependency(way: list[str], drawn: list[bool]) -> None:
    """The file has any order; each component depends on some of those that are before it in another one."""
    pairs = [pair for pair, is_one in zip(itertools.combinations(way, 2), drawn, strict=True) if is_one]
    depends: Depends = {name: "".join(before for before, after in pairs if after == name) for name in "abcdef"}
    found = names(depends)
    assert sorted(found) == sorted("abcdef")
    assert all(found.index(before) < found.index(after) for before, after in pairs)
    assert names({name: depends[name] for name in found}) == found


@_AT_ANY_SPEED
@given(st.lists(st.none() | st.sets(st.integers(0, 4)), min_size=5, max_size=5))
def test_there_is_an_order_exactly_if_there_is_no_circle(drawn: list[set[int] | None]) -> None:
    depends: Depends = {
        name: None if named is None else "".join("abcde"[each] for each in named)
        for name, named in zip("abcde", drawn, strict=True)
    }
    listed = components(depends)
    position = {each.instance_name: index for index, each in enumerate(ordered(listed))}
    fits = all(
        position[before] < position[name]
        for index, (name, named) in enumerate(depends.items())
        for before in ("abcde"[:index] if named is None else named)
    )
    circles = [circle(name, each, listed) for name, named in depends.items() for each in named or ""]
    assert fits == (not any(circles))


def test_a_cycle_is_reported_from_its_start_to_its_start() -> None:
    for first, last in itertools.permutations("ab"):
        assert circle(first, last, components({"a": "b", "b": "a"})) == [first, last, first]


def spec(text: str) -> PipelineSpec:
    return parse_pipeline(f"pipeline {{ pipeline-name = P, parallelism = 2, pipeline-components = [ {text} ] }}")


FILE = """
  { instance-type = m.C, instance-name = report, depends-on = [load] }
  { instance-type = m.C, instance-name = clean, depends-on = [] }
  { instance-type = m.C, instance-name = load, depends-on = [] }
"""


def test_a_selection_by_name_follows_the_order_of_the_run() -> None:
    """In the file, report is the first."""
    read = spec(FILE)
    assert [each.instance_name for each in read.components] == ["clean", "load", "report"]
    plan = make_plan(read, None, selection=Selection(start_from="load"))
    assert [step.name for step in plan.to_run] == ["load", "report"]
    plan = make_plan(read, None, selection=Selection(stop_after="load"))
    assert [(step.name, step.action) for step in plan.steps][-1] == ("report", StepAction.OMIT)


def test_a_problem_names_the_place_in_the_file() -> None:
    assert [each.path for each in spec(FILE).components] == [f"pipeline.pipeline-components[{i}]" for i in (1, 2, 0)]


def test_the_waits_are_those_of_the_file() -> None:
    read = spec(FILE)
    assert waits_for(read, [KnownViews()] * 3) == [frozenset(), frozenset(), frozenset({1})]


@pytest.mark.parametrize("parallelism", [1, 3])
def test_a_run_resumes_in_that_order_and_another_order_of_the_file_is_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parallelism: int
) -> None:

    job = Job(tmp_path, parallelism)
    monkeypatch.setenv("LEDGER", str(job.ledger))
    report = component("report", more="depends-on = [load]")
    load = component("load", more="depends-on = [clean]", config="fails = 1")
    clean = component("clean", more="depends-on = []")
    state = job.fails(report, load, clean)
    assert [(each.name, each.action) for each in state.components] == [
        ("clean", ComponentAction.RAN),
        ("load", ComponentAction.FAILED),
        ("report", ComponentAction.PENDING),
    ]
    assert job.run(load, report, clean).ran == ["load", "report"]
