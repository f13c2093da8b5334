"""Which components may run at the same time, which start now, and impossible dependencies."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.planning import KnownViews, StepAction, conflicts, make_plan, startable, waits_for, waves

#: What a component depends on: names of one letter, or ``None`` if it says nothing.
Depends = Mapping[str, str | None]
NOTHING: KnownViews = KnownViews()


def pipeline(depends: Depends, parallelism: int = 3, disabled: str = "") -> PipelineSpec:
    return PipelineSpec(
        "p",
        tuple(
            ComponentSpec(
                "m.C", name, {}, name, depends_on=None if needs is None else tuple(needs), enabled=name not in disabled
            )
            for name, needs in depends.items()
        ),
        parallelism=parallelism,
    )


def of(depends: Depends, **views: str) -> list[KnownViews]:
    """The views of the components: ``a="r:x m:y"``."""
    parts = {name: dict(part.split(":") for part in said.split()) for name, said in views.items()}
    return [KnownViews.of(parts.get(name, {}).get("r", ""), parts.get(name, {}).get("m", "")) for name in depends]


def rounds(spec: PipelineSpec, views: list[KnownViews]) -> str:
    """What starts together if everything that runs ends together: ``ab c``."""
    plan, waits = make_plan(spec, None), waits_for(spec, views)
    waiting, ended, found = list(plan.steps), set[int](), list[str]()
    while waiting:
        steps = startable(waiting, (), ended, waits, spec.parallelism)
        assert steps, "nothing can start"
        found.append("".join(step.name for step in steps))
        ended |= {step.index for step in steps}
        waiting = [step for step in waiting if step not in steps]
    return " ".join(found)


@pytest.mark.parametrize(
    ("depends", "parallelism", "expected"),
    [
        ({"a": None, "b": None, "c": None}, 3, "a b c"),
        ({"a": "", "b": "", "c": ""}, 3, "abc"),
        ({"a": "", "b": "", "c": ""}, 2, "ab c"),
        ({"a": "", "b": "", "c": ""}, 1, "a b c"),
        ({"a": "", "b": "", "c": "ab", "d": "a"}, 4, "ab cd"),
        ({"a": "", "b": "", "c": None, "d": ""}, 2, "ab cd"),
        ({"a": "", "b": "", "c": None, "d": "c"}, 4, "ab c d"),
        ({"a": None, "b": "", "c": "b", "d": None}, 4, "ab c d"),
        ({"a": "", "b": "a", "c": "b", "d": "a"}, 1, "a b c d"),
    ],
)
def test_a_component_starts_when_what_it_depends_on_has_ended(
    depends: Depends, parallelism: int, expected: str
) -> None:
    assert rounds(pipeline(depends, parallelism), [NOTHING] * len(depends)) == expected


def test_a_component_waits_for_those_that_make_the_views_it_reads() -> None:
    depends: Depends = {"a": "", "b": "", "c": "", "d": "b"}
    assert rounds(pipeline(depends, 4), of(depends, a="m:x", c="r:X", d="r:yx m:z")) == "ab cd"


def test_running_components_count_toward_parallelism() -> None:
    spec = pipeline({"a": "", "b": "", "c": "", "d": ""})
    steps = make_plan(spec, None).steps
    found = startable(steps[2:], (0, 1), (), waits_for(spec, [NOTHING] * 4), 3)
    assert [step.name for step in found] == ["c"]


def test_a_disabled_component_takes_no_place() -> None:
    spec = pipeline({"a": "", "b": "", "c": "", "d": ""}, 2, disabled="ab")
    found = startable(make_plan(spec, None).steps, (), (), waits_for(spec, [NOTHING] * 4), 2)
    assert [(step.name, step.action is StepAction.RUN) for step in found] == [
        ("a", False),
        ("b", False),
        ("c", True),
        ("d", True),
    ]


@pytest.mark.parametrize(
    ("depends", "disabled", "expected"),
    [
        ({"a": "", "b": "", "c": "ab", "d": None}, "", ["ab", "c", "d"]),
        ({"a": "", "b": "a", "c": "", "d": ""}, "b", ["acd"]),
        ({"a": None, "b": None}, "", ["a", "b"]),
    ],
)
def test_waves_are_what_can_run_together(depends: Depends, disabled: str, expected: list[str]) -> None:
    spec = pipeline(depends, disabled=disabled)
    found = waves(make_plan(spec, None).steps, waits_for(spec, [NOTHING] * len(depends)))
    assert ["".join(step.name for step in wave) for wave in found] == expected


@pytest.mark.parametrize(
    ("depends", "views", "expected"),
    [
        ({"a": "", "b": ""}, {"a": "m:x", "b": "m:x"}, ["b makes the view 'x', as a does"]),
        ({"a": "", "b": ""}, {"a": "m:x", "b": "m:X"}, ["b makes the view 'x', as a does"]),
        ({"a": "", "b": "a"}, {"a": "m:x", "b": "m:x"}, []),
        ({"a": "", "b": None}, {"a": "m:x", "b": "m:x"}, []),
        ({"a": "", "b": "a", "c": "b"}, {"a": "m:x", "c": "m:x"}, []),
        ({"a": "", "b": "a", "c": "a"}, {"a": "m:x", "b": "r:x", "c": "m:x"}, ["c makes the view 'x', which b reads"]),
        ({"a": "", "b": ""}, {"a": "m:x", "b": "r:x m:x"}, []),
        ({"a": "", "b": ""}, {"a": "m:xy", "b": "m:yx"}, ["b makes the view 'x'", "b makes the view 'y'"]),
    ],
)
def test_a_view_whose_rows_depend_on_which_component_is_faster_is_a_problem(
    depends: Depends, views: dict[str, str], expected: list[str]
) -> None:
    found = conflicts(pipeline(depends), of(depends, **views))
    assert [str(problem.message)[: len(start)] for problem, start in zip(found, expected, strict=True)] == expected
    assert all("depends-on" in str(problem.message) for problem in found)


def test_a_disabled_component_makes_no_view() -> None:
    depends: Depends = {"a": "", "b": "", "c": ""}
    assert conflicts(pipeline(depends, disabled="a"), of(depends, a="m:x", b="m:x")) == []


def test_in_sequence_no_view_is_a_problem() -> None:
    depends: Depends = {"a": "", "b": ""}
    assert conflicts(pipeline(depends, 1), of(depends, a="m:x", b="m:x")) == []
