"""Commits that hold changes, together with their base, are exactly the state; anything else is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.changes import changes_since, is_changes, most_changes, to_trim
from airflow_spark_pipeline.checkpoint.checksum import seal, unseal
from airflow_spark_pipeline.checkpoint.decoding import CommitObject, changed, decode, parse
from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.key import make_run_id
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import (
    AttemptSummary,
    Base,
    CheckpointState,
    CheckpointStatus,
    Commit,
    ComponentAction,
    Failure,
)
from airflow_spark_pipeline.exceptions import CorruptCheckpointError
from tests.fakes import UNIT, DictStore, make_state, unit_of, with_done

GOLDEN = Path(__file__).with_name("golden-changes-3.json")
_WHERE = f"{UNIT}/00000002.json"
_TRIED = {"startedAt": "2026-01-01T00:00:00.000+00:00", "durationSeconds": 1.0, "error": "E: x", "delaySeconds": 0.5}
_OUTPUT = {"path": f"/x/_outputs/{UNIT}/00000000-1-me/0/00-v", "schema": {}, "files": {"count": 1, "names": "x"}}


def _base(names: str = "abcdef", **changes: Any) -> Base:
    return Base(1, make_state(names, done="a", nonce="base", **changes))


def _after(base: Base, done: str = "c") -> CheckpointState:
    state = base.state
    for name in done:
        state = with_done(state, name)
    return replace(state, nonce="mine", updated_at="2026-01-01T00:00:05.000+00:00")


def _read(data: bytes, base: Base) -> CheckpointState:
    stored = CommitObject(_WHERE, UNIT, 2)
    return changed(parse(data, stored), base, stored)


def _record(state: CheckpointState, name: str, **changes: Any) -> CheckpointState:
    record = state.component(name)
    assert record is not None
    return state.with_component(replace(record, **changes))


_CHANGES: dict[str, Callable[[CheckpointState], CheckpointState]] = {
    "nothing": lambda state: state,
    "one component": lambda state: with_done(state, "c"),
    "out of order": lambda state: with_done(with_done(state, "f"), "b"),
    "everything": lambda state: _after(Base(1, state), "bcdef"),
    "a replay": lambda state: _record(state, "a", action=ComponentAction.REPLAYED),
    "a retry": lambda state: _record(state, "b", retries=(_TRIED,)),
    "outputs, views and session": lambda state: _record(
        with_done(state, "b"), "b", outputs={"v": _OUTPUT}, views=("v",), session={"conf": {"x": None}}
    ),
    "code and version": lambda state: _record(
        with_done(state, "b"), "b", code={"m.py": "0"}, fingerprint={"instance-type": "1"}, leaves={"views": ["v"]}
    ),
    "a failure that ends nothing": lambda state: _record(
        state, "d", action=ComponentAction.FAILED, reason='E: "x"\u2028'
    ),
}


@pytest.mark.parametrize("change", _CHANGES.values(), ids=_CHANGES)
def test_a_base_with_the_changes_since_is_the_state(change: Callable[[CheckpointState], CheckpointState]) -> None:
    base = _base()
    state = replace(change(base.state), nonce="mine")
    data = changes_since(base, 2, state)
    assert data is not None
    assert _read(data, base) == state


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ((), ("x",), {"partsAdded": ["x"]}),
        (("x", "y"), ("x", "y", "z", "é"), {"partsAdded": ["z", "é"]}),
        (("x",), (), {"parts": []}),
        (("x", "y"), ("y",), {"parts": ["y"]}),
    ],
)
def test_only_parts_since_the_base_are_written(
    before: tuple[str, ...], after: tuple[str, ...], written: dict[str, Any]
) -> None:
    base = Base(1, _record(_base().state, "b", parts=before, part_counts={"total": 9, "skipped": 0, "run": 1}))
    state = replace(_record(base.state, "b", parts=after), nonce="mine")
    data = changes_since(base, 2, state)
    assert data is not None
    assert unseal(data)["components"] == [{"index": 1, **written}]
    assert _read(data, base) == state


def test_each_of_many_parts_costs_little_more_than_its_key() -> None:
    store = DictStore()
    log = RunLog(store, UNIT)
    commit = log.claim(lambda _: make_state("a"))
    written: list[int] = []
    store.after = lambda operation, path: written.append(len(store.objects[path])) if operation == "create" else None
    for number in range(1_000):
        record = commit.state.components[0]
        state = commit.state.with_component(replace(record, parts=(*record.parts, f"2026-{number:06}")))
        commit = log.append(commit, state)
    assert sum(written) / len(written) < 3_000
    latest = RunLog(store, UNIT).latest()
    assert latest is not None
    assert len(latest.state.components[0].parts) == 1_000


def test_a_member_that_a_record_no_longer_has_is_a_change_too() -> None:
    base = Base(1, _record(_base().state, "b", retries=(_TRIED,), views=("v",), leaves={"views": ["v"]}))
    state = _record(replace(base.state, nonce="mine"), "b", retries=(), views=(), leaves={})
    data = changes_since(base, 2, state)
    assert data is not None
    assert _read(data, base) == state


_NEED_A_BASE: dict[str, Callable[[CheckpointState], CheckpointState]] = {
    "the end": lambda state: replace(state, status=CheckpointStatus.COMPLETED),
    "a failure": lambda state: replace(state, status=CheckpointStatus.FAILED),
    "a failure that is noted": lambda state: replace(state, failure=Failure("b", 1, "E", "x")),
    "a discard": lambda state: replace(state, status=CheckpointStatus.DISCARDED),
    "a claim": lambda state: replace(state, status=CheckpointStatus.SUBMITTED),
    "another attempt": lambda state: replace(state, attempt=2, attempt_id="2-me"),
    "another epoch": lambda state: replace(state, epoch=1),
    "an application": lambda state: replace(state, spark_application_id="app-1"),
    "a component less": lambda state: replace(state, components=state.components[:-1]),
    "another component": lambda state: replace(
        state, components=(*state.components[:-1], replace(state.components[-1], name="z"))
    ),
    "a component of another type": lambda state: _record(state, "b", type="m.Other"),
    "done without having run": lambda state: replace(state, completed_components=("a", "b")),
    "no longer done": lambda state: replace(state, completed_components=()),
    "another order": lambda state: replace(with_done(state, "b"), completed_components=("b", "a")),
    "an error in the summary": lambda state: replace(
        state, attempts=(replace(state.attempts[-1], failed="b", error="E: x"),)
    ),
    "one attempt more": lambda state: replace(
        state, attempts=(*state.attempts, AttemptSummary(2, make_run_id(UNIT, 1), state.started_at))
    ),
    "something of a newer version": lambda state: replace(state, extra={"sinceNine": 1}),
    "something of a newer version in a record": lambda state: _record(state, "b", extra={"sinceNine": 1}),
}


@pytest.mark.parametrize("change", _NEED_A_BASE.values(), ids=_NEED_A_BASE)
def test_any_other_change_needs_a_new_base(change: Callable[[CheckpointState], CheckpointState]) -> None:
    base = _base()
    assert changes_since(base, 2, replace(change(base.state), nonce="mine")) is None


@pytest.mark.parametrize(("components", "most"), [(0, 0), (1, 2), (3, 3), (20, 8), (200, 28), (2_000, 64), (10**6, 64)])
def test_a_new_base_is_due_sooner_the_fewer_components_there_are(components: int, most: int) -> None:
    assert most_changes(components) == most


@pytest.mark.parametrize(
    ("numbers", "claim", "base", "trimmed"),
    [
        ([0, 1], 0, 1, []),
        ([0, 1, 2, 3, 4], 0, 4, [1, 2, 3]),
        ([0, 4, 5, 6, 7], 0, 6, [4, 5]),
        ([0, 1, 2, 3, 4, 5, 6, 7], 3, 7, [4, 5, 6]),
        ([*range(50), 50, 51, 52], 50, 52, [*range(50), 51]),
    ],
    ids=[
        "nothing",
        "its own",
        "after a trim before",
        "an earlier attempt stays for display",
        "many of earlier attempts",
    ],
)
def test_a_new_base_deletes_the_commits_below_it_but_never_the_claim(
    numbers: list[int], claim: int, base: int, trimmed: list[int]
) -> None:
    assert to_trim(numbers, base, make_state(claim_number=claim)) == trimmed


def test_the_format_of_changes_is_the_one_in_the_golden_file() -> None:
    base = _base()
    data = changes_since(base, 2, _record(_after(base), "b", retries=(_TRIED,)))
    assert data is not None
    assert unseal(data) == unseal(GOLDEN.read_bytes())
    assert _read(GOLDEN.read_bytes(), base) == _read(data, base)


def _resealed(**changes: Any) -> bytes:
    base = _base()
    data = changes_since(base, 2, _after(base))
    assert data is not None
    return seal(json.dumps({**unseal(data), **changes})[1:-1])


def _refused(data: bytes) -> str:
    with pytest.raises(CorruptCheckpointError) as caught:
        _read(data, _base())
    assert str(caught.value).startswith(f"{_WHERE} is not a readable commit: ")
    return str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": 3},
        {"number": "2"},
        {"number": -1},
        {"base": 2},
        {"base": -1},
        {"base": "1"},
        {"base": None},
        {"base": True},
        {"baseNonce": ""},
        {"baseNonce": 1},
        {"runId": make_run_id(UNIT, 1)},
        {"runId": make_run_id(unit_of("other"), 0)},
        {"runId": "x"},
        {"nonce": ""},
        {"nonce": None},
        {"updatedAt": "yesterday"},
        {"done": "c"},
        {"done": ["c", "c"]},
        {"done": ["z"]},
        {"done": ["b", "c"]},
        {"done": []},
        {"done": [1]},
        {"done": None},
        {"components": {}},
        {"components": [None]},
        {"components": ["c"]},
        {"components": [{}]},
        {"components": [{"index": 6}]},
        {"components": [{"index": -1}]},
        {"components": [{"index": True}]},
        {"components": [{"index": "2", "action": "ran", "attempt": 1}]},
        {"components": [{"index": 2, "action": "done", "attempt": 1}]},
        {"components": [{"index": 2, "action": "ran", "attempt": 2}]},
        {"components": [{"index": 2, "action": "ran", "attempt": 1, "views": "v"}]},
        {"components": [{"index": 2, "action": "ran", "attempt": 1, "name": "x"}]},
        {"done": [], "components": [{"index": 3, "partsAdded": "x"}]},
        {"done": [], "components": [{"index": 3, "partsAdded": 0}]},
        {"done": [], "components": [{"index": 3, "partsAdded": [1]}]},
        {"done": [], "components": [{"index": 3, "partsAdded": ["x", "x"]}]},
        {"done": [], "components": [{"index": 0, "partsAdded": ["x"]}]},
        {"components": [{"index": 2, "action": "ran", "attempt": 1}] * 2},
        {"components": [{"index": 2, "action": "ran", "attempt": 1, "outputs": {"v": {**_OUTPUT, "path": "/etc"}}}]},
    ],
    ids=lambda wrong: json.dumps(wrong)[:50],
)
def test_changes_that_no_writer_writes_are_refused_although_the_checksum_matches(wrong: dict[str, Any]) -> None:
    _refused(_resealed(**wrong))


@pytest.mark.parametrize("name", ["base", "baseNonce", "runId", "nonce", "updatedAt", "done", "components"])
def test_a_missing_member_is_named(name: str) -> None:
    raw = unseal(_resealed())
    del raw[name]
    assert f"has no {name}" in _refused(seal(json.dumps(raw)[1:-1]))


def test_every_changed_bit_of_a_commit_of_changes_is_detected() -> None:
    data = bytearray(_resealed())
    for at in range(len(data)):
        data[at] ^= 1 << at % 8
        _refused(bytes(data))
        data[at] ^= 1 << at % 8


def test_an_unknown_member_of_a_newer_version_is_kept() -> None:
    state = _read(_resealed(fromTheFuture={"x": 1}), _base())
    assert json.loads(encode(state, 3))["fromTheFuture"] == {"x": 1}


def test_changes_where_a_whole_state_belongs_are_refused() -> None:
    with pytest.raises(CorruptCheckpointError, match="holds changes of commit 1 instead of a whole state"):
        decode(_resealed(), _WHERE)


class TestInALog:
    """What readers make of a log whose newest commit holds changes."""

    @pytest.fixture
    def store(self) -> DictStore:
        return DictStore()

    @pytest.fixture
    def commit(self, store: DictStore) -> Commit:
        log = RunLog(store, UNIT)
        running = log.append(log.claim(lambda _: make_state(status=CheckpointStatus.SUBMITTED)), make_state())
        commit = log.append(running, with_done(running.state, "a"))
        assert is_changes(unseal(store.objects[f"{UNIT}/00000002.json"]))
        return commit

    def test_it_costs_one_list_and_two_reads(self, store: DictStore, commit: Commit) -> None:
        store.calls.clear()
        assert RunLog(store, UNIT).latest() == commit
        assert store.calls == [("list", UNIT), ("read", f"{UNIT}/00000002.json"), ("read", f"{UNIT}/00000001.json")]

    def test_a_base_that_was_read_before_is_not_read_again(self, store: DictStore, commit: Commit) -> None:
        log = RunLog(store, UNIT)
        before = log.latest()
        later = log.append(commit, with_done(commit.state, "b"))
        store.calls.clear()
        assert log.read(3, before) == later
        assert store.calls == [("read", f"{UNIT}/00000003.json")]

    @pytest.mark.parametrize("base", [None, encode(make_state(nonce="another"), 1)], ids=["deleted", "replaced"])
    def test_a_missing_base_is_an_error_that_names_both_commits_and_the_way_out(
        self, store: DictStore, commit: Commit, base: bytes | None
    ) -> None:
        del store.objects[f"{UNIT}/00000001.json"]
        if base is not None:
            store.objects[f"{UNIT}/00000001.json"] = base
        with pytest.raises(CorruptCheckpointError, match=r"00000002\.json holds changes of 00000001\.json, .* discard"):
            RunLog(store, UNIT).latest()
        discarded = RunLog(store, UNIT).discard()
        assert discarded is not None
        assert (discarded.number, discarded.state.status) == (3, CheckpointStatus.DISCARDED)
        assert RunLog(store, UNIT).latest() == discarded

    def test_a_damaged_base_is_named_and_the_claim_still_identifies_the_run(
        self, store: DictStore, commit: Commit
    ) -> None:
        store.objects[f"{UNIT}/00000001.json"] = b"damaged"
        with pytest.raises(CorruptCheckpointError, match=r"00000001\.json is not a readable commit"):
            RunLog(store, UNIT).latest()
        discarded = RunLog(store, UNIT).discard()
        assert discarded is not None
        assert discarded.state.key == commit.state.key

    def test_a_reader_finds_a_base_that_was_written_between_its_two_reads(
        self, store: DictStore, commit: Commit
    ) -> None:
        newer: list[Commit] = []

        def write_meanwhile(operation: str, path: str) -> None:
            if path.endswith("00000001.json"):
                store.before = lambda operation, path: None
                state = replace(commit.state, spark_application_id="app-1")
                newer.append(RunLog(store, UNIT).append(commit, state))

        store.before = write_meanwhile
        assert RunLog(store, UNIT).latest() == newer[0]
        assert newer[0].number == 3
        assert f"{UNIT}/00000001.json" not in store.objects

    def test_a_driver_that_is_started_again_begins_with_a_base(self, store: DictStore, commit: Commit) -> None:
        log = RunLog(store, UNIT)
        again = log.append(log.adopt(0, commit.state.attempt_id, "nonce"), with_done(commit.state, "b"))
        assert not is_changes(unseal(store.objects[f"{UNIT}/{again.number:08d}.json"]))

    @pytest.mark.parametrize("components", [20, 300, 2_000])
    def test_a_directory_stays_small_however_long_the_run_is(self, store: DictStore, components: int) -> None:
        names = [f"c{index}" for index in range(components)]
        state = make_state("", total_components=0)
        record = make_state("a").components[0]
        records = tuple(replace(record, index=index, name=name) for index, name in enumerate(names))
        log = RunLog(store, UNIT)
        commit = log.append(log.claim(lambda _: state), replace(state, components=records, total_components=components))
        most = 0
        for name in names[:150]:
            commit = log.append(commit, with_done(commit.state, name))
            most = max(most, len([path for path in store.objects if path.startswith(UNIT)]))
        assert most <= 100
        assert RunLog(store, UNIT).latest() == commit
