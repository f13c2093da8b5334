"""Ten thousand changes of single bytes, and hundreds of larger ones, to all objects of a location.

After each change every way of reading gives what it gave before, or an error that names the object. A hint may take its
run out of a listing; a heartbeat may say no more whose it is. Nothing else ever changes: no component is skipped that
was not, no other unit is found, nothing raw is raised.
"""

from __future__ import annotations

import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.catalog import RunEntry, find_run, unfinished_runs
from airflow_spark_pipeline.checkpoint.claim import decide_claim
from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.finished import find_finished, finished_runs
from airflow_spark_pipeline.checkpoint.lease import Lease, LeaseTerms
from airflow_spark_pipeline.checkpoint.liveness import describe_running
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.processes import identify
from airflow_spark_pipeline.checkpoint.query import RunQuery
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.cli import printing
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.pipeline.fingerprint import fingerprint
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec
from airflow_spark_pipeline.planning import describe_run, make_plan, next_try, summarize
from airflow_spark_pipeline.plugins.page.metadata_db import TaskFacts
from airflow_spark_pipeline.plugins.page.run_models import make_row
from tests.fakes import DictStore, heartbeat
from tests.histories_of_runs import History

_CALLER = Caller(2, 2, 4)
_SPEC = PipelineSpec(
    "Test",
    tuple(ComponentSpec("m.C", name, {}, f"pipeline.pipeline-components[{i}]") for i, name in enumerate("abc")),
    SparkSpec(None, None, {}),
    CheckpointSpec(),
    True,  # fail-fast
    None,
)
#: What is neither an answer nor an error: the run is not in the listing.
_ABSENT = "not listed"


@dataclass
class Location:
    """Runs of two pipelines: failed, alive, base and changes, finished and kept, discarded, submitted."""

    store: DictStore = field(default_factory=DictStore)
    units: dict[str, History] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store.clock.sleep(1_000_000.0)
        for history in (
            History(self.store, "failed").failed(),
            History(self.store, "alive").running(),
            History(self.store, "base and changes").running().done("b"),
            History(self.store, "finished").completed(retired=False),
            History(self.store, "discarded").failed(),
            History(self.store, "submitted", pipeline="Other").submitted(),
        ):
            self.units[history.path] = history
            if history.key.run_id == "failed":
                self._save_an_output(history)
            if history.key.run_id == "alive":
                body = heartbeat(process=identify(os.getpid()), driver=identify(os.getpid()))
                self.store.write(f"{history.path}/hb-1-0-1", body)
            if history.key.run_id == "finished" and history.commit is not None:
                history.log.retire(history.commit, keep_history=True)
            if history.key.run_id == "discarded":
                history.log.discard()

    @staticmethod
    def _save_an_output(history: History) -> None:
        assert history.commit is not None
        first, *rest = history.commit.state.components
        path = f"dict://_outputs/{history.path}/00000000-1-0-1/0000/00-v"
        output = {"path": path, "schema": {"type": "struct", "fields": []}, "files": {"count": 2, "names": "0123"}}
        state = replace(history.commit.state, components=(replace(first, outputs={"v": output}), *rest))
        history.commit = history.log.append(history.commit, state)

    def unit_of(self, path: str) -> str:
        """Return the unit that an object belongs to, or is about."""
        return next(unit for unit in self.units if unit in path.replace("~", "/") or unit.partition("/")[2] in path)


