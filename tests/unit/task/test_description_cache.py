"""A description that was parsed on this worker is not parsed again, unless anything that it depends on has changed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pytest

from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.launch import worker_cache
from airflow_spark_pipeline.pipeline import parser
from airflow_spark_pipeline.pipeline.parse_result import Reading
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.rendering.renderer import Renderer
from airflow_spark_pipeline.task import description_cache
from airflow_spark_pipeline.task.description import PipelineSource, read_source
from airflow_spark_pipeline.task.templates import describe
from tests.conftest import ROOT

ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701  # it renders HOCON
SHOP = """
include "tables"
pipeline {
  pipeline-name = Shop
  pipeline-components = [{ instance-type = shop.Load, instance-config { table = ${table}, day = "{{ ds }}" } }]
}
"""
TABLES = "table = orders, table = ${?SHOP_TABLE}\n"


@dataclass
class Worker:
    """A worker on which tries of a task run.

    :param context: values for templates
    :param environ: variables of the driver
    """

    folder: Path
    parsed: list[str]
    context: dict[str, Any] = field(default_factory=lambda: {"ds": "2026-11-28"})
    environ: dict[str, str] = field(default_factory=dict)

    def describe(self, file: str = "shop.conf") -> PipelineSpec:
        """Return the description as the next try reads it."""
        return describe(self._source(file), self.context, ENVIRONMENT, environ=self.environ)

    def is_parsed(self, file: str = "shop.conf") -> bool:
        """Whether the next try parses the description; either way it is what parsing it returns."""
        before = len(self.parsed)
        spec = self.describe(file)
        parses = len(self.parsed) > before
        expected = self._parsed_anew(file)
        assert spec == expected
        assert spec.warnings == expected.warnings
        assert spec.to_dict() == expected.to_dict()
        return parses

    def _parsed_anew(self, file: str) -> PipelineSpec:
        temporary = worker_cache.directory()
        away = temporary.with_name("away")
        temporary.rename(away)
        try:
            return self.describe(file)
        finally:
            shutil.rmtree(temporary)
            away.rename(temporary)

    def _source(self, file: str) -> PipelineSource:
        return read_source(file, self.folder)

    def write(self, name: str, text: str) -> None:
        """Write a file next to the DAG file."""
        (self.folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    parsed: list[str] = []
    original = parser.read_pipeline

    def read_pipeline(text: str, **options: Any) -> Reading:
        parsed.append(text)
        return original(text, **options)

    monkeypatch.setattr(parser, "read_pipeline", read_pipeline)
    (tmp_path / "dags").mkdir()
    worker = Worker(tmp_path / "dags", parsed)
    worker.write("shop.conf", SHOP)
    worker.write("tables.conf", TABLES)
    return worker


def kept() -> list[Path]:
    return sorted(worker_cache.directory().glob("description-*"))


# ---- the same


def test_the_next_try_does_not_parse_the_description_again(worker: Worker) -> None:
    assert worker.is_parsed()
    assert not worker.is_parsed()


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "dags_examples").glob("*.conf")))
def test_a_known_description_is_what_parsing_returns(file: str, worker: Worker) -> None:
    shutil.copytree(ROOT / "dags_examples", worker.folder, dirs_exist_ok=True)
    names = ("data_dir", "first_day", "last_day", "outage_on", "outage", "orders", "result")
    worker.context |= {"run_id": "manual__2026-11-28", "params": dict.fromkeys(names, "a value")}
    first = worker.describe(file)
    assert not worker.is_parsed(file)
    assert worker.describe(file) == first


def test_generated_descriptions_are_the_same_when_they_are_known(worker: Worker) -> None:
    chosen = random.Random(19)  # noqa: S311  # a seed
    for number in range(60):
        worker.write("generated.conf", _generated(chosen))
        assert worker.is_parsed("generated.conf"), number
        assert not worker.is_parsed("generated.conf"), number


def _generated(chosen: random.Random) -> str:
    values: list[Callable[[], str]] = [
        lambda: str(chosen.randint(-(10**20), 10**20)),
        lambda: f"{chosen.randint(-99, 99)}.{chosen.randint(0, 999):03d}",
        lambda: f"{chosen.randint(1, 9)}e{chosen.randint(-300, 300)}",
        lambda: chosen.choice(["true", "null", "10 seconds", "Ärger", '"\\ud83d\\ude00"', '"""a"b"""']),
        lambda: f"[{', '.join(values[0]() for _ in range(chosen.randint(0, 3)))}]",
        lambda: f"{{ key = {values[1]()}, other.inside = {values[3]()} }}",
        lambda: '${base}"/"${?NOT_THERE}"/x"',
        lambda: '"{{ ds }}"',
    ]
    components = []
    for number in range(chosen.randint(1, 6)):
        config = ", ".join(f"k{key} = {chosen.choice(values)()}" for key in range(chosen.randint(0, 5)))
        name = f'instance-name = "Step {number}", instance-type = shop.Load'
        components.append(f"{{ {name}, instance-config {{ {config} }} }}")
    steps = "\n".join(components)
    optional = f'include "absent-{chosen.randint(0, 9)}"'
    return f"base = /data\n{optional}\npipeline {{ pipeline-name = Any, pipeline-components = [\n{steps}\n] }}\n"


