"""The advice in an error about a damaged run works as it is written, also while its driver is alive."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.cli.main import main
from airflow_spark_pipeline.exceptions import CorruptCheckpointError, SupersededError, UnsupportedCheckpointError
from tests.fakes import RUN_ID, UNIT, heartbeat, make_state, resealed


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    return RunLog(open_store(str(tmp_path / "check points")), UNIT)


def _run(log: RunLog) -> Commit:
    commit = log.append(log.claim(lambda _: make_state()), make_state(done="a"))
    log.store.write(f"{UNIT}/hb-1-me-1", heartbeat())
    return commit


def _damage(log: RunLog, *numbers: int, data: bytes = b"damaged") -> None:
    for number in numbers:
        log.store.write(f"{UNIT}/{number:08d}.json", data)


def _advice(log: RunLog) -> list[str]:
    with pytest.raises((CorruptCheckpointError, UnsupportedCheckpointError)) as caught:
        log.latest()
    match = re.search(r"(spark-pipeline discard .*?)(?: \(with --conn-id.*?\))?\. Do not", str(caught.value))
    assert match is not None, str(caught.value)
    program, *words = shlex.split(match[1])
    assert program == "spark-pipeline"
    return words


@pytest.mark.parametrize("numbers", [(1,), (0, 1)], ids=["the newest one", "all"])
@pytest.mark.parametrize(
    "data",
    [b"", b"damaged", b'{"schemaVersion": 1}', b"\x00" * 100, b'{"checksum":"'],
    ids=["empty", "text", "before the first release", "zeros", "cut off"],
)
def test_the_command_that_the_error_names_gives_the_run_up_and_its_driver_stops(
    log: RunLog, numbers: tuple[int, ...], data: bytes
) -> None:
    drivers = _run(log)
    _damage(log, *numbers, data=data)
    assert main([*_advice(log), "--yes"]) == 0
    latest = log.latest()
    assert latest is not None
    assert (latest.number, latest.state.status) == (2, CheckpointStatus.DISCARDED)
    with pytest.raises(SupersededError):
        log.append(drivers, make_state(done="ab"))
    assert list(log.listing().heartbeats) == ["hb-1-me-1"]  # the next attempt waits for it
    assert log.claim(lambda _: make_state(epoch=1)).number == 3


def test_a_discard_applies_only_to_the_commit_that_the_user_saw(log: RunLog) -> None:
    _run(log)
    _damage(log, 1)
    with pytest.raises(SupersededError):
        log.discard(number=0)


def test_a_newer_versions_commit_is_not_discarded(log: RunLog) -> None:
    _run(log)
    _damage(log, 1, data=resealed(make_state(), 1, schemaVersion=9))
    with pytest.raises(UnsupportedCheckpointError, match="Upgrade"):
        log.discard()


def test_a_damaged_run_is_listed_with_the_id_that_discards_it(log: RunLog, capsys: pytest.CaptureFixture[str]) -> None:
    _run(log)
    _damage(log, 1)
    place = ["--location", log.store.location]
    assert main(["runs", *place, "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert (run["state"], run["runId"]) == ("unreadable", RUN_ID)
    assert "00000001.json" in run["error"]
    assert main(["runs", *place, "--state", "unreadable"]) == 0
    assert RUN_ID in capsys.readouterr().out
    assert main(["show", RUN_ID, *place]) == 4
    assert "00000001.json is not a readable commit" in capsys.readouterr().err
    assert main(["discard", run["runId"], *place, "--yes"]) == 0


def test_a_hint_whose_name_was_damaged_is_named_and_its_run_is_listed_with_all(
    log: RunLog, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(log)
    hint = Path(log.store.location) / "_open" / UNIT.replace("/", "~")
    hint.rename(hint.with_name(f"{hint.name}!"))
    place = ["--location", log.store.location, "--json"]
    assert main(["runs", *place]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == []
    assert f"{hint.name}! does not name a run" in said.err
    assert main(["runs", *place, "--all"]) == 0
    assert [run["runId"] for run in json.loads(capsys.readouterr().out)] == [RUN_ID]


class TestFinished:
    def _finish(self, log: RunLog, *, kept: bool) -> None:
        claim = log.claim(lambda _: make_state(attempt=1))
        log.retire(log.append(claim, make_state(status=CheckpointStatus.COMPLETED)), keep_history=kept)

    def test_finished_runs_are_listed_the_newest_first_and_shown_in_full(
        self, log: RunLog, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._finish(log, kept=True)
        place = ["--location", log.store.location]
        assert main(["runs", *place, "--finished", "--json"]) == 0
        (run,) = json.loads(capsys.readouterr().out)
        assert (run["state"], run["runId"], run["completedComponents"]) == ("completed", RUN_ID, ["a", "b", "c"])
        assert main(["show", RUN_ID, *place, "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (shown["state"], len(shown["components"])) == ("completed", 3)
        assert main(["runs", *place]) == 0
        assert "No such run" in capsys.readouterr().err

    def test_a_kept_run_is_found_though_its_unit_began_again_or_was_removed(
        self, log: RunLog, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._finish(log, kept=True)
        log.claim(lambda _: make_state(epoch=1, status=CheckpointStatus.FAILED))
        place = ["--location", log.store.location]
        for _ in range(2):
            assert main(["show", RUN_ID, *place, "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["status"] == "completed"
            assert main(["runs", *place, "--finished", "--json"]) == 0
            assert [run["state"] for run in json.loads(capsys.readouterr().out)] == ["completed"]
            log.store.delete_tree(UNIT)

    def test_the_list_is_bounded_by_a_limit_and_a_time(self, log: RunLog, capsys: pytest.CaptureFixture[str]) -> None:
        for _ in range(3):
            self._finish(log, kept=True)
        place = ["--location", log.store.location]
        assert main(["runs", *place, "--finished", "--limit", "2", "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)) == 2
        assert main(["runs", *place, "--finished", "--since", "1h", "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)) == 3
