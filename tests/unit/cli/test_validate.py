"""``validate`` reports every problem with its line, and none that comes from made-up values."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.cli.description import values_in
from tests.steps import describe
from tests.unit.cli.shell import Shell

ROOT = Path(__file__).resolve().parents[3]

MODULE = """
from dataclasses import dataclass, field
from airflow_spark_pipeline import Component, PipelineHooks

@dataclass
class Day(Component):
    day: str
    rows: int = 1
    region: str = "eu"
    columns: list[str] = field(default_factory=list)
    def __post_init__(self):
        if not self.day.startswith("2026"):
            raise ValueError(f"no data of {self.day}")
        if self.region not in ("eu", "us"):
            raise ValueError(f"no region {self.region}")
    def run(self, spark): ...

@dataclass
class Picky(PipelineHooks):
    path: str
    def __post_init__(self):
        if not self.path.startswith("/audit/2026"):
            raise ValueError(f"wrong path {self.path}")
"""


def pipeline(*lines: str, hook: str = "/audit/2026/x") -> str:
    return "\n".join(
        [
            "pipeline {",
            "  pipeline-name = p",
            f'  hooks = [ {{ instance-type = days.Picky, instance-config {{ path = "{hook}" }} }} ]',
            "  pipeline-components = [ {",
            "    instance-type = days.Day",
            "    instance-config {",
            *lines,
            "    }",
            "  } ]",
            "}",
        ]
    )


@pytest.fixture
def days(shell: Shell) -> Iterator[Shell]:
    (shell.directory / "days.py").write_text(MODULE, encoding="utf-8")
    yield shell
    sys.modules.pop("days", None)


EVERYTHING = """\
spark.config { "spark.master" = x }
pipeline {
  pipeline-name = p
  fail-fast = maybe
  checkpoint { store { instance-type = nowhere.Store } }
  hooks = [
    { instance-type = days.Nothing }
    { instance-type = days.Picky, instance-config { path = "/etc" } }
  ]
  pipeline-components = [
    {
      instance-type = days.Day
      instance-config { day = 2026-01-31
        rows = many
        rwos = 3
      }
    }
    { instance-type = days.Dya, instance-name = b,
      timeout = soon }
    { instance-type = days.Day, instance-name = c
      instance-config { }
      hooks = [ { instance-type = days.Picky } ] }
    { instance-name = nobody }
  ]
}
"""


def test_problems_of_structure_classes_and_configs_are_reported_together_by_line(days: Shell) -> None:
    days.write(EVERYTHING)
    assert days("validate", "steps.conf") == 2
    lines = days.out.splitlines()
    found = [int(line.split(":")[1]) for line in lines]
    assert found == sorted(found)
    assert found == [1, 4, 5, 7, 8, 14, 15, 18, 19, 21, 22, 23]
    for said in ("'Nothing'", "wrong path /etc", "did you mean 'rows'?", "'Dya'", "the driver has no module 'nowhere'"):
        assert sum(said in line for line in lines) == 1, said


def test_problems_of_included_files_name_them(days: Shell) -> None:
    days.write("instance-config {\n day = 2026-01-31\n rows = many }\n", "rows.conf")
    component = '{ instance-type = days.Day\ninclude "rows.conf" }'
    days.write(f"pipeline {{ pipeline-name = p, pipeline-components = [ {component} ] }}")
    assert days("validate", "steps.conf") == 2
    assert "rows.conf:3: " in days.out


def test_the_runner_gives_the_same_error(days: Shell) -> None:
    file = days.directory / days.write(EVERYTHING)
    assert [problem.line for problem in PipelineRunner().validate(file)] == [1, 4, 5, 7, 8, 14, 15, 18, 19, 21, 22, 23]
    problems = PipelineRunner().validate(EVERYTHING.replace("days.Picky", "days.Nothing"))
    assert [problem.line for problem in problems][:5] == [1, 4, 5, 7, 8]


@pytest.mark.parametrize(
    "lines",
    [
        ('day = "{{ ds }}"',),
        ('day = "{{ ds_nodash }}"',),
        ("day = \"{{ logical_date.strftime('%d.%m.') }}\"",),
        ('day = "{{ data_interval_start | ds }}"',),
        ('day = "{{ params.day }}"',),
        ("day = {{ params.day }}",),
        ('day = "{{ var.value.day }}"',),
        ("day = 2026-01-31", "rows = {{ params.rows }}"),
        ("day = 2026-01-31", "region = {{ params.region | tojson }}"),
        ("day = 2026-01-31", "columns = {{ params.columns }}"),
        ('day = "{{ macros.ds_add(ds, 1) }}"', 'region = "{{ dag_run.conf.region }}"'),
        ('day = "{{ run_id }}"',),
    ],
    ids=" ".join,
)
def test_a_made_up_template_value_is_not_validated(days: Shell, lines: tuple[str, ...]) -> None:
    days.write(pipeline(*lines))
    assert days("validate", "steps.conf") == 0, days.out


@pytest.mark.parametrize(
    ("lines", "hook", "said"),
    [
        (("day = 2025-01-31",), "/audit/2026/x", ":6: "),
        (("day = 2026-01-31", "region = cn"), "/audit/2026/x", "no region cn"),
        (('day = "{{ ds }}"', "rwos = 1"), "/audit/2026/x", ":8: "),
        (('day = "{{ ds }}"', "rows = many"), "/audit/2026/x", ":8: "),
        (('dya = "{{ ds }}"',), "/audit/2026/x", "did you mean 'day'?"),
        (("day = 2026-01-31",), "/etc/x", "wrong path /etc/x"),
        (('day = "{{ ds }}"',), "/etc/x", "wrong path /etc/x"),
    ],
)
def test_everything_beside_a_made_up_value_is_validated(
    days: Shell, lines: tuple[str, ...], hook: str, said: str
) -> None:
    days.write(pipeline(*lines, hook=hook))
    assert days("validate", "steps.conf") == 2
    assert said in days.out
    assert len(days.out.splitlines()) in (1, 2)


@pytest.mark.parametrize("path", ["/audit/{{ ds }}", "{{ params.audit }}/x", "{{ var.value.audit }}"])
def test_a_hook_does_not_validate_a_made_up_path(days: Shell, path: str) -> None:
    days.write(pipeline("day = 2026-01-31", hook=path))
    assert days("validate", "steps.conf") == 0, days.out


def test_a_given_value_is_validated(days: Shell) -> None:
    days.write(pipeline('day = "{{ ds }}"', "rows = {{ params.rows }}"))
    assert days("validate", "steps.conf", "--set", "ds=2026-01-31", "--set", "params.rows=3") == 0
    assert days("validate", "steps.conf", "--set", "ds=2026-01-31", "--set", "params.rows=many") == 2
    assert "rows: expected a whole number" in days.out
    assert days("validate", "steps.conf", "--set", "ds=2025-01-31", "--set", "params.rows=3") == 2
    assert "no data of 2025-01-31" in days.out


def test_undefined_names_are_reported_once_and_are_not_an_error(days: Shell) -> None:
    days.write(pipeline("day = {{ params.day }}", "rows = {{ params.rows }}"))
    assert days("validate", "steps.conf") == 0
    first, second = days.err.splitlines()
    assert first == (
        "steps.conf: values that depend on params.day, params.rows are not checked; set a value with "
        "--set params.day=… --set params.rows=…"
    )
    assert second == "steps.conf: OK"


def test_the_repositorys_own_examples_are_valid_as_they_are(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "dags_examples").glob("*.conf"))
    assert shell("validate", *files) == 0, shell.out


@pytest.mark.parametrize(
    ("text", "loaded"),
    [(describe("a"), []), (describe('{ instance-type = "tests.steps.Step", instance-name = "{{ ds }}" }'), ["jinja2"])],
    ids=["no template", "a template"],
)
def test_a_check_loads_only_what_it_needs(tmp_path: Path, text: str, loaded: list[str]) -> None:
    """It is run by a pre-commit hook and in an editor, so it must start fast."""
    (tmp_path / "x.conf").write_text(text.replace("${LEDGER}", "x"), encoding="utf-8")
    heavy = ["jinja2", "pyspark", "airflow", "multiprocessing", "airflow_spark_pipeline.runtime.driver.driver"]
    code = (
        "import sys; from airflow_spark_pipeline.cli.main import main; main(['validate', 'x.conf']); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.splitlines()[-1] == str(loaded)


def with_location(location: str, more: str = "") -> str:
    return describe("a", more=f"checkpoint {{ location = {location}, {more} }}")


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ('"checkpoints"', "is a relative path"),
        ('"../checkpoints"', "is a relative path"),
        ('"file:checkpoints"', "is a relative path"),
        ('"file://server/share"', "has the host 'server'"),
        ('"s3a://"', "has no bucket"),
        ('"gs:///x"', "is not written as gs://BUCKET/path"),
        ('"abfss://box/x"', "is not written as abfss://CONTAINER@ACCOUNT"),
        ('"wasbs://box@account/x"', "wasbs:// is not supported yet"),
        ('"webhdfs://nn:9870/x"', "write it as hdfs://"),
        ('"ftp://server/x"', "unknown scheme ftp://"),
    ],
)
def test_a_location_that_no_process_could_use_is_refused_as_in_plan(shell: Shell, location: str, says: str) -> None:
    shell.write(with_location(location))
    assert shell("validate", "--no-classes", "steps.conf") == 2
    (line,) = shell.out.splitlines()
    assert line.startswith("steps.conf:")
    assert ": pipeline.checkpoint.location: " in line
    assert says in line
    assert shell("plan", "steps.conf") == 4
    assert line.partition(".location: ")[2] in shell.err
    assert [says in problem.message for problem in PipelineRunner().validate(shell.directory / "steps.conf")] == [True]


@pytest.mark.parametrize(
    ("location", "more"),
    [
        ('"/data/checkpoints"', ""),
        ('"~/checkpoints"', ""),
        ('"s3a://lake/checkpoints"', ""),
        ('"hdfs:///checkpoints"', ""),
        ('"{{ var.value.checkpoints }}"', ""),
        ('"{{ params.root }}/checkpoints"', ""),
        ('"redis:1"', "store { instance-type = stores.Redis }"),
    ],
)
def test_a_location_that_some_process_can_use_is_no_problem(shell: Shell, location: str, more: str) -> None:
    shell.write(with_location(location, more))
    assert shell("validate", "--no-classes", "steps.conf") == 0, shell.out


@pytest.mark.parametrize("value", ["${NOWHERE_TO_BE_FOUND}", "007", "1e999", "[1] x", "True"])
def test_an_unreadable_value_is_one_problem(shell: Shell, value: str) -> None:
    shell.write(MODULE, "days.py")
    shell.write(pipeline(f"day = {value}", "dya = 3"), "days.conf")
    assert shell("validate", "days.conf") == 2
    assert [line.split(": ")[1].rpartition(".")[2] for line in shell.out.splitlines()] == ["day", "dya"]


def test_values_in_a_json_file_are_read_as_json(tmp_path: Path) -> None:
    """YAML 1.1 reads 1e3 as a text, half of an emoji as an error, and no tabs."""
    file = tmp_path / "values.json"
    file.write_text('{\n\t"limit": 1e3,\n\t"name": "\\ud83d\\ude00"\n}', encoding="utf-8")
    assert values_in([str(file)]) == {"limit": 1000.0, "name": "\U0001f600"}
