"""Where a run stopped: one answer for the task's error, the retry's text, the sensor, the command line and the page."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest

from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.standing import Standing, standing_of
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit, ComponentAction, Failure
from airflow_spark_pipeline.cli import printing
from airflow_spark_pipeline.planning import all_stopped_at, describe_run, next_try, stopped_at, summarize
from airflow_spark_pipeline.plugins.page.metadata_db import TaskFacts
from airflow_spark_pipeline.plugins.page.run_models import make_row
from tests.fakes import UNIT, make_state


def _state(
    status: CheckpointStatus, *, done: str = "a", failed: str = "", omitted: str = "", not_run: str = ""
) -> CheckpointState:
    """Components a to e."""
    state = make_state("abcde", done=done, status=status)
    actions = {
        **dict.fromkeys(failed, ComponentAction.FAILED),
        **dict.fromkeys(omitted, ComponentAction.OMITTED),
        **dict.fromkeys(not_run, ComponentAction.UPSTREAM_FAILED),
    }
    reasons = dict.fromkeys(failed, "ConnectionError: no route")
    components = tuple(
        replace(c, action=actions.get(c.name, c.action), reason=reasons.get(c.name, c.reason)) for c in state.components
    )
    index = "abcde".find(failed[:1]) if failed else -1
    failure = Failure(failed[0], index, "ConnectionError", "no route") if failed else None
    return replace(state, components=components, failure=failure)


_RUNNING, _FAILED = CheckpointStatus.RUNNING, CheckpointStatus.FAILED
_CASES = {
    "failed at b": (_state(_FAILED, failed="b"), "b"),
    "failed at b, and c was run all the same": (_state(_FAILED, done="ac", failed="b"), "b"),
    "died in b": (_state(_RUNNING), "b"),
    "b failed, and the driver died in d": (_state(_RUNNING, done="ac", failed="b"), "d"),
    "b and c failed, and the driver died in d": (_state(_RUNNING, failed="bc"), "d"),
    "a failed, and the driver died in b": (_state(_RUNNING, done="", failed="a"), "b"),
    "the driver died behind all of them, of which b failed": (_state(_RUNNING, done="acde", failed="b"), "b"),
    "b failed, c depends on it, and the driver died in d": (_state(_RUNNING, failed="b", not_run="c"), "d"),
    "b failed, c to e depend on it, and the driver died": (_state(_RUNNING, failed="b", not_run="cde"), "b"),
    "died in c, and b is left out": (_state(_RUNNING, omitted="b"), "c"),
    "died before anything ran": (_state(_RUNNING, done=""), "a"),
    "died when all was done": (_state(_RUNNING, done="abcde"), None),
    "completed": (_state(CheckpointStatus.COMPLETED, done="abcde"), None),
}


@pytest.mark.parametrize(("state", "name"), _CASES.values(), ids=_CASES)
def test_every_place_names_the_component_at_which_a_run_stopped(state: CheckpointState, name: str | None) -> None:
    found = stopped_at(state)
    assert (None if found is None else found.name) == name
    entry = RunEntry(UNIT, Commit(3, state), number=3)
    assert describe_run(entry)["failed_component"] == name
    assert printing.run_data(entry)["failedComponent"] == (None if entry.ended else name)
    if entry.ended:
        return
    assert next_try(state)["failed_component"] == name
    row = make_row(entry, "here", defaultdict(TaskFacts))
    names = row.failed_components if row.state is Standing.FAILED else row.current_components
    assert names == [c.name for c in all_stopped_at(state)]
    assert next(iter(names), None) == name
    if name is not None:
        place = f"at [{'abcde'.index(name) + 1}/5] {name}"
        assert place in summarize(state)
        assert place in next_try(state)["text"]
        assert printing.run_line(entry)[-1].startswith(name)


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ("b failed, and the driver died in d", "db"),
        ("b and c failed, and the driver died in d", "dbc"),
        ("a failed, and the driver died in b", "ba"),
        ("failed at b, and c was run all the same", "b"),
        ("died in b", "b"),
    ],
)
def test_a_dead_drivers_error_names_components_that_had_failed_before(case: str, names: str) -> None:
    state, _ = _CASES[case]
    for name in names[1:]:
        place = f"[{'abcde'.index(name) + 1}/5] {name} failed before: ConnectionError: no route"
        assert place in summarize(state)
        assert place in next_try(state)["text"]
    assert ("failed before" in summarize(state)) == (len(names) > 1)
    entry = RunEntry(UNIT, Commit(3, state), number=3)
    assert next_try(state)["failed_components"] == describe_run(entry)["failed_components"] == [*names]
    assert printing.run_data(entry)["failedComponents"] == [*names]
    assert printing.run_line(entry)[-1].startswith(", ".join(names))


def test_the_error_of_a_dead_driver_leaves_out_failed_optional_components() -> None:
    state, _ = _CASES["b failed, and the driver died in d"]
    state = state.with_component(replace(state.components[1], tolerated=True), failure=None)
    assert "failed before" not in summarize(state)
    assert next_try(state)["failed_components"] == ["d"]


@pytest.mark.parametrize(
    ("status", "alive", "standing"),
    [
        (CheckpointStatus.SUBMITTED, False, "submitted"),
        (CheckpointStatus.RUNNING, True, "running"),
        (CheckpointStatus.RUNNING, False, "dead"),
        (CheckpointStatus.FAILED, False, "failed"),
        (CheckpointStatus.COMPLETED, False, "completed"),
        (CheckpointStatus.DISCARDED, False, "discarded"),
    ],
)
def test_a_state_has_the_same_name_everywhere(status: CheckpointStatus, alive: bool, standing: str) -> None:
    assert standing_of(status, alive=alive).value == standing
    entry = RunEntry(UNIT, Commit(3, make_state(status=status)), alive=alive, number=3)
    assert entry.standing.value == standing
    assert entry.standing is entry.standing
    assert printing.run_line(entry)[1] == standing
    assert printing.run_data(entry)["state"] == standing
    assert describe_run(entry)["status"] == standing
    assert make_row(entry, "here", defaultdict(TaskFacts)).state.value == standing
