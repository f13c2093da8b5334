"""What a user gets for a mistake: one error that names the thing and the way out, before a JVM starts.

Each mistake is given to the operator as Airflow gives it one: the templated arguments are rendered, then ``execute`` is
called. No process may start but the look at the components, and what lies at the checkpoint location stays as it is.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.checkpoint.checksum import seal, unseal
from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.key import UnitKey, make_run_id, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, ComponentAction, Failure
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.launch import executables
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.task.attempt import TaskAttempt

MODULE = """
from __future__ import annotations

import abc
from dataclasses import dataclass

from airflow_spark_pipeline import Component


@dataclass
class Extract(Component):
    input_path: str
    limit: int = 10

    def run(self, spark): ...


@dataclass
class Load(Component):
    table: str
    columns: list[str]
    overwrite: bool = True

    def __post_init__(self):
        if self.table == "forbidden":
            raise ValueError("table 'forbidden' is read-only; name another one")

    def run(self, spark): ...


class Draft(Component):
    @abc.abstractmethod
    def tune(self): ...


class Stranger:
    pass
"""

FUTURE = ("from __future__ import annotations\n", "")
EXTRACT = "{ instance-type = shop_etl.Extract, instance-config { input-path = /in } }"
LOAD = "{ instance-type = shop_etl.Load, instance-config { table = orders, columns = [id, total] } }"

NOISE = re.compile(r"Traceback|  File |pyparsing|ParseException|pyhocon|<class |object at 0x|Errno|PosixPath|\bNone\b")


def describe(*components: str, name: str = "pipeline-name = Shop", more: str = "") -> str:
    """A description, one component a line; the first one stands on line 4."""
    listed = "\n".join(components or (EXTRACT, LOAD))
    return f"pipeline {{\n{name}\npipeline-components = [\n{listed}\n]\n{more}\n}}\n"


@dataclass
class TaskInstance:
    """What the operator reads of Airflow's."""

    task: SparkPipelineOperator
    try_number: int = 1
    max_tries: int = 3
    dag_id: str = "shop"
    run_id: str = "manual__2026-01-31"
    task_id: str = "etl"
    map_index: int = -1


class JvmStartedError(Exception):
    """In place of a JVM."""


@dataclass
class Shop:
    """A DAG folder, and a task in it.

    :param looks: what the processes were asked that looked at components
    """

    folder: Path
    looks: list[str] = field(default_factory=list)

    @property
    def location(self) -> Path:
        return self.folder.parent / "checkpoints"

    @property
    def conf(self) -> Path:
        return self.folder / "shop.conf"

    @property
    def module(self) -> Path:
        return self.folder / "libs" / "shop_etl.py"

    def operator(self, **arguments: Any) -> SparkPipelineOperator:
        with DAG("shop", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)) as dag:
            given = {"pipeline": "shop.conf", "py_files": ["libs"], "checkpoint_location": str(self.location)}
            operator = SparkPipelineOperator(task_id="etl", **{**given, **arguments})
        dag.fileloc = str(self.folder / "dag.py")
        return operator

    def run(self, *, try_number: int = 1, **arguments: Any) -> None:
        """Do what Airflow's task runner does."""
        operator = self.operator(**arguments)
        context: Any = {
            "ti": TaskInstance(operator, try_number=try_number),
            "task_state_store": None,
            "ds": "2026-01-31",
            "params": {"day": "Saturday"},
        }
        operator.render_template_fields(context)
        operator.execute(context)

    def mistake(self, **arguments: Any) -> str:
        """Run a task that has to be refused; returns the text of the one error there is."""
        before = snapshot(self.location)
        with pytest.raises(SparkPipelineError) as caught:
            self.run(**arguments)
        text = str(caught.value)
        assert not NOISE.search(text), text
        assert self.looks in ([], ["check"])
        self.looks.clear()
        assert snapshot(self.location) == before
        return text

    def accepted(self, **arguments: Any) -> None:
        """Run a task that has to reach spark-submit."""
        with pytest.raises(JvmStartedError):
            self.run(**arguments)

    def mistake_in(self, text: str, **arguments: Any) -> str:
        """The same with this description in ``shop.conf``."""
        self.conf.write_text(text, encoding="utf-8")
        return self.mistake(**arguments)

    def log(self) -> RunLog:
        key = UnitKey("default", "shop", "manual__2026-01-31", "etl", -1)
        return RunLog(open_store(str(self.location)), unit_path("Shop", key))

    def first_try(self) -> None:
        """Leave what a first try leaves that did the first component and failed at the second."""
        key = UnitKey("default", "shop", "manual__2026-01-31", "etl", -1)
        log = self.log()
        TaskAttempt(parse_pipeline(describe()), log, key, Caller(3, 0, 1), auto_resume=True).claim()
        claim = log.latest()
        assert claim is not None
        extract, load = claim.state.components
        state = replace(
            claim.state,
            status=CheckpointStatus.FAILED,
            completed_components=("Extract",),
            components=(
                replace(extract, action=ComponentAction.RAN, attempt=1),
                replace(load, action=ComponentAction.FAILED, attempt=1),
            ),
            failure=Failure("Load", 1, "OSError", "disk full"),
        )
        log.append(claim, state)

    def newest_commit(self) -> Path:
        return max(self.location.glob("shop-*/*/*.json"))


