"""Known mistakes of other checkpointing frameworks, one sentence each, tested here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline import protocol
from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.decoding import decode
from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import SCHEMA_VERSION, CheckpointStatus, Failure
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    ResumeRefusedError,
    UnsupportedCheckpointError,
)
from airflow_spark_pipeline.pipeline.fingerprint import fingerprint
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.pipeline.spec import ComponentSpec
from airflow_spark_pipeline.planning import AlreadyCompletedError, make_plan
from airflow_spark_pipeline.task.attempt import TaskAttempt
from tests.fakes import DictStore, make_state, progressed, resealed
from tests.unit.protocol.simulation import KEY, LEASE, PIPELINE, UNIT, Fault, World


@pytest.fixture
def world() -> Iterator[World]:
    world = World(seed=1, seconds=2.0)
    yield world
    world.check()


def _entered(world: World) -> str:
    return "".join(name for _, _, name in world.oracle.entries)


def _until_inside(world: World, name: str) -> None:
    assert world.run_until(lambda: any(process.inside == name for process in world.processes))


def _kill_everything(world: World) -> None:
    for process in world.processes:
        world.kill(process)
    world.settle()


def _rename(world: World, index: int, **changes: Any) -> None:
    components = list(world.spec.components)
    components[index] = replace(components[index], **changes)
    world.spec = replace(world.spec, components=tuple(components))


@pytest.mark.parametrize("location", ["s3a://bucket/prefix", "hdfs://host/prefix", "gs://bucket/prefix", "ftp://x/y"])
def test_a_location_that_is_a_url_is_served_or_refused_and_never_becomes_a_local_directory(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        assert not isinstance(open_store(location), LocalStore)
    except CheckpointError as error:  # with a JVM in this process Hadoop's client looks for the host at once
        assert location in str(error)  # noqa: PT017  # either answer is right
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_is_resumed_although_its_end_is_not_recorded(world: World) -> None:
    world.start_try()
    _until_inside(world, "b")
    _kill_everything(world)
    assert world.oracle.truth is not None
    assert world.oracle.truth.state.status is CheckpointStatus.RUNNING
    world.start_try()
    world.settle()
    assert (_entered(world), world.success) == ("abbc", True)


def test_a_live_run_is_not_taken_over_until_its_driver_has_stopped(world: World) -> None:
    world.start_try()
    _until_inside(world, "b")
    world.start_try()
    world.settle()
    assert world.outcomes == ["SupersededError", "success"]
    assert [process.code for process in world.processes if process.request] == [
        protocol.EXIT_SUPERSEDED,
        protocol.EXIT_COMPLETED,
    ]


def test_a_component_that_failed_in_the_middle_is_run_by_the_resume_though_a_later_one_is_done() -> None:
    """Completed is a set, not a cursor."""
    world = World(seed=1, seconds=1.0, fail_fast=False)
    world.failures["b"] = 1
    world.start_try()
    world.settle()
    world.start_try()
    world.settle()
    world.check()
    assert _entered(world) == "abcb"
    assert world.outcomes == ["ComponentFailedError", "success"]


def test_a_third_attempt_has_the_progress_of_the_first_although_the_second_did_nothing(world: World) -> None:
    world.failures["b"] = 2
    for _ in range(3):
        world.start_try()
        world.settle()
    assert _entered(world) == "abbbc"
    assert world.success


def test_a_resumed_run_that_succeeded_is_not_resumed_again(world: World) -> None:
    world.failures["b"] = 1
    for _ in range(2):
        world.start_try()
        world.settle()
    assert len(world.numbers()) == 1
    assert not [path for path in world.inner.objects if path.startswith("_open/")]
    world.start_try(clear=True)
    world.settle()
    assert _entered(world) == "abbcabc"


def test_another_list_of_components_of_the_same_length_is_not_taken_for_the_same(world: World) -> None:
    world.failures["b"] = 1
    world.start_try()
    world.settle()
    _rename(world, 0, instance_name="new")
    world.start_try()
    world.settle()
    assert world.outcomes[-1] == "ResumeRefusedError"


def test_a_refused_change_blocks_nothing_once_it_is_undone_or_the_progress_is_discarded(world: World) -> None:
    world.failures["b"] = 1
    world.start_try()
    world.settle()
    world.edit(0)
    world.start_try()
    world.settle()
    assert world.outcomes[-1] == "ResumeRefusedError"
    world.discard()
    world.settle()
    world.start_try()
    world.settle()
    assert world.success


def test_a_component_after_the_failure_may_be_edited_added_and_removed() -> None:
    state = make_state("abc", done="a", status=CheckpointStatus.FAILED)
    world = World()
    state = replace(
        state,
        components=tuple(
            replace(record, fingerprint=fingerprint(component, state.fingerprint_salt))
            for record, component in zip(state.components, world.spec.components, strict=True)
        ),
    )
    more = replace(world.spec, components=(*world.spec.components[:2], ComponentSpec("m.C", "x", {}, "p")))
    assert [step.name for step in make_plan(more, state).to_run] == ["b", "x"]


@pytest.mark.parametrize(("one", "other"), [("daily etl", "daily-etl"), ("A", "a"), ("a/b", "a~b"), ("ä", "ö")])
def test_two_names_that_look_alike_on_disk_get_separate_directories(one: str, other: str) -> None:
    assert unit_path(one, KEY) != unit_path(other, KEY)
    assert unit_path("p", UnitKey("n", one, "r", "t")) != unit_path("p", UnitKey("n", other, "r", "t"))


@pytest.mark.parametrize("name", ["../../outside", "/etc/passwd", "..", "a/../../b"])
def test_no_name_leads_outside_the_location(name: str, tmp_path: Path) -> None:
    root = tmp_path / "checkpoints"
    path = unit_path(name, UnitKey(name, name, name, name))
    assert (root / path).resolve().is_relative_to(root)
    assert len((root / path).resolve().relative_to(root).parts) == 2


def test_fingerprints_distinguish_values_that_only_look_equal_when_joined() -> None:
    configs: list[dict[str, Any]] = [
        {"a": {"b": "c"}},
        {"a": {"bc": ""}},
        {"ab": "c"},
        {"a": "bc"},
        {"a": ["b", "c"]},
        {"a": ["bc"]},
        {"a.b": "c"},
    ]
    digests = [frozenset(fingerprint(ComponentSpec("m.C", "x", config, "p"), "salt").items()) for config in configs]
    assert len(set(digests)) == len(configs)
    one, other = (fingerprint(ComponentSpec(f"{kind}.C", "x", {}, "p"), "salt") for kind in ("m", "ab.m"))
    assert one != other


def test_progress_that_cannot_be_saved_fails_the_run_and_the_next_one_goes_on(world: World) -> None:
    world.start_try()
    _until_inside(world, "b")
    driver = next(process for process in world.processes if process.inside)
    world.arm(driver, 1, Fault.OUTAGE, 3 * LEASE)
    world.settle()
    assert driver.code == protocol.EXIT_CHECKPOINT
    assert world.outcomes == ["ComponentFailedError"]
    world.start_try()
    world.settle()
    assert (_entered(world), world.success) == ("abbc", True)


@pytest.mark.parametrize("text", ["}", "{", '"', "\\", '\\"}', "{]\n\x00\u2028", "\N{PILE OF POO}"])
def test_an_error_text_with_any_characters_loses_no_checkpoint(text: str) -> None:
    state = make_state(done="a", status=CheckpointStatus.FAILED, failure=Failure("b", 1, "E", text, text))
    assert decode(encode(state, 0), "p") == state


def test_an_unknown_field_is_kept_and_a_newer_version_is_refused_by_name() -> None:
    known = resealed(make_state(done="a"), fromTheFuture=1)
    assert b'"fromTheFuture":1' in encode(decode(known, "p"), 0)
    newer = resealed(make_state(done="a"), schemaVersion=SCHEMA_VERSION + 1)
    with pytest.raises(UnsupportedCheckpointError, match="newer"):
        decode(newer, "p")


def test_a_resumed_run_checks_the_description_as_a_fresh_one_does_before_anything_runs(world: World) -> None:
    world.failures["b"] = 1
    world.start_try()
    world.settle()
    _rename(world, 2, instance_type="no.such.Class")
    world.start_try()
    world.settle()
    assert _entered(world) == "ab"
    assert world.processes[-1].code == protocol.EXIT_DEFINITION
    assert world.outcomes[-1] == "ComponentFailedError"


def test_without_fail_fast_a_failed_component_still_fails_the_task() -> None:
    world = World(seed=1, seconds=1.0, fail_fast=False)
    world.failures["a"] = 1
    world.start_try()
    world.settle()
    world.check()
    assert _entered(world) == "abc"
    assert world.outcomes == ["ComponentFailedError"]
    assert world.processes[-1].code == protocol.EXIT_COMPONENT_FAILED


def test_a_plan_leaves_nothing_behind() -> None:
    store, world = DictStore(), World()
    log = RunLog(store, UNIT)
    plan = TaskAttempt(world.spec, log, KEY, Caller(2, 2, 1), auto_resume=True).decide().plan
    assert [step.name for step in plan.to_run] == ["a", "b", "c"]
    assert {operation for operation, _ in store.calls} <= {"list", "read"}
    assert store.objects == {}


def test_a_quoted_spark_key_reaches_spark_without_its_quotes() -> None:
    spec = parse_pipeline(
        """
        spark { config { "spark.sql.shuffle.partitions" = 4 } }
        pipeline {
          pipeline-name = P
          pipeline-components = [{ instance-type = m.C, instance-name = a, instance-config {} }]
        }
        """
    )
    assert dict(spec.spark.config) == {"spark.sql.shuffle.partitions": "4"}


def test_a_look_up_costs_the_same_with_ten_thousand_finished_runs() -> None:
    store = DictStore()
    log = RunLog(store, UNIT)
    log.claim(lambda latest: make_state(done="a", pipeline_name=PIPELINE, key=KEY))
    pipeline = UNIT.partition("/")[0]
    store.objects |= {f"{pipeline}/_history/run-{n:08d}.json": b"" for n in range(10_000)}
    store.objects |= {f"{pipeline}/other-{n}/00000000.json": b"" for n in range(10_000)}
    store.calls.clear()
    assert log.latest() is not None
    assert store.calls == [("list", UNIT), ("read", f"{UNIT}/00000000.json")]


def test_an_unreadable_checkpoint_is_an_error_and_never_counts_as_absent(world: World) -> None:
    world.failures["b"] = 1
    world.start_try()
    world.settle()
    world.inner.objects[f"{UNIT}/{max(world.numbers()):08d}.json"] = b'{"schemaVersion": 1'
    with pytest.raises(CheckpointError, match="not a readable commit"):
        RunLog(world.inner, UNIT).latest()


def test_a_component_completed_by_an_orphan_between_look_and_claim_does_not_run_again() -> None:
    world, log = World(), RunLog(DictStore(), UNIT)
    TaskAttempt(world.spec, log, KEY, Caller(2, 2, 1, "id"), auto_resume=True).claim()
    second = TaskAttempt(world.spec, log, KEY, Caller(2, 2, 2, "id"), auto_resume=True)
    second.decide()
    claimed = log.latest()
    assert claimed is not None
    names = tuple(component.instance_name for component in world.spec.components)
    log.append(claimed, progressed(claimed.state, "abc", status=CheckpointStatus.COMPLETED))
    with pytest.raises(AlreadyCompletedError):
        second.claim()
    newest = log.newest_state()
    assert newest is not None
    assert newest.completed_components == names


def test_a_completed_component_that_was_edited_is_refused_with_its_path() -> None:
    world = World()
    log = RunLog(DictStore(), UNIT)
    TaskAttempt(world.spec, log, KEY, Caller(2, 2, 1), auto_resume=True).claim()
    claimed = log.latest()
    assert claimed is not None
    log.append(claimed, progressed(claimed.state, "a", status=CheckpointStatus.FAILED))
    world.edit(0)
    with pytest.raises(ResumeRefusedError, match=r"pipeline-components\[0\].instance-config.n"):
        TaskAttempt(world.spec, log, KEY, Caller(2, 2, 2), auto_resume=True).decide()
