"""How often the session is read: only around components that run, since each reading takes milliseconds."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.state import ComponentCheckpoint
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.planning.step import Step, StepAction
from airflow_spark_pipeline.runtime.spark.session_reading import Objects, SessionReader
from airflow_spark_pipeline.runtime.spark.session_state import SessionState
from airflow_spark_pipeline.runtime.spark.session_traces import Traces
from airflow_spark_pipeline.runtime.spark.session_watch import SessionWatch

NAMES = "abc"


class Reader(SessionReader):
    """Reads a session that is made up, and counts."""

    def __init__(self) -> None:
        self.conf: dict[str, str] = {}
        self.views: dict[str, int] = {}
        self.reads: list[str] = []

    def state(self) -> SessionState:
        self.reads.append("state")
        return SessionState(dict(self.conf), "spark_catalog", "default")

    def objects(self) -> Objects:
        self.reads.append("objects")
        return Objects(dict(self.views))

    def set_conf(self, key: str, value: str | None) -> None:
        assert value is not None
        self.conf[key] = value

    def read_since(self) -> list[str]:
        reads, self.reads = self.reads, []
        return reads


class Watched:
    def __init__(self) -> None:
        self.reader = Reader()
        components = tuple(ComponentSpec("x.Step", name, path=f"pipeline.{name}") for name in NAMES)
        self.watch = SessionWatch(self.reader, PipelineSpec("Watched", components), lambda _: False)
        self.watch._read()
        self.reader.read_since()

    def skip(self, name: str, *, restored: tuple[str, ...] = (), **record: Any) -> None:
        index = NAMES.index(name)
        self.reader.views.update(dict.fromkeys(restored, 1))
        step = Step(index, name, StepAction.SKIP, "done in attempt 1")
        self.watch.skipped(step, ComponentCheckpoint(index, name, "x.Step", **record), restored)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_skipped_components_cost_one_reading_before_the_next_one_runs(watched: Watched) -> None:
    watched.skip("a", restored=("orders",), views=("orders",))
    watched.skip("b", restored=("items",), views=("items",))
    assert watched.reader.read_since() == []

    watched.watch.catch_up()
    assert watched.reader.read_since() == ["state", "objects"]
    watched.watch.catch_up()
    assert watched.reader.read_since() == []


def test_restored_session_changes_do_not_count_as_changes_of_the_next_component(watched: Watched) -> None:
    watched.skip("a", restored=("orders",), views=("orders",), session={"conf": {"spark.sql.ansi.enabled": "false"}})
    watched.watch.catch_up()
    watched.reader.views["made"] = 1
    assert watched.watch.after("b") == Traces(leaves={"views": ["made"]})


@pytest.mark.parametrize("replays", [False, True])
def test_what_a_running_component_has_changed_remains_its_change(watched: Watched, replays: bool) -> None:
    """Although another component is skipped or replayed meanwhile."""
    watched.reader.conf |= {"running.a": "1"}
    watched.reader.views["by_running"] = 1
    record: dict[str, Any] = {
        "views": ("orders",),
        "session": {"conf": {"set.again": "2"}, "withheld": ["my.password"]},
    }
    if replays:
        watched.reader.conf |= {"set.again": "2", "my.password": "hunter2"}
        watched.reader.views |= {"orders": 1, "by_hand": 1}
        replayed = ComponentCheckpoint(0, "a", "x.Step", **record, leaves={"views": ["By_Hand"]})
        assert watched.watch.after("a", ("orders",), ("b",), replays=replayed) == Traces()
    else:
        watched.skip("a", restored=("orders",), **record)
        watched.watch.keep(ComponentCheckpoint(0, "a", "x.Step", **record))
    watched.watch.catch_up()
    watched.reader.conf |= {"running.b": "3"}
    changes = {"conf": {"running.a": "1", "running.b": "3"}}
    assert watched.watch.after("b") == Traces(changes, {"views": ["by_running"]})


def test_a_component_that_left_a_missing_object_is_found(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    watched.skip("a", leaves={"functions": ["double"]})
    assert watched.reader.read_since() == ["objects"]
    assert "a left function double, which this session does not have" in capsys.readouterr().out


def test_a_setting_of_a_skipped_component_is_set_again(watched: Watched) -> None:
    watched.skip("a", session={"conf": {"spark.sql.shuffle.partitions": "7"}})
    assert watched.reader.conf == {"spark.sql.shuffle.partitions": "7"}
