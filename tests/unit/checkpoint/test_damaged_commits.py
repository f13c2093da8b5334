"""Damaged commits, copies under other names, and edits with a new checksum are never believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.checksum import seal
from airflow_spark_pipeline.checkpoint.claimant import Claimant
from airflow_spark_pipeline.checkpoint.decoding import decode
from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.key import make_run_id
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, ComponentAction, Failure
from airflow_spark_pipeline.exceptions import CorruptCheckpointError
from tests.fakes import RUN_ID, UNIT, DictStore, make_state, resealed, unit_of

_PATH = f"{UNIT}/00000003.json"
_OUTPUT = {
    "path": f"/data/_outputs/{UNIT}/00000000-1-me-1/0000/00-v",
    "schema": {},
    "files": {"count": 1, "names": "x"},
}
_CALLER = Claimant(max_tries=2, retries=2, try_number=1)


def _full() -> CheckpointState:
    """Components a (done, with a saved output), b (failed), c."""
    state = make_state(done="a", status=CheckpointStatus.FAILED, failure=Failure("b", 1, "E", "down"), caller=_CALLER)
    a, b, c = state.components
    tried = {"startedAt": state.started_at, "durationSeconds": 1.0, "error": "E: down", "delaySeconds": 0.5}
    a = replace(a, outputs={"v": _OUTPUT}, views=("v",), duration_seconds=2.0, started_at=state.started_at)
    b = replace(b, action=ComponentAction.FAILED, attempt=1, retries=(tried,))
    return replace(state, components=(a, b, c), selection={"startFrom": None, "only": [], "force": ["a"]})


def _read(data: bytes) -> CheckpointState:
    return decode(data, _PATH, unit=UNIT, number=3)


def _refused(data: bytes) -> str:
    with pytest.raises(CorruptCheckpointError) as caught:
        _read(data)
    assert str(caught.value).startswith(f"{_PATH} is not a readable commit: ")
    assert caught.value.path == _PATH
    return str(caught.value)


def test_a_written_object_can_be_read() -> None:
    assert _read(encode(_full(), 3)) == _full()


@pytest.mark.parametrize("old", [b'"a"', b"failed", b"1,", b"\xff", b"{", b"sha"])
def test_every_changed_byte_is_detected(old: bytes) -> None:
    data = bytearray(encode(_full(), 3))
    at = max(data.find(old), 0)
    for bit in range(8):
        data[at] ^= 1 << bit
        _refused(bytes(data))
        data[at] ^= 1 << bit


def _in(where: tuple[Any, ...], value: Any) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        *way, last = where
        found: Any = raw
        for key in way:
            found = found[key]
        found[last] = value

    return change


_WRONG: list[tuple[tuple[Any, ...], Any]] = [
    (("schemaVersion",), None),
    (("schemaVersion",), "2"),
    (("schemaVersion",), True),
    (("schemaVersion",), 0),
    (("number",), 4),
    (("number",), -1),
    (("number",), "3"),
    (("number",), 3.0),
    (("key",), None),
    (("key",), {}),
    (("key",), []),
    (("key", "taskId"), "other"),
    (("key", "mapIndex"), 0),
    (("key", "mapIndex"), "-1"),
    (("key", "mapIndex"), -2),
    (("key", "namespace"), None),
    (("runId",), "p~u~0"),
    (("runId",), make_run_id(UNIT, 1)),
    (("runId",), make_run_id(unit_of("other"), 0)),
    (("runId",), ""),
    (("resumedFrom",), make_run_id(unit_of("other"), 0)),
    (("resumedFrom",), 0),
    (("pipelineName",), "Other"),
    (("pipelineName",), 7),
    (("status",), "done"),
    (("status",), "completed"),
    (("status",), "discarded"),
    (("status",), None),
    (("status",), ["failed"]),
    (("attempt",), 0),
    (("attempt",), 2),
    (("attempt",), True),
    (("attempt",), 1.0),
    (("attempt",), "1"),
    (("attemptId",), "2-me"),
    (("attemptId",), ""),
    (("claimNumber",), 4),
    (("claimNumber",), -1),
    (("nonce",), ""),
    (("nonce",), None),
    (("epoch",), -1),
    (("epoch",), None),
    (("startedAt",), "yesterday"),
    (("startedAt",), "2026-01-01T00:00:00"),
    (("updatedAt",), ""),
    (("updatedAt",), 5),
    (("totalComponents",), 4),
    (("totalComponents",), -3),
    (("completedComponents",), "a"),
    (("completedComponents",), None),
    (("completedComponents",), {"a": 1}),
    (("completedComponents",), ["a", "a"]),
    (("completedComponents",), ["a", "z"]),
    (("completedComponents",), ["b"]),
    (("completedComponents",), ["a", "b"]),
    (("completedComponents",), ["a", "c"]),
    (("completedComponents",), []),
    (("completedComponents",), [["a"]]),
    (("completedComponents",), [1]),
    (("lastCheckpointedIndex",), 1),
    (("lastCheckpointedIndex",), -2),
    (("lastCheckpointedIndex",), "0"),
    (("components",), None),
    (("components",), {}),
    (("components",), []),
    (("components", 0), None),
    (("components", 0), "a"),
    (("components", 1, "name"), "a"),
    (("components", 1, "name"), ""),
    (("components", 1, "name"), None),
    (("components", 1, "index"), 0),
    (("components", 1, "index"), -1),
    (("components", 1, "index"), "1"),
    (("components", 0, "action"), "failed"),
    (("components", 0, "action"), "pending"),
    (("components", 0, "action"), "omitted"),
    (("components", 0, "action"), "running"),
    (("components", 0, "action"), "upstream_failed"),
    (("components", 0, "changedCode"), ["my_etl/a.py"]),  # and no code is recorded
    (("components", 0, "changedCode"), "my_etl/a.py"),
    (("components", 0, "failureTraceback"), ["Traceback"]),
    (("components", 0, "changedCode"), [1]),
    (("components", 0, "wrote"), ["s3://lake/orders"]),
    (("components", 0, "wrote"), {"s3://lake/orders": 3}),
    (("components", 0, "wrote"), {"s3://lake/orders": ["rows"]}),
    (("components", 0, "changedCode"), {"my_etl/a.py": "00"}),
    (("components", 2, "action"), "ran"),
    (("components", 2, "action"), "skipped"),
    (("components", 0, "attempt"), None),
    (("components", 0, "attempt"), 2),
    (("components", 0, "attempt"), 0),
    (("components", 0, "startedAt"), "noon"),
    (("components", 0, "durationSeconds"), -1),
    (("components", 0, "durationSeconds"), float("nan")),
    (("components", 0, "durationSeconds"), float("inf")),
    (("components", 0, "durationSeconds"), "2"),
    (("components", 0, "fingerprint"), []),
    (("components", 0, "fingerprint"), {"path": 7}),
    (("components", 0, "views"), "v"),
    (("components", 0, "views"), [None]),
    (("components", 0, "outputs"), ["v"]),
    (("components", 0, "outputs", "v"), "x"),
    (("components", 0, "outputs", "v", "path"), None),
    (("components", 0, "outputs", "v", "path"), "/etc/passwd"),
    (("components", 0, "outputs", "v", "path"), f"/data/_outputs/{unit_of('other')}/00000000-1-me-1/0000/00-v"),
    (("components", 0, "outputs", "v", "path"), f"/data/_outputs/{UNIT}/00000000-1-me-1/../../../other/00-v"),
    (("components", 0, "outputs", "v", "path"), f"/data/_outputs/{UNIT}/00000009-1-me-1/0000/00-v"),
    (("components", 0, "outputs", "v", "path"), f"/data/_outputs/{UNIT}/00-v"),
    (("components", 0, "outputs", "v", "schema"), None),
    (("components", 0, "outputs", "v", "files"), {}),
    (("components", 0, "outputs", "v", "files", "count"), -1),
    (("components", 1, "retries"), {}),
    (("components", 1, "retries", 0), []),
    (("components", 1, "retries", 0, "error"), 7),
    (("attempts",), []),
    (("attempts",), None),
    (("attempts", 0, "attempt"), 2),
    (("attempts", 0, "runId"), make_run_id(UNIT, 1)),
    (("attempts", 0, "ran"), "a"),
    (("attempts", 0, "startedAt"), "x"),
    (("failure",), []),
    (("failure",), "down"),
    (("failure", "component"), "c"),
    (("failure", "component"), None),
    (("failure", "index"), None),
    (("failure", "retryHelps"), 1),
    (("failure", "message"), None),
    (("caller",), []),
    (("caller", "tryNumber"), "1"),
    (("caller", "identity"), 1),
    (("caller", "taskInstance"), "x"),
    (("caller", "taskInstance"), {"dagId": "etl"}),
    (("caller", "taskInstanceId"), 7),
    (("caller", "owner"), "x"),
    (("caller", "owner"), {"tryNumber": "1"}),
    (("selection",), ["a"]),
    (("selection", "force"), "a"),
    (("selection", "startFrom"), 1),
    (("leaseSeconds",), 0),
    (("leaseSeconds",), -60),
    (("leaseSeconds",), float("nan")),
    (("leaseSeconds",), None),
    (("sparkApplicationId",), 7),
    (("fingerprintSalt",), None),
]


@pytest.mark.parametrize(("where", "value"), _WRONG, ids=lambda each: str(each)[:60])
def test_a_member_that_no_writer_writes_is_refused_although_the_checksum_matches(
    where: tuple[Any, ...], value: Any
) -> None:
    raw = json.loads(encode(_full(), 3))
    del raw["checksum"]
    _in(where, value)(raw)
    _refused(seal(json.dumps(raw)[1:-1]))


@pytest.mark.parametrize("name", sorted(json.loads(encode(_full(), 3)).keys() - {"checksum"}))
def test_a_member_that_is_named_twice_is_refused(name: str) -> None:
    raw = json.loads(encode(_full(), 3))
    del raw["checksum"]
    text = json.dumps(raw)[1:-1]
    assert "names a member twice" in _refused(seal(f"{text},{json.dumps({name: raw[name]})[1:-1]}"))


@pytest.mark.parametrize("name", ["key", "runId", "pipelineName", "status", "attempt", "claimNumber", "nonce", "epoch"])
def test_a_member_that_is_missing_is_named(name: str) -> None:
    raw = json.loads(encode(_full(), 3))
    del raw["checksum"], raw[name]
    assert f"has no {name}" in _refused(seal(json.dumps(raw)[1:-1]))


@pytest.mark.parametrize("data", [b"[" * 100_000, seal('"a":' + "[" * 100_000), seal("}"), seal('"a"'), b"\x00" * 5000])
def test_a_value_that_is_almost_json_is_refused(data: bytes) -> None:
    _refused(data)


def test_a_completed_component_whose_replay_fails_is_both_done_and_failed() -> None:
    state = _full()
    first, *rest = state.components
    summary = replace(state.attempts[0], skipped=("a",))
    replayed = replace(state, components=(replace(first, action=ComponentAction.FAILED), *rest), attempts=(summary,))
    assert _read(encode(replayed, 3)) == replayed


class TestCopies:
    """Nothing of a copied object is damaged; it is in the wrong place."""

    def test_a_commit_of_another_unit_is_refused_with_the_name_of_that_unit(self) -> None:
        store = DictStore()
        RunLog(store, unit_of("other")).claim(lambda _: make_state(unit="other", done="ab"))
        store.objects[f"{UNIT}/00000000.json"] = store.objects[f"{unit_of('other')}/00000000.json"]
        with pytest.raises(CorruptCheckpointError, match=f"it belongs to the run in {unit_of('other')}"):
            RunLog(store, UNIT).latest()

    def test_a_commit_under_another_number_is_refused(self) -> None:
        store, log = DictStore(), RunLog(DictStore(), UNIT)
        log = RunLog(store, UNIT)
        claim = log.claim(lambda _: make_state())
        log.append(claim, make_state(done="a"))
        store.objects[f"{UNIT}/00000007.json"] = store.objects[f"{UNIT}/00000000.json"]
        with pytest.raises(CorruptCheckpointError, match="it is commit 0 of its run, under the name of commit 7"):
            log.latest()

    def test_a_commit_of_another_deployments_namespace_is_refused(self) -> None:
        data = resealed(make_state(), 3, key={**make_state().key.to_dict(), "namespace": "production"})
        assert "its key is that of another run" in _refused(data)


def test_an_error_about_a_commit_explains_how_to_discard_the_run() -> None:
    store = DictStore()
    store.objects[f"{UNIT}/00000000.json"] = b""
    with pytest.raises(CorruptCheckpointError) as caught:
        RunLog(store, UNIT).latest()
    said = str(caught.value)
    assert said.count("00000000.json") == 1
    assert "it is empty" in said
    assert f"spark-pipeline discard {RUN_ID} --file FILE" in said  # a custom store is named in a file