def ask(location: Location, unit: str) -> dict[str, Any]:
    """Ask everything that anybody asks about a unit, and of the listings that it may be in."""
    store, history = location.store, location.units[unit]
    log = RunLog(store, unit, retry_seconds=0)
    run_id = history.pipeline_run_id
    answers: dict[str, Any] = {}

    def note(name: str, question: Callable[[], Any]) -> None:
        try:
            answers[name] = question()
        except SparkPipelineError as error:
            answers[name] = error

    note("latest", log.latest)
    latest = answers["latest"]
    if not isinstance(latest, SparkPipelineError) and latest is not None:
        note("decision", lambda: decide_claim(latest.state, _CALLER))
        note("plan", lambda: make_plan(_SPEC, _as_described(latest.state)) if latest.state.components else None)
        note("summary", lambda: (summarize(latest.state), next_try(latest.state)))
        note("running", lambda: describe_running(log, latest, lambda _: False))
    lease = Lease(log, "9-me", {"runId": run_id, "attempt": 9}, LeaseTerms(60.0))
    note("waits for", lambda: [o.name for o in lease.blocking(lease.others(log.listing()), log.listing())])
    note("find", lambda: _entry(find_run(store, run_id)))
    note("page", lambda: _row(find_run(store, run_id)))
    note("find finished", lambda: _entry(find_finished(store, run_id)))
    for name, listing in (("open", unfinished_runs), ("finished", finished_runs)):
        _note_listing(answers, name, lambda listing=listing: listing(store))  # type: ignore[misc]
    key = history.key
    which = {"dag_id": key.dag_id, "run_id": key.run_id, "task_id": key.task_id, "map_index": key.map_index}
    for wait_for in ("resumable", "ended"):
        query = RunQuery(wait_for, key.namespace, **which)  # type: ignore[arg-type]
        note(f"sensor {wait_for}", lambda query=query: _told(query.find(Snapshot(store))))  # type: ignore[misc]
    return answers


def _as_described(state: CheckpointState) -> CheckpointState:
    """The state, recorded with the components of the description."""
    components = tuple(
        replace(record, fingerprint=fingerprint(component, state.fingerprint_salt))
        for record, component in zip(state.components, _SPEC.components, strict=True)
    )
    return replace(state, components=components)


def _row(entry: RunEntry | None) -> Any:
    """What the page shows."""
    if entry is None or entry.recorded is None:
        return _ABSENT
    if entry.error is not None:
        row = make_row(entry, "here", defaultdict(TaskFacts))
        assert (row.state, row.pieces, row.failed_component) == ("unreadable", [], None)
        raise entry.error
    return make_row(entry, "here", defaultdict(TaskFacts)).model_dump()


def _note_listing(answers: dict[str, Any], name: str, listing: Callable[[], Any]) -> None:
    try:
        for entry in listing():
            answers[f"{name} {entry.path} {entry.number}"] = _entry(entry)
    except SparkPipelineError as error:
        answers[name] = error


def _entry(entry: RunEntry | None) -> Any:
    """What the command line prints of a run; its age is another thing."""
    if entry is None:
        return _ABSENT
    if entry.commit is None:
        assert entry.error is not None
        printing.run_line(entry)
        return entry.error
    cells = printing.run_line(entry)
    return entry.path, [*cells[:3], *cells[4:]], printing.run_data(entry), entry.commit


def _told(run: Any) -> Any:
    return _ABSENT if run is None else describe_run(run)


def judge(before: Mapping[str, Any], after: Mapping[str, Any], changed: str) -> str:
    """Return what became of the answers: ``same``, ``refused``, ``not listed``; or what is wrong."""
    verdict, name = "same", changed.rpartition("/")[2]
    lists = any(kind in changed for kind in ("/_ended/", "/_history/", "_open/"))
    unreadable = isinstance(after.get("latest"), SparkPipelineError)
    for question in {**before, **after}:
        old, new = before.get(question, _ABSENT), after.get(question, _ABSENT)
        if new == old:
            continue
        if isinstance(new, SparkPipelineError) and name in str(new):
            verdict = "refused"
        elif new == _ABSENT and (lists or unreadable):
            verdict = "not listed" if verdict == "same" else verdict
        else:
            return f"WRONG: {question}: {str(old)[:300]} became {type(new).__name__} {str(new)[:300]}"
    return verdict


def _byte(data: bytes, draw: random.Random) -> bytes:
    if not data:
        return bytes([draw.randrange(256)])
    at = draw.randrange(len(data))
    new = draw.choice((data[at] ^ (1 << draw.randrange(8)), draw.randrange(256), *b'"{}[],:0129-truefalsn \n'))
    how = draw.random()
    if how < 0.1:
        return data[:at] + data[at + 1 :]
    return data[:at] + bytes([new]) + data[at + (how < 0.9) :]


