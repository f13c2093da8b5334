"""Objects that do not belong at a location: directories in place of objects, dangling links, foreign files."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.catalog import all_runs, find_run, open_units, unfinished_runs
from airflow_spark_pipeline.checkpoint.finished import finished_runs
from airflow_spark_pipeline.checkpoint.key import UnitKey, is_pipeline_name, is_unit_path, make_run_id, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.prune import prune
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.exceptions import CorruptCheckpointError
from tests.fakes import RUN_ID, UNIT, make_state


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(str(tmp_path), tmp_path)
    log = RunLog(store, UNIT)
    log.append(log.claim(lambda _: make_state()), make_state(done="a", status=CheckpointStatus.FAILED))
    return store


def test_a_directory_in_place_of_the_newest_commit_is_refused_and_can_be_discarded(store: LocalStore) -> None:
    path = store.root / UNIT / "00000001.json"
    path.unlink()
    path.mkdir()
    (path / "x").write_text("x", encoding="utf-8")
    with pytest.raises(CorruptCheckpointError, match=r"1\.json is a directory.*spark-pipeline discard") as caught:
        RunLog(store, UNIT).latest()
    assert str(store.root) in str(caught.value)
    (entry,) = unfinished_runs(store)
    assert entry.standing.value == "unreadable"
    discarded = RunLog(store, UNIT).discard()
    assert discarded is not None
    assert discarded.number == 2
    assert [path.name for path in (store.root / UNIT).iterdir()] == ["00000002.json"]


_FOREIGN = [
    "_open/..~..",
    "_open/..~etc",
    "_open/~",
    "_open/a~b~c",
    f"_open/{UNIT.replace('/', '~')}.bak",
    f"_open/{UNIT.partition('/')[2]}~{UNIT.partition('/')[0]}",
    f"{UNIT.partition('/')[0]}/_ended/../x".replace("../", "..-"),
    f"{UNIT.partition('/')[0]}/_ended/readme",
    f"{UNIT.partition('/')[0]}/_history/notes.json",
    f"{UNIT.partition('/')[0]}/_history/x-00000001.json",
    f"{UNIT.partition('/')[0]}/notes/00000000.json",
    "table/_delta_log/00000000000000000000.json",
    "table/part/00000000.json",
    "00000000.json",
    f"{UNIT}/notes.txt",
    f"{UNIT}/0000000x.json",
    f"{UNIT}/000000000000000000000000000001.json",
]


@pytest.mark.parametrize("name", _FOREIGN)
def test_other_objects_at_a_location_are_never_taken_for_runs(store: LocalStore, name: str) -> None:
    before = [entry.commit for entry in unfinished_runs(store)]
    path = store.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}", encoding="utf-8")
    assert [entry.commit for entry in unfinished_runs(store)] == before
    assert [entry.commit for entry in all_runs(store)] == before
    assert list(finished_runs(store)) == []
    assert list(open_units(store)) == [UNIT]
    assert Snapshot(store).open_units() == [UNIT]
    report = prune(store, -1.0, dry_run=True)
    assert report.unreadable == report.removed == []
    assert path.read_text(encoding="utf-8") == "{}"


_NAMES = [
    "_x",
    "__",
    "_",
    "_open",
    "_ended",
    "_history",
    "_outputs",
    "_clock",
    ".hidden",
    "..",
    "00000001",
    "hb-1",
    "~",
    "~~~",
    "a~b",
    "日次",
    "é",
    "x" * 250,
    "_" * 250,
    "CASE",
    "case",
    " ",
    "-",
    "a/b",
    "00000001.json",
    ".tmp-x",
]


@pytest.mark.parametrize("name", _NAMES)
def test_a_run_is_listed_found_and_pruned_whatever_its_pipeline_and_its_dag_are_called(
    tmp_path: Path, name: str
) -> None:
    store = LocalStore(str(tmp_path), tmp_path)
    key = UnitKey("test", name, name, name)
    path = unit_path(name, key)
    assert is_unit_path(path)
    assert is_pipeline_name(path.partition("/")[0])
    log = RunLog(store, path)
    log.claim(lambda _: make_state(key=key, pipeline_name=name, status=CheckpointStatus.FAILED))
    run_id = make_run_id(path, 0)
    for found in (list(unfinished_runs(store)), list(all_runs(store)), list(unfinished_runs(store, name))):
        (entry,) = found
        assert entry.commit is not None
        assert (entry.commit.state.pipeline_name, entry.commit.state.run_id) == (name, run_id)
    run = find_run(store, run_id)
    assert run is not None
    assert run.commit is not None
    assert Snapshot(store).open_units() == [path]
    assert prune(store, -1.0).discarded == [path]
    assert [each.path for each in finished_runs(store)] == [path]
    assert prune(store, -1.0, tombstone_seconds=-1.0).removed == [path]
    assert list(all_runs(store)) == []


def test_names_that_differ_only_in_unusual_characters_get_separate_directories() -> None:
    paths = {unit_path(name, UnitKey("n", name, name, name)) for name in _NAMES}
    assert len({path.casefold() for path in paths}) == len(_NAMES)
    assert RUN_ID.count("~") == 2
