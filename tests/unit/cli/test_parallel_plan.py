"""What validate and plan show about components that run at the same time."""

from __future__ import annotations

import json

import pytest

from tests.steps import component, describe
from tests.unit.cli.shell import Shell


def text(depends: dict[str, str | None], parallelism: int = 3) -> str:
    components = [component(n, more="" if d is None else f"depends-on = [{d}],") for n, d in depends.items()]
    location = 'checkpoint { location = ${LEDGER}".checkpoints" }'
    return describe(*components, more=f"parallelism = {parallelism}, {location}")


FLIGHTS = {"load": "", "clean": "", "join": "load, clean", "report": None}


def test_the_plan_names_the_waves(shell: Shell) -> None:
    shell.write(text(FLIGHTS))
    assert shell("plan", "steps.conf") == 0
    assert shell.out.splitlines()[1:] == [
        "[1/4]  load    run  wave 1  first attempt",
        "[2/4]  clean   run  wave 1  first attempt",
        "[3/4]  join    run  wave 2  first attempt",
        "[4/4]  report  run  wave 3  first attempt",
    ]
    assert shell("plan", "steps.conf", "--json") == 0
    assert [step["wave"] for step in json.loads(shell.out)["steps"]] == [1, 1, 2, 3]


def test_a_plan_of_one_component_at_a_time_has_no_waves(shell: Shell) -> None:
    shell.write(text(FLIGHTS, 1))
    assert shell("plan", "steps.conf") == 0
    assert "wave" not in shell.out
    assert shell("plan", "steps.conf", "--json") == 0
    assert "wave" not in shell.out


def test_the_graph_shows_what_each_component_waits_for(shell: Shell) -> None:
    shell.write(text(FLIGHTS))
    assert shell("plan", "steps.conf", "--graph") == 0
    assert shell.out.splitlines() == [
        "wave 1  load",
        "        clean",
        "wave 2  join    after load, clean",
        "wave 3  report  after all before it",
    ]


def test_the_graph_is_that_of_the_dependencies_if_the_file_has_another_order(shell: Shell) -> None:
    shell.write(text({"report": "join", "join": "load, clean", "load": "", "clean": ""}))
    assert shell("plan", "steps.conf", "--graph") == 0
    assert shell.out.splitlines() == [
        "wave 1  load",
        "        clean",
        "wave 2  join    after load, clean",
        "wave 3  report  after join",
    ]


def test_the_graph_as_mermaid_has_no_arrow_that_follows_from_others(shell: Shell) -> None:
    shell.write(text({**FLIGHTS, "mail": "load, report"}))
    assert shell("plan", "steps.conf", "--graph", "mermaid") == 0
    lines = [line.strip() for line in shell.out.splitlines()]
    assert lines[0] == "flowchart LR"
    assert [line for line in lines if "-->" in line] == ["c0 --> c2", "c1 --> c2", "c2 --> c3", "c3 --> c4"]


def test_a_completed_component_is_in_no_wave(shell: Shell) -> None:
    shell.write(
        describe(
            component("a", more="depends-on = [],"),
            component("b", config="fails = 1", more="depends-on = [],"),
            component("c"),
            more='parallelism = 2, checkpoint { location = ${LEDGER}".checkpoints" }',
        )
    )
    shell("run", "steps.conf")
    assert shell("plan", "steps.conf", shell.run_id()) == 0
    assert [line.split()[1:5] for line in shell.out.splitlines()[1:]] == [
        ["a", "skip", "done", "in"],
        ["b", "run", "wave", "1"],
        ["c", "run", "wave", "2"],
    ]


@pytest.mark.parametrize(
    ("depends", "expected"),
    [
        ({"a": "b", "b": "a"}, "they depend on each other (a -> b -> a); remove one of these dependencies"),
        ({"a": "c", "b": "a", "c": "b"}, "they depend on each other (a -> c -> b -> a)"),
        ({"a": "a"}, "they depend on each other (a -> a)"),
        ({"a": "b", "b": None}, "(a -> b -> a): `b` has no depends-on, so it waits for all before it in the file"),
        ({"x": None, "a": "c", "b": None, "c": "b"}, "(a -> c -> b -> a): `b` has no depends-on"),
        ({"load": "", "b": "laod"}, "there is no component 'laod'; did you mean 'load'?"),
        ({"load": "", "b": "nothing"}, "there is no component 'nothing'"),
    ],
)
def test_an_impossible_dependency_is_a_problem(shell: Shell, depends: dict[str, str | None], expected: str) -> None:
    shell.write(text(depends))
    assert shell("validate", "steps.conf") == 2
    assert shell.out.count(expected) == 1


@pytest.mark.parametrize("parallelism", [1, 3])
def test_a_component_comes_after_those_that_it_names_wherever_they_are_in_the_file(
    shell: Shell, parallelism: int
) -> None:
    shell.write(text({"report": "join", "join": "load, clean", "load": "", "clean": ""}, parallelism))
    assert shell("validate", "steps.conf") == 0
    assert shell("plan", "steps.conf") == 0
    assert [line.split()[1] for line in shell.out.splitlines()[1:]] == ["load", "clean", "join", "report"]
    assert shell("run", "steps.conf") == 0
    assert [line.split()[1] for line in shell.out.splitlines() if " done in " in line][-2:] == ["join", "report"]


@pytest.mark.parametrize("parallelism", ["0", "-1", "1.5", "many"])
def test_a_parallelism_that_is_not_a_number_from_1_is_a_problem(shell: Shell, parallelism: str) -> None:
    shell.write(describe("a", more=f"parallelism = {parallelism}"))
    assert shell("validate", "steps.conf") == 2
    assert "pipeline.parallelism" in shell.out


def sql(name: str, view: str, query: str, depends: str = "") -> str:
    kind = "airflow_spark_pipeline.components.SqlToView"
    return (
        f"{{ instance-type = {kind}, instance-name = {name}, depends-on = [{depends}], replay-on-resume = true\n"
        f'instance-config {{ view = {view}, sql = "{query}" }} }}'
    )


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (sql("b", "X", "SELECT 2"), "b makes the view 'x', as a does, and both may run at the same time"),
        (sql("b", "x", "SELECT 2", "a"), None),
        (sql("b", "y", "SELECT 2"), None),
    ],
)
def test_a_view_that_two_components_may_make_at_the_same_time_is_a_problem(
    shell: Shell, second: str, said: str | None
) -> None:
    shell.write(describe(sql("a", "x", "SELECT 1"), second, more="parallelism = 2"))
    assert shell("validate", "steps.conf") == (0 if said is None else 2), shell.out
    assert said is None or said in shell.out
    shell.write(describe(sql("a", "x", "SELECT 1"), second, more="parallelism = 1"))
    assert shell("validate", "steps.conf") == 0