_LARGER: dict[str, Callable[[bytes, random.Random, list[bytes]], bytes]] = {
    "cut off": lambda data, draw, others: data[: draw.randrange(max(len(data), 1))],
    "emptied": lambda data, draw, others: b"",
    "zeroed block": lambda data, draw, others: _over(data, draw, b"\x00" * draw.randint(1, 512)),
    "swapped halves": lambda data, draw, others: data[len(data) // 2 :] + data[: len(data) // 2],
    "doubled": lambda data, draw, others: data + data,
    "a member twice": lambda data, draw, others: data[:-1] + b',"completedComponents":["a","b","c"]}',
    "another object": lambda data, draw, others: draw.choice(others),
    "other JSON": lambda data, draw, others: draw.choice([b"{}", b"[]", b"null", b"1", b'"x"', b'{"checksum":"x"}']),
    "huge": lambda data, draw, others: data + b" " * 1_000_000,
    "noise": lambda data, draw, others: draw.randbytes(len(data)),
}


def _over(data: bytes, draw: random.Random, block: bytes) -> bytes:
    at = draw.randrange(max(len(data), 1))
    return data[:at] + block + data[at + len(block) :]


def _renamed(path: str, draw: random.Random) -> str:
    directory, _, name = path.rpartition("/")
    at = draw.randrange(len(name))
    return f"{directory}/{name[:at]}{draw.choice('0123456789abcdef-~._x%A')}{name[at + 1 :]}"


def play(changes: int, larger: int, seed: int = 0) -> Counter[str]:
    """Make so many changes, one at a time; returns how often what came of it."""
    draw, location = random.Random(seed), Location()  # noqa: S311  # not a secret
    objects = location.store.objects
    whole = dict(objects)
    names = sorted(path for path in whole if not path.startswith("_clock"))
    before = {unit: ask(location, unit) for unit in location.units}
    came, wrong = Counter[str](), list[str]()
    kinds = [""] * changes + [draw.choice([*_LARGER, "renamed"]) for _ in range(larger)]
    for kind in kinds:
        path = draw.choice(names)
        unit = location.unit_of(path)
        if kind == "renamed" and "/0" in path:
            kind = "cut off"  # a commit under another number is a separate test; under no name it is deleted
        others = [data for other, data in whole.items() if other != path]
        changed = path
        if kind == "renamed":
            changed = _renamed(path, draw)
            objects[changed] = objects.pop(path)
            location.store.modified[changed] = location.store.modified.get(path, 0.0)
        else:
            objects[path] = _byte(whole[path], draw) if not kind else _LARGER[kind](whole[path], draw, others)
        if kind == "renamed" and "/hb-" in path:
            came["renamed heartbeat"] += 1  # its driver stops, and whoever waits may not know of it
        else:
            verdict = judge(before[unit], _asked(location, unit, path, wrong), changed)
            came[verdict if not verdict.startswith("WRONG") else "wrong"] += 1
            if verdict.startswith("WRONG"):
                wrong.append(f"{kind or 'byte'} of {path}: {verdict}")
        objects.clear()
        objects.update(whole)
    came["changes"] = len(kinds)
    assert not wrong, "\n".join(wrong[:5])
    return came


def _asked(location: Location, unit: str, path: str, wrong: list[str]) -> dict[str, Any]:
    try:
        return ask(location, unit)
    except Exception as error:  # noqa: BLE001  # that is what is looked for
        wrong.append(f"raw error after a change of {path}: {type(error).__name__}: {error}")
        return {}


def test_everything_is_checked_before_anything_is_changed() -> None:
    location = Location()
    answers = {history.key.run_id: ask(location, unit) for unit, history in location.units.items()}
    assert not any(isinstance(each, Exception) for found in answers.values() for each in found.values())
    assert answers["alive"]["waits for"] == ["hb-1-0-1"]
    assert answers["finished"]["find finished"] != _ABSENT
    assert [step.name for step in answers["failed"]["plan"].to_run] == ["b", "c"]
    assert all(isinstance(found["latest"].state, CheckpointState) for found in answers.values())


def test_a_changed_object_is_read_as_before_or_refused_by_name() -> None:
    print(dict(play(700, 60, seed=1)))  # noqa: T201


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_ten_thousand_changed_bytes_and_four_hundred_larger_changes_are_all_detected() -> None:
    came = play(10_000, 400)
    print(f"\n{came['changes']} changes: {dict(came)}; 0 wrong skips, 0 raw errors, 0 wrong units")  # noqa: T201
    assert came["changes"] == 10_400
