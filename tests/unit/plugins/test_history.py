"""How long components took in the last runs, and what is usual."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.state import AttemptSummary, CheckpointStatus, Commit, ComponentAction
from airflow_spark_pipeline.plugins.page.history import history
from tests.fakes import PIPELINE_NAME, make_state


def _entry(day: int, *, status: CheckpointStatus = CheckpointStatus.COMPLETED, seconds: dict[str, Any]) -> RunEntry:
    """A run of that day, whose components took so long; one that took ``None`` has failed."""
    key = UnitKey("test", "dag", f"day-{day}", "etl")
    started = f"2026-01-{day:02}T00:00:00.000+00:00"
    done = "".join(name for name, each in seconds.items() if each is not None)
    state = make_state("".join(seconds), done=done, status=status, key=key)
    components = tuple(
        replace(
            c,
            action=ComponentAction.RAN if seconds[c.name] is not None else ComponentAction.FAILED,
            attempt=1,
            duration_seconds=seconds[c.name] if seconds[c.name] is not None else 99.0,
        )
        for c in state.components
    )
    state = replace(state, components=components, attempts=(AttemptSummary(1, state.run_id, started),))
    return RunEntry(unit_path(PIPELINE_NAME, key), Commit(3, state), number=3)


def test_runs_are_in_the_order_of_their_start_with_their_durations() -> None:
    found = history([_entry(2, seconds={"a": 2, "b": 4}), _entry(1, seconds={"a": 1, "b": 3})], "day-2")
    assert [run.run_id for run in found.runs] == ["day-1", "day-2"]
    assert [run.seconds for run in found.runs] == [{"a": 1, "b": 3}, {"a": 2, "b": 4}]


def test_a_component_that_failed_has_no_duration() -> None:
    (run,) = history([_entry(1, status=CheckpointStatus.FAILED, seconds={"a": 1, "b": None})], "day-1").runs
    assert run.seconds == {"a": 1, "b": None}
    assert {name: state.value for name, state in run.states.items()} == {"a": "done", "b": "failed"}


@pytest.mark.parametrize(
    ("earlier", "usual"),
    [([], None), ([10.0, 12.0], None), ([10.0, 12.0, 20.0], 12.0), ([4.0, 10.0, 12.0, 20.0], 11.0)],
)
def test_the_usual_duration_is_the_median_of_at_least_three_other_runs(
    earlier: list[float], usual: float | None
) -> None:
    entries = [_entry(day, seconds={"a": seconds}) for day, seconds in enumerate(earlier, start=1)]
    (component,) = history([*entries, _entry(9, seconds={"a": 500})], "day-9").components
    assert (component.seconds, component.usual_seconds) == (500, usual)


@pytest.mark.parametrize(
    ("now", "grown"),
    [
        ({"a": 10.0, "b": 100.0}, None),
        ({"a": 11.5, "b": 110.0}, None),  # within a fifth
        ({"a": 30.0, "b": 100.0}, "a"),
        ({"a": 30.0, "b": 130.0}, "b"),  # 30 s more, a is 20 s more
        ({"a": 1.0, "b": 2.0}, None),
        ({"a": None, "b": 100.0}, None),
    ],
)
def test_the_component_that_grew_most_is_named_if_it_clearly_grew(
    now: dict[str, float | None], grown: str | None
) -> None:
    entries = [_entry(day, seconds={"a": 10.0, "b": 100.0}) for day in (1, 2, 3)]
    assert history([*entries, _entry(9, seconds=now)], "day-9").grown == grown


def test_growth_of_less_than_a_second_is_noise() -> None:
    entries = [_entry(day, seconds={"a": 0.2}) for day in (1, 2, 3)]
    assert history([*entries, _entry(9, seconds={"a": 0.9})], "day-9").grown is None


def test_components_that_only_other_runs_have_come_last() -> None:
    entries = [_entry(day, seconds={"a": 1, "z": 5}) for day in (1, 2, 3)]
    found = history([*entries, _entry(9, seconds={"b": 1, "a": 1})], "day-9")
    assert [(each.name, each.seconds, each.usual_seconds) for each in found.components] == [
        ("b", 1, None),
        ("a", 1, 1),
        ("z", None, 5),
    ]


def test_without_a_run_there_is_no_history() -> None:
    found = history([], "day-1")
    assert (found.runs, found.components, found.grown) == ([], [], None)
