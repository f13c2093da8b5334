"""A whole run in which each operation of the store, one after another, goes wrong once, in each way. Exhaustive."""

from __future__ import annotations

import functools

import pytest

from airflow_spark_pipeline.checkpoint.changes import is_changes
from airflow_spark_pipeline.checkpoint.decoding import CommitObject, parse
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.protocol import EXIT_COMPLETED
from tests.unit.protocol.histories import LONG, SHORT, TIMED
from tests.unit.protocol.simulation import UNIT, Fault, World

CASES = [(fault, seconds) for fault in Fault for seconds in ((SHORT[1], LONG[0]) if fault in TIMED else (0.0,))]


def _world() -> World:
    """Each kind of commit is made, and commits are deleted below a new base twice."""
    world = World(components=4, changes=1, seconds=1.0, keep_history=True)
    world.latencies = (0.05,)
    return world


@functools.cache
def operations() -> dict[str, int]:
    """How many operations the processes of an undisturbed run ask for."""
    world = _world()
    world.start_try()
    world.settle()
    world.check()
    assert world.outcomes == ["success"]
    return {process.name.partition(" ")[0]: process.operations for process in world.processes}


def test_an_undisturbed_run_is_one_try_and_its_operations_are_counted() -> None:
    assert operations().keys() == {"operator", "driver"}
    assert min(operations().values()) >= 10


@pytest.mark.parametrize("kind", ["operator", "driver"])
@pytest.mark.parametrize(("fault", "seconds"), CASES, ids=lambda value: getattr(value, "name", value))
def test_after_a_fault_at_any_operation_the_next_try_resumes_correctly(kind: str, fault: Fault, seconds: float) -> None:
    for number in range(1, operations()[kind] + 1):
        world = _world()
        world.next_faults[kind] = {number: (fault, seconds)}
        world.start_try()
        world.settle()
        world.finish()


@pytest.mark.parametrize("kind", ["operator", "driver"])
@pytest.mark.parametrize(("fault", "seconds"), CASES, ids=lambda value: getattr(value, "name", value))
def test_a_try_that_does_not_wait_for_a_troubled_one_resumes_correctly_too(
    kind: str, fault: Fault, seconds: float
) -> None:
    for number in range(1, operations()[kind] + 1):
        world = _world()
        world.next_faults[kind] = {number: (fault, seconds)}
        world.start_try()
        world.run_until(lambda world=world, kind=kind, number=number: _reached(world, kind, number))  # type: ignore[misc]
        world.start_try()
        world.finish()


def test_the_run_whose_operations_fail_makes_both_kinds_of_commits_and_deletes_below_bases() -> None:
    world = _world()
    world.start_try()
    kinds = []
    for number in range(6):
        assert world.run_until(lambda number=number: world.newest == number)  # type: ignore[misc]
        data = world.inner.objects[f"{UNIT}/{number:08d}.json"]
        kinds.append("changes" if is_changes(parse(data, CommitObject(""))) else "base")
    assert kinds == ["base", "base", "base", "changes", "base", "changes"]
    assert world.numbers() == [0, 4, 5]


@pytest.mark.parametrize("seconds", LONG)
@pytest.mark.parametrize("then", ["discarded", "resumed and cleaned up", "started again by the cluster manager"])
def test_a_driver_frozen_at_any_operation_does_not_harm_its_successor(then: str, seconds: float) -> None:
    for number in range(1, operations()["driver"] + 1):
        world = _world()
        world.next_faults["driver"] = {number: (Fault.FREEZE_BEFORE, seconds)}
        world.start_try()
        world.run_until(lambda world=world, number=number: _reached(world, "driver", number))  # type: ignore[misc]
        if then == "discarded":
            world.discard()
            world.run(1.0)
        if then == "started again by the cluster manager":
            world.rerun(next(process for process in world.processes if process.request))
            world.run(1.0)
        world.look()
        world.start_try()
        world.finish()


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.ERROR_AFTER, Fault.EXISTS_AFTER])
@pytest.mark.parametrize("kind", ["operator", "driver"])
def test_one_error_of_the_store_at_any_operation_costs_no_try(kind: str, fault: Fault) -> None:
    costly = []
    for number in range(1, operations()[kind] + 1):
        world = _world()
        world.next_faults[kind] = {number: (fault, 0.0)}
        world.start_try()
        world.settle()
        world.check()
        if world.outcomes != ["success"]:
            costly.append((number, world.outcomes))
    assert costly == []


def test_a_completed_driver_reports_success_even_if_it_cannot_clean_up_after_its_predecessor() -> None:
    world = _world()
    world.start_try()
    assert world.run_until(lambda: any(process.inside for process in world.processes))
    world.kill(next(process for process in world.processes if process.inside))
    world.settle()
    world.start_try()
    assert world.run_until(lambda: _completed(world))
    second = next(process for process in reversed(world.processes) if process.request)
    world.arm(second, 2, Fault.OUTAGE, LONG[0])  # the next one is the check of the last commit
    world.settle()
    assert second.code == EXIT_COMPLETED
    world.finish()


def _completed(world: World) -> bool:
    truth = world.oracle.truth
    return truth is not None and truth.state.status is CheckpointStatus.COMPLETED


def _reached(world: World, kind: str, number: int) -> bool:
    return any(process.name.startswith(kind) and process.operations >= number for process in world.processes)
