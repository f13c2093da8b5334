"""A log that is deleted, emptied or replaced under a running driver, on a real disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_spark_pipeline import PipelineHooks, PipelineRunner
from airflow_spark_pipeline.exceptions import CheckpointLostError, SparkPipelineError
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent
from tests.sparkless import FakeSpark
from tests.steps import describe, names


class Doing(PipelineHooks):
    """Does something while the component ``b`` runs."""

    def __init__(self, what: Callable[[], object]) -> None:
        self.what = what

    def before_component(self, event: ComponentEvent) -> None:
        if event.name == "b":
            self.what()


class Place:
    """A location behind a link, as a mount is."""

    def __init__(self, directory: Path) -> None:
        self.link, self.real, self.other = directory / "checkpoints", directory / "real", directory / "other"
        self.real.mkdir()
        self.other.mkdir()
        self.link.symlink_to(self.real)

    @property
    def unit(self) -> Path:
        (unit,) = {path.parent.resolve() for path in self.real.glob("*/*/*.json")}
        return unit

    def delete_the_unit(self) -> None:
        shutil.rmtree(self.unit)

    def delete_the_location(self) -> None:
        self.link.unlink()
        shutil.rmtree(self.real)

    def empty_the_location(self) -> None:
        for path in self.real.iterdir():
            shutil.rmtree(path)

    def delete_the_commits(self) -> None:
        for path in self.unit.glob("*.json"):
            path.unlink()

    def delete_the_newest_commit(self) -> None:
        max(self.unit.glob("*.json")).unlink()

    def lead_elsewhere(self) -> None:
        self.link.unlink()
        self.link.symlink_to(self.other)

    def lead_nowhere(self) -> None:
        """As after ``umount -l``: an empty directory is where the location was."""
        self.link.unlink()
        self.link.mkdir()

    def go_back_in_time(self) -> None:
        """Somebody restores an older copy."""
        for path in sorted(self.unit.glob("*.json"))[1:]:
            path.unlink()

    def start_anew(self) -> None:
        """Somebody deletes the directory, and a file of another log is there."""
        unit = self.unit
        shutil.rmtree(unit)
        unit.mkdir()
        (unit / "00000000.json").write_bytes(b"{}")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    return Place(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        Place.delete_the_unit,
        Place.delete_the_location,
        Place.empty_the_location,
        Place.delete_the_commits,
        Place.delete_the_newest_commit,
        Place.lead_elsewhere,
        Place.lead_nowhere,
        Place.go_back_in_time,
        Place.start_anew,
    ],
    ids=lambda damage: damage.__name__,
)
def test_the_run_stops_with_an_error_and_no_further_component(
    damage: Callable[[Place], None], place: Place, tmp_path: Path
) -> None:
    runner = PipelineRunner(FakeSpark(), location=place.link)  # type: ignore[arg-type]
    with pytest.raises(SparkPipelineError) as caught:
        runner.run_with_checkpointing(describe("a", "b", "c", "d"), Doing(lambda: damage(place)))
    assert names(tmp_path / "ledger") == "ab"
    assert isinstance(caught.value, CheckpointLostError)
    assert str(place.link) in str(caught.value)
    assert "no longer contains what this attempt has recorded" in str(caught.value)
    assert not caught.value.retry_helps
    left = [path for path in tmp_path.rglob("*.json") if path.stat().st_size > 2]
    if damage in (Place.delete_the_unit, Place.delete_the_location, Place.empty_the_location):
        assert left == []  # nothing that the next attempt would believe


def test_a_run_whose_older_commits_are_deleted_goes_on(place: Place, tmp_path: Path) -> None:
    """Only the newest one is needed; somebody may have cleaned up below it."""

    def delete_older() -> None:
        for path in sorted(place.unit.glob("*.json"))[:-1]:
            path.unlink()

    runner = PipelineRunner(FakeSpark(), location=place.link)  # type: ignore[arg-type]
    runner.run_with_checkpointing(describe("a", "b", "c"), Doing(delete_older))
    assert names(tmp_path / "ledger") == "abc"