def test_warnings_are_repeated_with_their_lines(worker: Worker) -> None:
    worker.write("tables.conf", TABLES + 'include "of-this-host"\n')
    first = worker.describe().warnings
    assert [warning.line for warning in first] == [2]
    assert not worker.is_parsed()
    assert worker.describe().warnings == first


def test_a_text_in_the_dag_file_is_known_as_well(worker: Worker) -> None:
    source = PipelineSource(SHOP, None, worker.folder)
    first = describe(source, worker.context, ENVIRONMENT)
    count = len(worker.parsed)
    assert describe(source, worker.context, ENVIRONMENT) == first
    assert len(worker.parsed) == count


def test_a_template_that_gives_another_value_each_time_is_rendered_once(worker: Worker) -> None:
    given: list[int] = []

    def number() -> int:
        given.append(len(given))
        return given[-1]

    worker.context["number"] = number
    worker.write("shop.conf", SHOP.replace("{{ ds }}", "{{ number() }}"))
    assert [worker.describe().components[0].instance_config["day"] for _ in range(3)] == ["0", "1", "2"]
    assert given == [0, 1, 2]


# ---- changed


CHANGES: Mapping[str, Callable[[Worker], None]] = {
    "the file": lambda worker: worker.write("shop.conf", SHOP.replace("Shop", "Store")),
    "only the lines of the file": lambda worker: worker.write("shop.conf", "\n" + SHOP),
    "a value of a template": lambda worker: worker.context.update(ds="2026-11-29"),
    "an included file": lambda worker: worker.write("tables.conf", "table = customers\n"),
    "a value of a template in an included file": lambda worker: worker.context.update(region="south"),
    "a file that is included in addition": lambda worker: worker.write("tables.json", '{"table": "returns"}'),
    "a file that an included file includes": lambda worker: worker.write("regions.conf", "region = north\n"),
    "a variable": lambda worker: worker.environ.update(SHOP_TABLE="sales"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_description_is_parsed_again_when_something_that_it_depends_on_has_changed(
    change: Callable[[Worker], None], worker: Worker
) -> None:
    worker.context["region"] = "west"
    worker.write("tables.conf", TABLES + 'region = "{{ region }}"\ninclude "regions"\n')
    worker.describe()
    assert not worker.is_parsed()
    change(worker)
    assert worker.is_parsed()
    assert not worker.is_parsed()


def test_a_variable_that_is_set_to_something_else_or_removed_is_noticed(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = []
    for value in ("sales", "returns", None):
        monkeypatch.setenv("SHOP_TABLE", value) if value else monkeypatch.delenv("SHOP_TABLE")
        assert worker.is_parsed()
        tables.append(worker.describe().components[0].instance_config["table"])
    assert tables == ["sales", "returns", "orders"]


def test_an_included_file_that_is_gone_is_the_error_that_parsing_gives(worker: Worker) -> None:
    worker.write("shop.conf", SHOP.replace('include "tables"', 'include required("tables.conf")'))
    worker.describe()
    (worker.folder / "tables.conf").unlink()
    with pytest.raises(PipelineDefinitionError, match="cannot include"):
        worker.describe()


def test_another_version_of_the_code_parses_again(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.describe()
    monkeypatch.setattr(description_cache, "_code", lambda: ["edited"])
    assert worker.is_parsed()


def test_a_name_without_a_value_stays_an_error(worker: Worker) -> None:
    worker.write("tables.conf", TABLES + 'owner = "{{ owner }}"\n')
    worker.context["owner"] = "me"
    worker.describe()
    del worker.context["owner"]
    for _ in range(2):
        with pytest.raises(PipelineDefinitionError, match="owner"):
            worker.describe()


def test_a_file_that_is_no_longer_included_is_not_rendered(worker: Worker) -> None:
    worker.write("tables.conf", TABLES + 'include "owners"\n')
    worker.write("owners.conf", 'owner = "{{ owner }}"\n')
    worker.context["owner"] = "me"
    worker.describe()
    worker.write("tables.conf", TABLES)
    del worker.context["owner"]
    assert worker.is_parsed()


def test_an_edit_while_a_description_is_parsed_is_not_kept_under_its_new_text(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = parser.read_pipeline

    def edited_meanwhile(text: str, **options: Any) -> Reading:
        reading = known(text, **options)
        worker.write("tables.conf", "table = customers\n")
        return reading

    monkeypatch.setattr(parser, "read_pipeline", edited_meanwhile)
    assert worker.describe().components[0].instance_config["table"] == "orders"
    assert worker.describe().components[0].instance_config["table"] == "customers"


# ---- what is kept


def test_nobody_can_read_a_description_who_does_not_have_its_texts(worker: Worker) -> None:
    secret = "s3cr3t-of-the-shop"
    worker.context["password"] = secret
    worker.write("tables.conf", 'table = "{{ password }}"\n')
    worker.describe()
    files = kept()
    assert len(files) == 3
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        assert secret.encode() not in file.read_bytes()
    # Whoever has the file of the pipeline, but not the password, finds what it includes and no more.
    found = _steps(worker, {**worker.context, "password": "guessed"})
    assert found == [{"include": [str(worker.folder / "tables"), str(worker.folder / "tables.conf")]}]
    assert secret in str(_steps(worker, worker.context)[-1])


def _steps(worker: Worker, context: Mapping[str, Any]) -> list[Any]:
    """Return what somebody finds who has other values for the templates."""
    found: list[Any] = []
    load = description_cache._load

    def noted(key: bytes) -> Any:
        step = load(key)
        found.append(step)
        return step

    source = read_source("shop.conf", worker.folder)
    known = description_cache._Known(source.file, Renderer(context, ENVIRONMENT))
    with pytest.MonkeyPatch.context() as patched, contextlib.suppress(OSError):
        patched.setattr(description_cache, "_load", noted)
        known.find(known.start(source.text, source.base_dir), {})
    return found


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-1], lambda data: data[:50] + b"x" + data[51:]]
)
def test_a_damaged_file_counts_as_not_found(damage: Callable[[bytes], bytes], worker: Worker) -> None:
    worker.describe()
    for number in range(len(kept())):
        file = kept()[number]
        file.write_bytes(damage(file.read_bytes()))
        assert worker.is_parsed()
        assert not worker.is_parsed()


def test_a_directory_that_cannot_be_used_changes_nothing(worker: Worker) -> None:
    worker.describe()
    worker_cache.directory().chmod(0o777)
    try:
        assert worker.describe() == worker.describe()
        assert len(worker.parsed) == 3
    finally:
        (Path(str(worker.folder.parent / "tmp")) / f"airflow-spark-pipeline-{os.getuid()}").chmod(0o700)


def test_a_full_disk_changes_nothing(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert worker.describe() == worker.describe()
    assert not list(worker_cache.directory().iterdir())


def test_only_the_newest_descriptions_are_kept(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description_cache, "_MOST", 8)
    for day in range(10, 20):
        worker.context["ds"] = f"2026-11-{day}"
        worker.describe()
    assert len(kept()) <= 12
    assert not worker.is_parsed()


def test_a_description_that_was_not_used_for_a_week_is_removed(worker: Worker) -> None:
    worker.describe()
    old = kept()
    for file in old:
        os.utime(file, (0, 0))
    worker.context["ds"] = "2026-12-09"
    worker.describe()
    assert len(kept()) == len(old)
    assert not {*old} & {*kept()}


def test_runs_that_take_turns_do_not_make_each_other_parse(worker: Worker) -> None:
    worker.write("tables.conf", 'table = "orders of {{ ds }}"\n')
    for expected in (True, False, False):
        for day in ("2026-11-27", "2026-11-28"):
            worker.context["ds"] = day
            assert worker.is_parsed() is expected


def test_a_variable_without_a_value_is_not_one_that_is_missing(worker: Worker) -> None:
    worker.environ["SHOP_TABLE"] = None  # type: ignore[assignment]  # as in {"SHOP_TABLE": os.environ.get("SHOP_TABLE")}
    worker.is_parsed()
    del worker.environ["SHOP_TABLE"]
    assert worker.is_parsed()


def test_a_template_that_fails_is_rendered_once(worker: Worker) -> None:
    asked: list[str] = []

    def fail() -> None:
        asked.append("again")
        raise ConnectionError("the vault does not answer")

    worker.context["fail"] = fail
    worker.write("tables.conf", 'table = "{{ fail() }}"\n')
    with pytest.raises(PipelineDefinitionError, match="the vault does not answer"):
        worker.describe()
    assert asked == ["again"]


def test_a_warning_has_the_line_of_this_try(worker: Worker) -> None:
    when = '{{%- if number == {} -%}}\ninclude "absent"\n{{%- endif %}}'
    worker.write("shop.conf", f"{when.format(1)}\n{when.format(2)}{SHOP}")
    lines = []
    for number in (1, 2, 1, 2):
        worker.context["number"] = number
        worker.is_parsed()
        lines += [warning.line for warning in worker.describe().warnings]
    assert lines == [2, 5, 2, 5]


def test_a_circle_through_a_link_is_noticed(worker: Worker) -> None:
    (worker.folder / "more").mkdir()
    worker.write("tables.conf", 'table = orders\ninclude "more/tables"\n')
    worker.write("more/tables.conf", 'table = orders\ninclude "more/tables"\n')
    worker.describe()
    (worker.folder / "more" / "tables.conf").unlink()
    (worker.folder / "more" / "tables.conf").symlink_to(worker.folder / "tables.conf")
    with pytest.raises(PipelineDefinitionError, match="circle"):
        worker.describe()


def test_a_variable_that_a_template_sets_is_the_one_that_counts(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TABLE", "is put back after this test")
    worker.write("shop.conf", SHOP.replace("{{ ds }}", "{{ load() }}"))
    tables = []
    for table in ("north", "south", "north"):
        monkeypatch.delenv("SHOP_TABLE", raising=False)
        worker.context["load"] = lambda table=table: os.environ.update(SHOP_TABLE=table) or "today"
        tables.append(worker.describe().components[0].instance_config["table"])
    assert tables == ["north", "south", "north"]
    assert len(worker.parsed) == 2


def test_a_warning_names_the_directory_of_this_try(worker: Worker) -> None:
    worker.write("shop.conf", 'include "absent"\n' + SHOP)
    linked = worker.folder.with_name("linked")
    linked.symlink_to(worker.folder)
    for folder in (worker.folder, linked):
        source = PipelineSource((worker.folder / "shop.conf").read_text(encoding="utf-8"), None, folder)
        (warning,) = describe(source, worker.context, ENVIRONMENT).warnings
        assert f"{folder}/absent" in warning.message