def snapshot(location: Path) -> Mapping[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(location.rglob("*")) if file.is_file()}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A DAG folder with a module of components, and another run's checkpoints at the location."""
    folder = tmp_path / "dags"
    shop = Shop(folder)
    shop.module.parent.mkdir(parents=True)
    shop.module.write_text(MODULE, encoding="utf-8")
    shop.conf.write_text(describe(), encoding="utf-8")
    other = shop.location / "shop-0123456789ab" / "shop.another-run"
    other.mkdir(parents=True)
    (other / "00000000.json").write_text('{"schemaVersion": 2}', encoding="utf-8")

    class Spy(subprocess.Popen[Any]):
        def __init__(self, command: list[str], *arguments: Any, **options: Any) -> None:
            line = [str(part) for part in command]
            if "spark-submit" in line[0] or "java" in line[0]:
                raise JvmStartedError(line)
            if line[0] == sys.executable:
                shop.looks.append(line[2])
            super().__init__(command, *arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", Spy)
    monkeypatch.delenv("SPARK_HOME", raising=False)
    return shop


# ---- the file itself


def test_an_error_is_told_once(shop: Shop) -> None:
    """Airflow logs an error with all that led to it: another copy of the text would stand above this one."""
    with pytest.raises(SparkPipelineError) as caught:
        shop.run(pipeline="shopp.conf")
    assert "".join(traceback.format_exception(caught.value)).count(str(caught.value)) == 1


def test_a_file_that_does_not_exist_is_named_in_full_with_the_place_where_paths_start(shop: Shop) -> None:
    text = shop.mistake(pipeline="shopp.conf")
    assert f"{shop.folder / 'shopp.conf'}: there is no such file" in text
    assert "next to the DAG file" in text


def test_a_directory_is_no_description(shop: Shop) -> None:
    (shop.folder / "confs").mkdir()
    assert shop.mistake(pipeline="confs") == f"{shop.folder / 'confs'}: is a directory; name the .conf file"


def test_a_file_that_is_not_utf_8_is_named_with_the_byte(shop: Shop) -> None:
    shop.conf.write_bytes(describe().replace("Shop", "Caf\xe9").encode("latin-1"))
    text = shop.mistake()
    assert str(shop.conf) in text
    assert "not UTF-8" in text
    assert "0xe9" in text


@pytest.mark.parametrize("text", ["", "   \n\n", "# only a comment\n"], ids=["no byte", "blanks", "a comment"])
def test_an_empty_file_is_said_to_be_empty(shop: Shop, text: str) -> None:
    found = shop.mistake_in(text)
    assert found.startswith(str(shop.conf))
    assert "empty" in found or "'pipeline' is missing" in found


def test_an_empty_argument_says_what_to_give(shop: Shop) -> None:
    assert "the argument pipeline is empty: give a path, a URL, or the text" in shop.mistake(pipeline=" ")


def test_a_url_that_cannot_be_read_is_named(shop: Shop) -> None:
    text = shop.mistake(pipeline="file:///no/such/place/shop.conf")
    assert text.startswith("file:///no/such/place/shop.conf: cannot be read")


def test_a_url_of_an_unknown_kind_is_named(shop: Shop) -> None:
    text = shop.mistake(pipeline="gopher://host/shop.conf")
    assert text.startswith("gopher://host/shop.conf: cannot be read")
    assert "gopher" in text.removeprefix("gopher://host/shop.conf")


SYNTAX: dict[str, tuple[str, int | None, str]] = {
    "unclosed": (describe().replace("]\n\n}", "]"), None, "never closed"),
    "quote": (describe(name='pipeline-name = "Shop'), 2, "a quoted string is not closed on its line"),
    "reserved": (describe(name="pipeline-name = Shop & Co"), 2, "the character `&` has a special meaning in HOCON"),
    "separator": (describe(name="pipeline-name Shop"), 2, "pipeline-name"),
    "commas": (describe(EXTRACT, ",,", LOAD), 5, "comma"),
}


@pytest.mark.parametrize(("text", "line", "message"), SYNTAX.values(), ids=SYNTAX.keys())
def test_a_syntax_error_is_said_in_words_with_its_line(shop: Shop, text: str, line: int | None, message: str) -> None:
    found = shop.mistake_in(text)
    assert found.startswith(f"{shop.conf}:{line or ''}")
    assert message in found


def test_text_that_is_no_file_is_refused_with_its_line_too(shop: Shop) -> None:
    assert shop.mistake(pipeline=describe(more="fail-fats = true")).startswith(
        "line 7: pipeline.fail-fats: unknown key"
    )


def test_a_jinja_error_has_its_line(shop: Shop) -> None:
    text = shop.mistake_in(describe(more="retry-policy.max-retries = {{ ds | no_such_filter }}"))
    assert text.startswith(f"{shop.conf}:7: Jinja: ")
    assert "no_such_filter" in text


def test_an_undefined_jinja_variable_has_its_line(shop: Shop) -> None:
    text = shop.mistake_in(describe(name='pipeline-name = "Shop of {{ owner_of_shop }}"'))
    assert text.startswith(f"{shop.conf}:2: Jinja: ")
    assert "'owner_of_shop' is undefined" in text


def test_an_unknown_parameter_is_named(shop: Shop) -> None:
    found = shop.mistake_in(describe(name='pipeline-name = "Shop {{ params.month }}"'))
    assert "'params.month' is undefined: the DAG has no such param (it has: day)" in found


def test_an_unresolved_substitution_is_named_with_its_line(shop: Shop) -> None:
    text = shop.mistake_in(describe(name="pipeline-name = ${shop.nam}"))
    assert text.startswith(f"{shop.conf}:2: ")
    assert "shop.nam" in text


def test_a_missing_include_is_named_with_the_line_that_names_it(shop: Shop) -> None:
    text = shop.mistake_in('include required("base.conf")\n' + describe())
    assert text.startswith(f"{shop.conf}:1: ")
    assert str(shop.folder / "base.conf") in text


def test_files_that_include_each_other_are_named(shop: Shop) -> None:
    (shop.folder / "base.conf").write_text('include "shop.conf"\n', encoding="utf-8")
    text = shop.mistake_in('include "base.conf"\n' + describe())
    assert "files include each other in a circle" in text
    assert f"{shop.conf} -> {shop.folder / 'base.conf'} -> {shop.conf}" in text


# ---- what the description says


DESCRIPTIONS: dict[str, tuple[str, str]] = {
    "pipeline misspelled": ("pipelin { pipeline-name = Shop }", "'pipeline' is missing; did you mean it by 'pipelin'?"),
    "name missing": (describe(name=""), ": pipeline.pipeline-name: missing; expected text"),
    "name blank": (describe(name='pipeline-name = " "'), ":2: pipeline.pipeline-name: the text is empty"),
    "components empty": (
        describe(" "),
        ": pipeline.pipeline-components: the list is empty; a pipeline needs at least one component",
    ),
    "components missing": (
        "pipeline { pipeline-name = Shop }",
        "pipeline.pipeline-components: missing; expected a list",
    ),
    "components misspelled": (
        describe().replace("pipeline-components", "pipeline-component"),
        "did you mean 'pipeline-components'?",
    ),
    "name twice": (describe(EXTRACT, EXTRACT), "`Extract` is also the name of pipeline.pipeline-components[0]"),
    "type missing": (
        describe("{ instance-name = Extract }"),
        ":4: pipeline.pipeline-components[0].instance-type: missing; expected text",
    ),
    "type with dash": (
        describe("{ instance-type = shop-etl.Extract }"),
        "'shop-etl.Extract' is not a Python name; write package.module.Class",
    ),
    "type a number": (describe("{ instance-type = 5 }"), "'5' is not a Python name"),
    "component as text": (
        describe("shop_etl.Extract"),
        ":4: pipeline.pipeline-components[0]: expected an object, found text",
    ),
    "key misspelled": (
        describe(more="fail-fats = true"),
        ":7: pipeline.fail-fats: unknown key 'fail-fats'; did you mean 'fail-fast'?",
    ),
    "key in camel case": (describe(more="failFast = true"), "unknown key 'failFast'; did you mean 'fail-fast'?"),
    "flag no flag": (describe(more="fail-fast = maybe"), ":7: pipeline.fail-fast: expected true or false, found text"),
    "block as flag": (describe(more="checkpoint = yes"), ":7: pipeline.checkpoint: expected an object"),
    "flag as list": (
        describe(more="checkpoint { enabled = [1] }"),
        "pipeline.checkpoint.enabled: expected true or false, found a list",
    ),
    "retry-policy": (
        describe(more="retry-policy { max-retries = -3 }"),
        ":7: pipeline.retry-policy.max-retries: -3 is out of range; expected 0 or more",
    ),
    "hooks": (
        describe(more='hooks = [ { instance-type = "airflow_spark_pipeline.runtime.lifecycle.AuditHook" } ]'),
        "pipeline.hooks[0].instance-type: 'airflow_spark_pipeline.runtime.lifecycle' has no class 'AuditHook'",
    ),
    "hook's config": (
        describe(
            more='hooks = [ { instance-type = "airflow_spark_pipeline.runtime.lifecycle.AuditHooks", '
            "instance-config { path = here.jsonl } } ]"
        ),
        "pipeline.hooks[0].instance-config: AuditHooks could not be constructed: ValueError: the audit path here.jsonl",
    ),
    "all disabled": (
        describe(EXTRACT.replace("instance-type", "enabled = false, instance-type")),
        "pipeline.pipeline-components: no component is enabled",
    ),
    "connect-string": (
        'spark { connect-string = "spark://host" }\n' + describe(),
        ":1: spark.connect-string: expected sc://host:port/",
    ),
    "setting as list": ("spark { config { spark.x = [1, 2] } }\n" + describe(), "expected text, found a list"),
    "number or text": (
        describe(EXTRACT.replace("/in", "007")),
        ":4: pipeline.pipeline-components[0].instance-config.input-path: `007`",
    ),
}


@pytest.mark.parametrize(("text", "message"), DESCRIPTIONS.values(), ids=DESCRIPTIONS.keys())
def test_a_mistake_in_the_description_names_its_path_and_the_way_out(shop: Shop, text: str, message: str) -> None:
    found = shop.mistake_in(text)
    assert str(shop.conf) in found
    assert message in found


def test_all_mistakes_of_a_description_are_reported_at_once(shop: Shop) -> None:
    found = shop.mistake_in(describe("{ instance-name = a }", EXTRACT, EXTRACT, more="fail-fast = 7\ncolour = red"))
    assert found.startswith("4 problems in the pipeline's description:")
    paths = [line.split(": ")[1].removeprefix("pipeline.") for line in found.splitlines()[1:]]
    assert sorted(paths) == [
        "colour",
        "fail-fast",
        "pipeline-components[0].instance-type",
        "pipeline-components[2].instance-name",
    ]


# ---- the code that it names


COMPONENTS: dict[str, tuple[str, str]] = {
    "no such module": (
        EXTRACT.replace("shop_etl", "shop_elt"),
        "[0].instance-type: the driver has no module 'shop_elt'; ship it with py_files",
    ),
    "no such class": (
        EXTRACT.replace("Extract", "Extrakt"),
        "[0].instance-type: 'shop_etl' has no class 'Extrakt'; did you mean 'Extract'?",
    ),
    "no component": (
        EXTRACT.replace("Extract", "Stranger"),
        "shop_etl.Stranger is not a component; derive it from airflow_spark_pipeline.Component",
    ),
    "abstract": (EXTRACT.replace("Extract", "Draft"), "shop_etl.Draft is abstract; it does not define run, tune"),
    "key missing": (EXTRACT.replace("input-path = /in", ""), "[0].instance-config.input-path: missing; expected text"),
    "key unknown": (
        EXTRACT.replace("/in", "/in, limt = 5"),
        "[0].instance-config.limt: unknown key 'limt'; did you mean 'limit'? (known: input-path, limit)",
    ),
    "wrong type": (
        EXTRACT.replace("/in", "/in, limit = many"),
        '[0].instance-config.limit: expected a whole number, found text ("many")',
    ),
    "refused by the class": (
        LOAD.replace("orders", "forbidden"),
        "[0].instance-config: Load could not be constructed: ValueError: table 'forbidden'",
    ),
}


@pytest.mark.parametrize(("component", "message"), COMPONENTS.values(), ids=COMPONENTS.keys())
def test_a_component_that_does_not_fit_its_class_is_explained(shop: Shop, component: str, message: str) -> None:
    found = shop.mistake_in(describe(component))
    assert found.startswith(f"{shop.conf}: pipeline.pipeline-components[0].")
    assert message in found


def test_what_several_components_lack_is_reported_at_once(shop: Shop) -> None:
    found = shop.mistake_in(
        describe(
            "{ instance-type = shop_etl.Extract, instance-config { limit = many, input_path = 5 } }",
            "{ instance-type = shop_etl.Load, instance-config { table = [a], columns = id, overwrite = 3 } }",
            "{ instance-type = nowhere.Step }",
        )
    )
    assert found.startswith("7 problems in the pipeline's description:")
    paths = re.findall(r"pipeline-components(\[\d\]\.[a-z-]+(?:\.[a-z_-]+)?): ", found)
    assert sorted(paths) == [
        "[0].instance-config.input-path",
        "[0].instance-config.input_path",
        "[0].instance-config.limit",
        "[1].instance-config.columns",
        "[1].instance-config.overwrite",
        "[1].instance-config.table",
        "[2].instance-type",
    ]


def test_a_module_that_raises_names_the_error_and_the_line_in_the_users_file(shop: Shop) -> None:
    shop.module.write_text(MODULE + "\nRATE = 1 / 0\n", encoding="utf-8")
    line = MODULE.count("\n") + 2
    found = shop.mistake()
    assert "'shop_etl' cannot be imported: ZeroDivisionError: division by zero" in found
    assert f"shop_etl.py:{line})" in found


def test_a_module_with_a_syntax_error_names_the_line_in_the_users_file(shop: Shop) -> None:
    shop.module.write_text("def broken(:\n", encoding="utf-8")
    found = shop.mistake()
    assert "'shop_etl' cannot be imported: SyntaxError: " in found
    assert "shop_etl.py:1)" in found


def test_a_library_that_a_module_needs_is_named(shop: Shop) -> None:
    shop.module.write_text(MODULE + "\nimport no_such_library.core\n", encoding="utf-8")
    assert "ship 'no_such_library' with py_files, or install it" in shop.mistake()


def test_a_module_that_ends_the_process_is_named(shop: Shop) -> None:
    shop.module.write_text("import sys\nsys.exit(0)\n", encoding="utf-8")
    assert "'shop_etl' cannot be imported: SystemExit: 0" in shop.mistake()


def test_a_secret_that_does_not_fit_is_not_shown(shop: Shop) -> None:
    shop.module.write_text(MODULE.replace("limit: int", "password: int"), encoding="utf-8")
    found = shop.mistake_in(describe(EXTRACT.replace("/in", "/in, password = hunter2")))
    assert "instance-config.password: expected a whole number, found text" in found
    assert "hunter2" not in found


# ---- what only looks like a mistake on this machine


def test_a_description_without_mistakes_reaches_spark_submit(shop: Shop) -> None:
    shop.accepted()
    assert shop.looks == ["check"]


def test_a_module_that_spark_fetches_is_not_missed_beforehand(shop: Shop) -> None:
    shop.accepted(py_files=["s3://bucket/shop_etl.zip"])


@pytest.mark.parametrize(
    "arguments",
    [
        {"properties_file": "/etc/spark/shop.properties"},
        {"packages": "com.example:shop-etl:1.0"},
        {"archives": "s3://bucket/environment.tar.gz#environment"},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_a_module_that_spark_brings_by_other_ways_is_not_missed_beforehand(
    shop: Shop, arguments: dict[str, Any]
) -> None:
    shop.accepted(py_files=None, **arguments)


def test_the_variables_that_the_driver_will_have_are_there_when_components_are_looked_at(shop: Shop) -> None:
    shop.module.write_text(f"import os\nSHOP = os.environ['SHOP']\n{MODULE}".replace(*FUTURE), encoding="utf-8")
    shop.accepted(env_vars={"SHOP": "north"})
    shop.accepted(py_files=None, env_vars={"SHOP": "north", "PYTHONPATH": str(shop.module.parent)})


@pytest.mark.parametrize("name", ["spark.master", "spark.app.name", "spark.remote", "spark.submit.pyFiles"])
def test_a_setting_that_is_said_elsewhere_is_refused_before_anything_starts(shop: Shop, name: str) -> None:
    found = shop.mistake(conf={name: "spark://prod:7077", "spark.executor.memory": "1g"})
    assert f"the operator's conf: {name} has no effect as a setting" in found
    assert shop.looks == []


# ---- py_files


def test_a_single_module_is_looked_at_as_well(shop: Shop) -> None:
    """spark-submit makes it importable by its name; the look beforehand must not refuse what would run."""
    (shop.folder / "single.py").write_text(MODULE, encoding="utf-8")
    found = shop.mistake_in(
        describe(
            EXTRACT.replace("shop_etl", "single"),
            LOAD.replace("shop_etl", "single").replace("Load", "Lode"),
        ),
        py_files=["single.py"],
    )
    assert found.startswith(f"{shop.conf}: pipeline.pipeline-components[1].instance-type: 'single' has no class 'Lode'")


def test_a_module_to_ship_that_does_not_exist_is_named_in_full(shop: Shop) -> None:
    found = shop.mistake(py_files=["shop_elt.py", "lib"])
    assert f"{shop.folder / 'shop_elt.py'}: py_files: there is no such file or directory" in found
    assert f"{shop.folder / 'lib'}: py_files: there is no such file or directory" in found


def test_a_file_that_python_cannot_import_is_not_shipped(shop: Shop) -> None:
    (shop.folder / "requirements.txt").touch()
    found = shop.mistake(py_files="libs, requirements.txt")
    assert f"{shop.folder / 'requirements.txt'}: py_files: is not a .py, .zip or .egg file, or a directory" in found


# ---- the checkpoint location


@pytest.mark.parametrize(
    "place",
    ["{file}", "{file}/checkpoints", "/proc/no-such-place/checkpoints", "{folder}/dangling"],
    ids=["a file", "below a file", "below proc", "a link to nowhere"],
)
def test_a_location_that_cannot_be_written_is_named(shop: Shop, place: str) -> None:
    (shop.folder / "dangling").symlink_to(shop.folder / "unmounted" / "disk")
    location = place.format(file=shop.conf, folder=shop.folder)
    found = shop.mistake(checkpoint_location=location)
    assert f"The checkpoint location {location} cannot be used" in found
    assert "use another location" in found
    assert shop.conf.read_text(encoding="utf-8") == describe()


@pytest.mark.parametrize(
    ("location", "message"),
    [
        (
            "ftp://host/checkpoints",
            "has the unknown scheme ftp://. Supported: a directory, file://, s3a://, s3://, hdfs://",
        ),
        ("webhdfs://namenode/checkpoints", "write it as hdfs://…, which Spark understands too"),
        ("viewfs://cluster/checkpoints", "viewfs:// is not supported"),
        (
            "checkpoints",
            "is a relative path, which means a different directory in each process. Write an absolute path",
        ),
        (
            "file://checkpoints/here",
            "has the host 'checkpoints': write a local location with three slashes, file:///path",
        ),
        ("s3://", "has no bucket"),
        ("s3a:///", "has no bucket"),
    ],
)
def test_a_location_that_is_not_served_is_explained(shop: Shop, location: str, message: str) -> None:
    found = shop.mistake(checkpoint_location=location)
    assert f"The checkpoint location {location}" in found
    assert message in found
    shop.conf.write_text(describe(more=f'checkpoint {{ location = "{location}" }}'), encoding="utf-8")
    assert shop.mistake(checkpoint_location=None) == found


def test_a_checkpoint_connection_that_does_not_exist_is_named(shop: Shop) -> None:
    found = shop.mistake(checkpoint_conn_id="lake")
    assert found == "The checkpoint connection 'lake' does not exist. Create it, or correct checkpoint_conn_id."


def test_a_checkpoint_connection_of_the_configuration_that_does_not_exist_is_named_with_the_option(
    shop: Shop, airflow_config: Any
) -> None:
    airflow_config("spark_pipeline", "checkpoint_conn_id", "lake")
    found = shop.mistake()
    assert "'lake' does not exist" in found
    assert "checkpoint_conn_id" in found


def test_no_checkpoints_and_a_driver_elsewhere_do_not_go_together(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", "spark://master:7077?deploy-mode=cluster")
    found = shop.mistake_in(describe(more="checkpoint { enabled = false }"))
    assert found.startswith("checkpoint.enabled = false works in client mode only")
    assert "Remove it; auto-resume = false starts every try from the beginning." in found


# ---- Spark


def test_a_named_spark_connection_that_does_not_exist_is_an_error(shop: Shop) -> None:
    found = shop.mistake(conn_id="spark_prod")
    assert found == "The Spark connection 'spark_prod' does not exist. Create it, or correct conn_id."


def test_without_spark_submit_the_command_that_installs_it_is_said(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(executables, "pyspark_home", lambda: None)
    found = shop.mistake()
    assert "spark-submit was not found" in found
    assert "pip install 'airflow-spark-pipeline[spark]'" in found


def test_a_spark_home_without_spark_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_HOME", str(shop.folder))
    assert shop.mistake() == (
        f"SPARK_HOME is {shop.folder}, but {shop.folder / 'bin' / 'spark-submit'} does not exist or cannot be run."
    )


def test_a_java_home_without_java_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(shop.folder))
    assert shop.mistake() == f"JAVA_HOME is {shop.folder}, but its bin/java does not exist or cannot be run."


def test_without_java_the_version_that_is_needed_is_said(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert "Spark needs Java 17 or newer" in shop.mistake()


# ---- what an earlier try left behind


def test_an_edit_to_a_component_that_is_done_is_refused_with_its_path_and_the_way_out(shop: Shop) -> None:
    shop.first_try()
    found = shop.mistake_in(describe(EXTRACT.replace("/in", "/elsewhere"), LOAD), try_number=2)
    assert (
        "Extract is recorded as done, and differs now at pipeline.pipeline-components[0].instance-config.input-path."
        in found
    )
    assert "Undo the change" in found
    assert "start over with auto_resume=False" in found
    assert "/elsewhere" not in found


@pytest.mark.parametrize("expression", ["{{ ti.try_number }}", "{{ range(9999) | random }}{{ range(9999) | random }}"])
def test_a_field_that_renders_differently_on_each_try_is_named_as_such(shop: Shop, expression: str) -> None:
    """Nobody edited anything, and the retry would be refused for ever."""
    shop.first_try()
    found = shop.mistake_in(describe(EXTRACT.replace("/in", f"/in/{expression}"), LOAD), try_number=2)
    assert "This is not an edit of pipeline.pipeline-components[0].instance-config.input-path" in found
    assert "renders differently on each try" in found
    assert "{{ ds }}" in found


def test_a_component_before_one_that_is_done_is_refused(shop: Shop) -> None:
    shop.first_try()
    found = shop.mistake_in(describe(LOAD, EXTRACT), try_number=2)
    assert "pipeline.pipeline-components[0] was Extract and is Load now" in found
    assert "Undo the change" in found
    assert "start over with auto_resume=False" in found


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"schemaVersion": 2}', b"\xff\xfe\x00"],
    ids=["empty", "cut off", "a list", "fields missing", "bytes"],
)
def test_a_commit_that_cannot_be_read_is_named_and_never_taken_for_nothing_recorded(shop: Shop, content: bytes) -> None:
    shop.first_try()
    commit = shop.newest_commit()
    commit.write_bytes(content)
    found = shop.mistake(try_number=2)
    assert found.startswith(f"{commit} is not a readable commit")
    assert "Restore the object from a backup" in found
    unit = f"{commit.parent.parent.name}/{commit.parent.name}"
    assert f"spark-pipeline discard {make_run_id(unit, int(commit.stem))} --location {shop.location}" in found


def test_a_commit_of_a_newer_version_asks_for_an_upgrade(shop: Shop) -> None:
    shop.first_try()
    commit = shop.newest_commit()
    commit.write_bytes(seal(json.dumps(unseal(commit.read_bytes()) | {"schemaVersion": 9})[1:-1]))
    found = shop.mistake(try_number=2)
    assert str(commit) in found
    assert "its schema version is 9" in found
    assert "Upgrade airflow-spark-pipeline here" in found


def test_a_try_that_a_newer_one_overtook_says_so(shop: Shop) -> None:
    shop.first_try()
    assert shop.mistake(try_number=0) == "This try stops: try 1 has claimed this task instance already."


# ---- the arguments


@pytest.mark.parametrize("argument", ["application", "java_class"])
def test_what_the_operator_sets_itself_is_refused_while_the_dag_is_parsed(shop: Shop, argument: str) -> None:
    with pytest.raises(ValueError, match=f"sets {argument} itself; name the components in the pipeline's file"):
        shop.operator(**{argument: "etl.py"})


def test_arguments_for_an_application_are_refused_while_the_dag_is_parsed(shop: Shop) -> None:
    with pytest.raises(ValueError, match=r"sets application_args itself.*use SparkSubmitOperator"):
        shop.operator(application_args=["--day", "1"])


def test_a_misspelled_argument_is_named_while_the_dag_is_parsed(shop: Shop) -> None:
    with pytest.raises(TypeError, match="checkpoint_locaton"):
        shop.operator(checkpoint_locaton="/x")


def test_paths_of_pathlib_are_as_good_as_text(shop: Shop) -> None:
    """Whatever is wrong here is the pipeline, not the type of the arguments."""
    found = shop.mistake_in(
        describe(EXTRACT.replace("Extract", "Extrakt")),
        pipeline=shop.conf,
        py_files=[shop.module.parent],
        checkpoint_location=shop.location,
    )
    assert "'shop_etl' has no class 'Extrakt'" in found
