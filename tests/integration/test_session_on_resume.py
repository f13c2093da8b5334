"""Changes of the Spark session by a component are there for later components, in a resumed run too."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec
from airflow_spark_pipeline.runtime.spark.connect import close
from airflow_spark_pipeline.runtime.standalone.runner import PipelineRunner
from tests.sparks import needs_spark_4, needs_spark_4_2

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.connect_server import ConnectServer

pytestmark = pytest.mark.spark

STEPS = "tests.session_steps"


@dataclass
class Bench:
    """Runs a pipeline; each attempt in a Spark session that no other one has used."""

    directory: Path
    open: Callable[[], SparkSession]

    @property
    def down(self) -> Path:
        return self.directory / "down"

    def component(self, name: str, kind: str, **config: Any) -> ComponentSpec:
        keys = {key.replace("_", "-"): value for key, value in config.items()}
        return ComponentSpec(f"{STEPS}.{kind}", name, keys, f"pipeline.pipeline-components[{name}]")

    def report(self, name: str, *queries: str, fails: bool = False, **config: Any) -> ComponentSpec:
        down = {"fails_while": str(self.down)} if fails else {}
        return self.component(
            name, "Report", out=str(self.directory / f"{name}.out"), queries=list(queries), **down, **config
        )

    def spec(self, *components: ComponentSpec, **more: Any) -> PipelineSpec:
        return PipelineSpec("Session", components, checkpoint=CheckpointSpec(True, auto_resume=True), **more)

    def runner(self) -> PipelineRunner:
        return PipelineRunner(self.open(), location=str(self.directory / "checkpoints"))

    def attempt(self, *components: ComponentSpec, **more: Any) -> None:
        self.runner().run_with_checkpointing(self.spec(*components, **more))

    def fail_and_resume(self, *components: ComponentSpec, **more: Any) -> None:
        self.down.touch()
        with pytest.raises(ComponentFailedError):
            self.attempt(*components, **more)
        self.down.unlink()
        self.attempt(*components, **more)

    def recorded(self) -> CheckpointState:
        (state,) = self.runner().list_resumable()
        return state

    def rows(self, name: str) -> list[Any]:
        text = (self.directory / f"{name}.out").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(params=["classic", pytest.param("connect", marks=pytest.mark.slow)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "classic":
        spark: SparkSession = request.getfixturevalue("spark")
        yield Bench(tmp_path, spark.newSession)
        return
    server: ConnectServer = request.getfixturevalue("connect_server")
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")
    from pyspark.sql.connect.session import SparkSession as RemoteSession

    sessions: list[Any] = []

    def open_session() -> Any:
        sessions.append(RemoteSession.builder.remote(server.url).create())
        return sessions[-1]

    yield Bench(tmp_path, open_session)
    for session in sessions:
        # An open one calls its server for ten minutes when pytest ends, and the server is gone. One whose client alone
        # is closed stays Spark's active session, in the way of the next test's.
        close(session)


@pytest.fixture
def classic(spark: SparkSession, tmp_path: Path) -> Bench:
    return Bench(tmp_path, spark.newSession)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "a setting by spark.conf": ({"set": {"spark.sql.session.timeZone": "Asia/Tokyo"}}, "SELECT current_timezone()"),
    "a setting by SQL": ({"sql": ["SET spark.sql.ansi.enabled = false"]}, "SELECT CAST('x' AS INT)"),
    "the time zone by SQL": ({"sql": ["SET TIME ZONE 'America/Lima'"]}, "SELECT current_timezone()"),
    "a setting that is unset": (
        {"set": {"spark.sql.shuffle.partitions": "7"}, "unset": ["spark.sql.shuffle.partitions"]},
        "SET spark.sql.shuffle.partitions",
    ),
    "a setting of nobody's": ({"set": {"my.own": "a -> b=c\n;'"}}, "SET my.own"),
    "the current database": (
        {"sql": ["CREATE DATABASE IF NOT EXISTS staging", "USE staging"]},
        "SELECT current_database()",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_session_changes_of_a_component_are_restored_on_resume(bench: Bench, change: str) -> None:
    config, query = CHANGES[change]
    bench.fail_and_resume(
        bench.component("Extract", "Change", **config),
        bench.report("Before", query),
        bench.report("After", query, fails=True),
    )
    assert bench.rows("After") == bench.rows("Before")


VARIABLES = [
    "DECLARE VARIABLE a INT DEFAULT 5",
    "DECLARE VARIABLE b STRING DEFAULT 'it''s \\\\ \"x\"'",
    "DECLARE VARIABLE c MAP<STRING, DECIMAL(10,2)>",
    "SET VAR c = map('k;v', 1.5)",
    "DECLARE VARIABLE d STRUCT<x: INT, y: ARRAY<DOUBLE>>",
    "SET VAR d = named_struct('x', 1, 'y', array(double('NaN'), 0.1D))",
    "DECLARE VARIABLE e BINARY DEFAULT X'00FF'",
    "DECLARE VARIABLE f DATE",
    "SET VAR a = 7",
    "DECLARE OR REPLACE VARIABLE `g h` STRING = 'x'",
    "SET VAR `g h` = 'costs \\u0024{d} \n'",
    "DECLARE i TIMESTAMP DEFAULT timestamp'2024-10-27 01:30:00 UTC'",
    "DECLARE j INTERVAL DAY TO SECOND DEFAULT INTERVAL '1 02:03:04.5' DAY TO SECOND",
    "EXECUTE IMMEDIATE 'SELECT 9' INTO a",
    "DECLARE gone INT",
    "DROP TEMPORARY VARIABLE gone",
]


@needs_spark_4
def test_session_variables_have_their_values_after_a_resume(bench: Bench) -> None:
    query = "SELECT a, b, c, d, e, f, `g h`, unix_micros(i), CAST(j AS STRING), typeof(c), typeof(d)"
    bench.fail_and_resume(
        bench.component("Declare", "Change", sql=VARIABLES),
        bench.report("Before", query),
        bench.report("After", query, fails=True),
        bench.component("Default", "Change", sql=["SET VAR a = DEFAULT"]),
        bench.report("Last", "SELECT a"),
    )
    assert bench.rows("After") == bench.rows("Before")
    assert bench.rows("Last") == [[[[5]]]]


PATHS = {
    "names of databases": ["SET PATH = spark_catalog.other, system.builtin"],
    "the current database, which changes": ["SET PATH = CURRENT_SCHEMA, system.builtin", "USE other"],
    "the path and one more": ["SET PATH = system.builtin", "SET PATH = PATH, spark_catalog.other"],
    "the default path and one more": ["SET PATH = PATH, spark_catalog.other"],
    "without the session": ["DECLARE k INT DEFAULT 4", "SET PATH = system.builtin", "SET VAR session.k = 5"],
}


@needs_spark_4_2
@pytest.mark.parametrize("path", PATHS)
def test_the_sql_path_is_that_of_the_first_attempt_after_a_resume(bench: Bench, path: str) -> None:
    before = [
        *(f"CREATE DATABASE IF NOT EXISTS {name}" for name in ("other", "third")),
        "SET spark.sql.path.enabled = true",
    ]
    query = "SELECT current_path()"
    bench.fail_and_resume(
        bench.component("Set", "Change", sql=[*before, *PATHS[path]]),
        bench.report("Before", query),
        bench.report("Between", query, fails=True),
        bench.component("Use", "Change", sql=["USE third"]),
        bench.report("After", query),
    )
    assert bench.rows("Between") == bench.rows("Before")
    follows = path in ("the current database, which changes", "the default path and one more")
    assert ("spark_catalog.third" in str(bench.rows("After"))) == follows


@needs_spark_4_2
def test_a_component_that_failed_has_not_changed_the_sql_path(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    query = "SELECT current_path()"
    breaks = ["SET spark.sql.path.enabled = true", "SET PATH = system.builtin", "DECLARE OR REPLACE once INT"]
    bench.down.touch()
    with pytest.raises(ComponentFailedError):
        bench.attempt(
            bench.report("First", query),
            bench.report("Broken", query, fails=True, breaks=breaks),
            bench.report("Last", query),
            fail_fast=False,
        )
    assert bench.rows("Last") == bench.rows("First")
    assert "cannot be restored" not in capfd.readouterr().out
    assert bench.recorded().components[2].session == {}


def test_a_retry_starts_from_the_settings_that_the_first_try_had(bench: Bench) -> None:
    """A component that failed has changed nothing, as far as those after it can see."""
    query = "SELECT current_timezone(), current_database()"
    broken = ["SET TIME ZONE 'Asia/Tokyo'", "CREATE DATABASE IF NOT EXISTS other", "USE other", "SELECT 1/0"]
    bench.down.touch()
    with pytest.raises(ComponentFailedError):
        bench.attempt(
            bench.report("First", query),
            bench.report("Broken", query, fails=True, breaks=broken[:-1]),
            bench.report("Last", query),
            fail_fast=False,
        )
    assert bench.rows("Last") == bench.rows("First")
    assert bench.recorded().components[2].session == {}


def test_a_secret_is_not_recorded_and_the_log_says_so(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    bench.fail_and_resume(
        bench.component(
            "Extract",
            "Change",
            set={"my.db.password": "hunter2x", "my.url": "jdbc:x://u:hunter3x@h/d", "my.plain": "p"},
        ),
        bench.report("After", "SET my.plain", fails=True),
    )
    text = "".join(path.read_text("utf-8") for path in (bench.directory / "checkpoints").rglob("*.json"))
    assert "my.db.password" in text
    assert "hunter" not in text
    out = capfd.readouterr().out
    assert "secrets are not set again: my.db.password, my.url (from Extract)" in out
    assert "set again my.plain (from Extract)" in out
    assert "hunter" not in out


def test_a_component_that_failed_has_not_changed_a_secret_setting(bench: Bench) -> None:
    query = "SELECT '${my.passphrase}'"  # a name that spark.redaction.regex leaves readable
    bench.down.touch()
    with pytest.raises(ComponentFailedError):
        bench.attempt(
            bench.component("Ours", "Change", set={"my.passphrase": "A"}),
            bench.report("Partner", "SELECT 1", fails=True, breaks=["SET my.passphrase = B"]),
            bench.report("After", query),
            fail_fast=False,
        )
    assert bench.rows("After") == [[[["A"]]]]


@pytest.mark.parametrize("name", ["daily-orders", "my view", "über"])
def test_a_resume_gets_past_a_lost_view_with_an_unusual_name(bench: Bench, name: str) -> None:
    bench.fail_and_resume(
        bench.component("Extract", "Change", sql=[f"CREATE TEMP VIEW `{name}` AS SELECT 1 AS n"]),
        bench.report("After", "SELECT 2", fails=True),
    )
    assert bench.rows("After") == [[[[2]]]]


def test_a_missing_database_stops_the_resume(bench: Bench) -> None:
    """What runs next would read tables of that name in another database."""
    components = (
        bench.component("Extract", "Change", sql=["CREATE DATABASE passing", "USE passing"]),
        bench.report("After", "SELECT 1", fails=True),
    )
    bench.down.touch()
    with pytest.raises(ComponentFailedError):
        bench.attempt(*components)
    bench.open().sql("DROP DATABASE passing")
    with pytest.raises(ComponentFailedError, match=r"current database passing .* replay-on-resume = true") as raised:
        bench.attempt(*components)
    assert not raised.value.retry_helps


LEFT: dict[str, tuple[dict[str, Any], str, str]] = {
    "a view by hand": ({"views": {"rates": "SELECT 1 AS x"}}, "SELECT * FROM rates", "view rates"),
    "a view by SQL": ({"sql": ["CREATE TEMPORARY VIEW days AS SELECT 2 AS x"]}, "SELECT x FROM days", "view days"),
    "a global view": (
        {"global_views": {"everywhere": "SELECT 1 AS x"}},
        "SELECT * FROM global_temp.everywhere",
        "view global_temp.everywhere",
    ),
    "a function of Python's": ({"functions": ["to_cents"]}, "SELECT to_cents(1)", "function to_cents"),
    "a function by SQL": (
        {"sql": ["CREATE TEMPORARY FUNCTION twice(x INT) RETURNS INT RETURN x * 2"]},
        "SELECT twice(2)",
        "function twice",
    ),
    "a view that is returned": ({"returns": {"orders": "SELECT 1 AS x"}}, "SELECT * FROM orders", "view orders"),
}


@pytest.mark.parametrize(
    "left", [pytest.param(each, marks=needs_spark_4) if each == "a function by SQL" else each for each in LEFT]
)
def test_the_error_about_a_missing_object_names_the_skipped_component_that_made_it(
    bench: Bench, left: str, capfd: pytest.CaptureFixture[str]
) -> None:
    config, query, what = LEFT[left]
    components = (
        bench.component("Extract", "Change", **config),
        bench.report("Before", query),
        bench.report("After", query, fails=True),
    )
    bench.down.touch()
    with pytest.raises(ComponentFailedError):
        bench.attempt(*components)
    if what.startswith("view global"):
        bench.open().sql("DROP VIEW global_temp.everywhere")
    bench.down.unlink()
    plan = bench.runner().plan(bench.spec(*components))
    with pytest.raises(ComponentFailedError) as raised:
        bench.attempt(*components)
    assert f"After needs the {what} of Extract, which was skipped" in str(raised.value)
    assert "replay-on-resume = true on pipeline.pipeline-components[Extract]" in str(raised.value)
    assert not raised.value.retry_helps
    if not left.endswith("returned"):
        assert f"a new session does not have its {what}" in plan.steps[0].reason
        assert f"Warning: Extract left {what}, which this session does not have" in capfd.readouterr().out
    bench.attempt(*components, replay_on_resume=True)
    assert bench.rows("After")[-1] == bench.rows("Before")[0]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM orders",
        pytest.param("SELECT * FROM orders", marks=pytest.mark.slow),
        pytest.param("SELECT x FROM orders", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("other", ["a table", "an older view"])
def test_nothing_else_can_be_read_under_the_name_of_a_lost_view(bench: Bench, query: str, other: str) -> None:
    first = bench.component("First", "Change", returns={"orders": "SELECT 1 AS x"})
    if other == "a table":
        bench.open().sql("CREATE TABLE IF NOT EXISTS orders USING parquet AS SELECT 1 AS x")
        first = bench.component("First", "Change")
    components = (
        first,
        bench.component("Filter", "Change", views={"orders": "SELECT x FROM orders WHERE x > 1"}),
        bench.report("After", query, fails=True),
    )
    saved = {"save_outputs": True}
    bench.down.touch()
    with pytest.raises(ComponentFailedError, match="down"):
        bench.attempt(*components, **saved)
    bench.down.unlink()
    try:
        with pytest.raises(ComponentFailedError, match="After needs the view orders of Filter, which was skipped"):
            bench.attempt(*components, **saved)
    finally:
        bench.open().sql("DROP TABLE IF EXISTS orders")


def test_a_table_of_a_catalog_in_memory_is_warned_of(classic: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    components = (
        classic.component("Extract", "Change", returns={"orders": "SELECT 1 AS x"}),
        ComponentSpec(
            "airflow_spark_pipeline.components.WriteTable",
            "Write",
            {"view": "orders", "table": "kept_orders"},
            "pipeline.pipeline-components[Write]",
        ),
        classic.report("After", "SELECT * FROM kept_orders", fails=True),
    )
    classic.down.touch()
    with pytest.raises(ComponentFailedError):
        classic.attempt(*components, save_outputs=True)
    assert (
        "default.kept_orders: in an in-memory catalog, which ends with this Spark application" in capfd.readouterr().out
    )
    classic.open().sql("DROP TABLE kept_orders")
    classic.down.unlink()
    with pytest.raises(ComponentFailedError, match=r"After needs the table .*kept_orders of Write.*metastore"):
        classic.attempt(*components, save_outputs=True)


def _random_changes(draw: random.Random) -> dict[str, Any]:
    zones = ["Asia/Tokyo", "America/Lima", "Europe/Paris", "UTC"]
    kinds: list[dict[str, Any]] = [
        {"set": {"spark.sql.session.timeZone": draw.choice(zones)}},
        {"sql": [f"SET TIME ZONE '{draw.choice(zones)}'"]},
        {"sql": [f"SET spark.sql.ansi.enabled = {draw.choice(['true', 'false'])}"]},
        {"unset": ["spark.sql.session.timeZone"]},
        {"sql": [f"USE {draw.choice(['oracle_a', 'oracle_b'])}"]},
        {"set": {"my.own": str(draw.random())}},
    ]
    return draw.choice(kinds)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_an_interrupted_run_gives_the_same_numbers_as_an_uninterrupted_one(
    bench: Bench, seed: int, tmp_path: Path
) -> None:
    draw = random.Random(seed)  # noqa: S311
    spark = bench.open()
    for database in ("oracle_a", "oracle_b"):
        spark.sql(f"CREATE DATABASE IF NOT EXISTS {database}")
    query = "SELECT CAST(TIMESTAMP '2026-03-29 12:00:00 UTC' AS STRING), current_database()"
    components: list[ComponentSpec] = []
    for index in range(5):
        components.append(bench.component(f"Change{index}", "Change", **_random_changes(draw)))
        components.append(bench.report(f"Report{index}", query))
    whole = Bench(tmp_path / "whole", bench.open)
    whole.directory.mkdir()
    whole.attempt(*(_moved(component, whole) for component in components))
    position = draw.randrange(1, len(components))
    components.insert(position, bench.report("Outage", query, fails=True))
    bench.fail_and_resume(*components)
    for index in range(5):
        assert bench.rows(f"Report{index}") == whole.rows(f"Report{index}")


def _moved(component: ComponentSpec, to: Bench) -> ComponentSpec:
    config = dict(component.instance_config)
    if "out" in config:
        config["out"] = str(to.directory / Path(config["out"]).name)
    return ComponentSpec(component.instance_type, component.instance_name, config, component.path)
