"""The shipped modules are enough for the driver, and do not replace modules of the cluster.

The driver's Python here is bare: it sees its standard library, what is shipped to it, and nothing of this environment.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.launch import archives
from airflow_spark_pipeline.launch.archives import LAUNCHER, directory_archive, runtime_archive
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.task.attempt import TaskAttempt
from tests.engines.pythons import find_python

# Starts the launcher as spark-submit does, where importing what a cluster does not have ends the process.
GUARD = """
import runpy, sys

class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            sys.stdout.write(f"{name} was imported\\n")
            sys.stdout.flush()
            __import__("os")._exit(99)

FORBIDDEN = set(sys.argv.pop(1).split(","))
sys.meta_path.insert(0, Guard())
sys.argv.pop(0)
sys.path[0] = __import__("os").path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""

# As much of Spark as the loop needs; whatever else it asks of a context is answered, and the answer is "no".
PYSPARK = """
class Whatever:
    def __getattr__(self, name):
        return Whatever()

    def __call__(self, *arguments, **options):
        return self

    def __bool__(self):
        return False


class SparkContext(Whatever):
    applicationId = "application_1"


class Conf:
    getAll = {}

    def get(self, key, default=None):
        return default


class Catalog:
    def currentCatalog(self):
        return "spark_catalog"

    def currentDatabase(self):
        return "default"


class SparkSession:
    version = "none"
    sparkContext = SparkContext()
    conf = Conf()
    catalog = Catalog()

    def stop(self):
        pass

    class builder:
        def config(name, value):
            return SparkSession.builder

        def getOrCreate():
            return SparkSession()
"""

STEPS = """
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from airflow_spark_pipeline import Component


@dataclass
class Note(Component):
    file: str

    def run(self, spark):
        import fsspec
        import airflow_spark_pipeline

        Path(self.file).write_text(json.dumps({
            "fsspec": [fsspec.__version__, fsspec.__file__],
            "runtime": airflow_spark_pipeline.__file__,
            "path": sys.path,
        }))


@dataclass
class Fail(Component):
    def run(self, spark):
        raise OSError("disk full")
"""


@dataclass
class Driver:
    """A bare Python with a launcher, a runtime, and modules of a user."""

    folder: Path
    modules: dict[str, str] = field(default_factory=dict)
    cluster: dict[str, str] = field(default_factory=lambda: {"pyspark/__init__.py": "", "pyspark/sql.py": PYSPARK})

    @property
    def note(self) -> dict[str, Any]:
        """What the component ``Note`` wrote."""
        content: dict[str, Any] = json.loads((self.folder / "note.json").read_text(encoding="utf-8"))
        return content

    def run(self, *types: str, forbidden: str = "airflow,pyhocon") -> subprocess.CompletedProcess[str]:
        """Run a pipeline of these components, as the operator does it; ``outcome`` tells what the log says then."""
        listed = ", ".join(
            f'{{ instance-type = {name}, instance-name = "{name} {index}", instance-config {{ {config} }} }}'
            for index, name in enumerate(types)
            for config in [f'file = "{self.folder / "note.json"}"' if name.endswith("Note") else ""]
        )
        spec = parse_pipeline(f"pipeline {{ pipeline-name = Shop, pipeline-components = [{listed}] }}")
        key = UnitKey("test", "shop", "run", "etl")
        location, unit = str(self.folder / "checkpoints"), unit_path("Shop", key)
        self.attempt = TaskAttempt(spec, RunLog(open_store(location), unit), key, Caller(0, 0, 1), auto_resume=True)
        return self._start(
            "run",
            DriverRequest(spec.to_dict(), location=location, unit=unit, token=self.attempt.claim()),
            forbidden=forbidden,
        )

    def check(self, *types: str, forbidden: str = "airflow,pyhocon,pyspark,fsspec") -> subprocess.CompletedProcess[str]:
        """Look at components."""
        listed = ", ".join(f"{{ instance-type = {name}, instance-name = n{i} }}" for i, name in enumerate(types))
        spec = parse_pipeline(f"pipeline {{ pipeline-name = Shop, pipeline-components = [{listed}] }}")
        return self._start("check", DriverRequest(spec.to_dict()), forbidden=forbidden)

    def python(self, code: str) -> str:
        """Run code where only the runtime is on the path."""
        script = self.folder / "script.py"
        script.write_text(textwrap.dedent(code), encoding="utf-8")
        return self._bare([str(script)], check=True).stdout.strip()

    def _start(self, verb: str, request: DriverRequest, *, forbidden: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "guard.py").write_text(GUARD, encoding="utf-8")
        launcher = self.folder / "launch" / "spark-pipeline.py"
        launcher.parent.mkdir(exist_ok=True)
        shutil.copy(LAUNCHER, launcher)
        file = self.folder / "request.json"
        file.write_text(request.to_json(), encoding="utf-8")
        return self._bare([str(self.folder / "guard.py"), forbidden, str(launcher), verb, str(file)])

    def _bare(self, arguments: list[str], *, check: bool = False) -> subprocess.CompletedProcess[str]:
        path = [str(runtime_archive()), str(directory_archive(self._write("libs", self.modules)))]
        path += [str(self._write("cluster", self.cluster))]
        # Without the module site nothing but the standard library and the path given here is visible.
        return subprocess.run(
            [sys.executable, "-S", "-W", "error", *arguments],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=check,
        )

    def _write(self, folder: str, files: dict[str, str]) -> Path:
        for name, text in files.items():
            file = self.folder / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        (self.folder / folder).mkdir(exist_ok=True)
        return self.folder / folder


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return Driver(tmp_path, modules={"shop_etl.py": STEPS})


# ---- the archive


def test_the_same_files_give_the_same_bytes_whenever_and_wherever_they_are_zipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache, ours or a cluster's, can tell an unchanged archive by its content only if it is the same to the bit."""
    first = runtime_archive()

    copy = tmp_path / "elsewhere" / archives._PACKAGE.name
    shutil.copytree(archives._PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copy)
    for number, file in enumerate(copy.rglob("*.py")):
        os.utime(file, (number, number))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(archives, "_PACKAGE", copy)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    second = runtime_archive()

    assert first != second
    assert first.name == second.name
    assert _sources(first) == _sources(second)


def _sources(archive: Path) -> dict[str, bytes]:
    """What is in the archive, without the bytecode: Python may write that differently."""
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist() if name.endswith(".py")}


def test_a_driver_with_the_same_python_compiles_nothing_of_the_runtime(tmp_path: Path) -> None:
    assert _compiled_by(sys.executable, tmp_path) == []


def test_a_driver_with_another_python_compiles_the_sources(tmp_path: Path) -> None:
    other = next(
        filter(None, (find_python(f"3.{minor}") for minor in range(10, 15) if minor != sys.version_info.minor)), None
    )
    if other is None:
        pytest.skip("there is no other Python here")
    assert "airflow_spark_pipeline.exceptions" in _compiled_by(other, tmp_path)


def _compiled_by(python: str | Path, directory: Path) -> list[str]:
    """Return the modules of the runtime whose source a Python reads when it imports a driver."""
    code = """
        import importlib, sys, zipimport
        compiled, compile_source = [], zipimport._compile_source
        zipimport._compile_source = lambda path, source: compiled.append(path) or compile_source(path, source)
        importlib.import_module("airflow_spark_pipeline.runtime.driver.main")
        assert "spark-pipeline-runtime" in sys.modules["airflow_spark_pipeline"].__file__
        print([path.partition(".zip/")[2].removesuffix(".py").replace("/", ".") for path in compiled])
    """
    done = subprocess.run(
        [python, "-S", "-c", textwrap.dedent(code)],
        env={"PYTHONPATH": str(runtime_archive())},
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(done.stdout.replace("'", '"'))
    return found


def test_a_traceback_through_the_runtime_shows_its_lines_and_no_path_of_the_worker(tmp_path: Path) -> None:
    code = """
        import traceback
        from airflow_spark_pipeline.pipeline.spec import PipelineSpec
        try:
            PipelineSpec.from_dict({})
        except KeyError:
            print(traceback.format_exc())
    """
    done = subprocess.run(
        [sys.executable, "-S", "-c", textwrap.dedent(code)],
        env={"PYTHONPATH": str(runtime_archive())},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'File "spark-pipeline-runtime.zip/airflow_spark_pipeline/pipeline/spec.py"' in done.stdout
    assert 'data["pipeline"]' in done.stdout
    assert str(archives._PACKAGE) not in done.stdout


def test_an_existing_archive_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first = runtime_archive()
    before = first.stat()
    assert runtime_archive() == first
    assert first.stat().st_ino == before.st_ino
    assert [file.name for file in first.parent.iterdir()] == [first.name]  # nothing half-written is left


def test_the_archive_is_small_and_holds_python_files_of_the_drivers_side_alone() -> None:
    archive = runtime_archive()
    assert archive.stat().st_size < 1_600_000
    names = zipfile.ZipFile(archive).namelist()
    ours = {name for name in names if name.endswith(".py") and not name.startswith("_vendor/")}
    assert {f"{name}c" for name in ours} == {name for name in names if name.endswith(".pyc")}
    assert all(name.endswith((".py", ".pyc")) for name in names)
    assert {name.split("/")[0] for name in names} == {"airflow_spark_pipeline", "_vendor"}
    assert {name.split("/")[1] for name in names if name.startswith("_vendor")} == {"fsspec"}
    rooms = {name.split("/")[1] for name in ours}
    files = {"__init__.py", "exceptions.py", "protocol.py", "lazy_exports.py", "spark_installation.py", "time_limit.py"}
    assert rooms == files | {
        "binding",
        "checkpoint",
        "components",
        "pipeline",
        "planning",
        "runtime",
        "secrets",
        "user_errors",
    }
    assert not [name for name in names if "/tests/" in name]


def test_every_module_of_the_runtime_can_be_imported_by_a_bare_python(driver: Driver) -> None:
    driver.cluster = {}
    names = [name for name in _sources(runtime_archive()) if not name.startswith("_vendor")]
    modules = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names]
    assert len(modules) > 30
    printed = driver.python(
        f"""
        import importlib, sys
        before = set(sys.modules)
        for name in {modules}:
            importlib.import_module(name)
        loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}} - set(sys.stdlib_module_names)
        print(sorted(loaded - {{"__mp_main__"}}))  # what multiprocessing, of the standard library, calls __main__
        """
    )
    assert printed == "['airflow_spark_pipeline']"


# ---- the loop


def test_the_loop_runs_where_airflow_and_hocon_cannot_be_imported(driver: Driver) -> None:
    done = driver.run("shop_etl.Note", "shop_etl.Note")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    state = driver.attempt.outcome()
    assert state.status is CheckpointStatus.COMPLETED
    assert state.completed_components == ("shop_etl.Note 0", "shop_etl.Note 1")
    assert state.spark_application_id == "application_1"
    assert Path(driver.note["runtime"]).is_relative_to(runtime_archive())


def test_a_failure_is_recorded_there_too(driver: Driver) -> None:
    done = driver.run("shop_etl.Note", "shop_etl.Fail")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].endswith("(1 of 2 done; a retry resumes there): OSError: disk full")


def test_components_are_checked_even_if_spark_cannot_be_imported(driver: Driver) -> None:
    done = driver.check("shop_etl.Fail", "shop_etl.Fial", "airflow_spark_pipeline.components.ReadFiles")
    assert done.returncode == 2, done.stdout + done.stderr
    problems = json.loads(done.stdout)["problems"]
    assert "did you mean 'Fail'?" in problems[0]["message"]
    assert {problem["path"] for problem in problems[1:]} == {
        "pipeline.pipeline-components[2].instance-config.path",
        "pipeline.pipeline-components[2].instance-config.view",
    }


def test_these_tests_detect_an_import_of_airflow(driver: Driver) -> None:
    driver.modules["shop_etl.py"] = f"import airflow\n{STEPS}"
    done = driver.run("shop_etl.Fail")
    assert done.returncode == 99
    assert done.stdout.splitlines()[-1] == "airflow was imported"


# ---- what is there already


def test_the_clusters_package_wins_over_the_shipped_one(driver: Driver) -> None:
    driver.cluster["fsspec/__init__.py"] = '__version__ = "0.0.1-cluster"\n'
    done = driver.run("shop_etl.Note")
    assert done.returncode == 0, done.stdout + done.stderr
    version, file = driver.note["fsspec"]
    assert version == "0.0.1-cluster"
    assert Path(file).is_relative_to(driver.folder / "cluster")
    assert driver.attempt.outcome().status is CheckpointStatus.COMPLETED


def test_a_shipped_package_is_used_if_the_cluster_has_none(driver: Driver) -> None:
    import fsspec

    done = driver.run("shop_etl.Note")
    assert done.returncode == 0, done.stdout + done.stderr
    version, file = driver.note["fsspec"]
    assert version == fsspec.__version__
    assert Path(file).is_relative_to(runtime_archive() / "_vendor")
    assert driver.note["path"][-1] == str(runtime_archive() / "_vendor")


def test_a_store_can_be_opened_with_the_package_that_travels_along(driver: Driver) -> None:
    driver.cluster = {}
    printed = driver.python(
        f"""
        import sys
        sys.path.append({str(runtime_archive() / "_vendor")!r})
        from airflow_spark_pipeline.checkpoint.stores.locations import open_store
        store = open_store("memory://shop")
        store.create("unit/1", b"one")
        print(store.read("unit/1"))
        """
    )
    assert printed == "b'one'"


@pytest.mark.parametrize("name", ["runner", "state", "console", "component", "exceptions", "protocol", "launcher"])
def test_a_module_of_the_user_may_have_the_name_of_one_of_ours(driver: Driver, name: str) -> None:
    driver.modules = {f"{name}.py": f"MINE = 'mine'\n{STEPS}", "shop_etl.py": f"from {name} import MINE, Fail, Note\n"}
    done = driver.run("shop_etl.Note", f"{name}.Note", "shop_etl.Fail")
    assert done.stdout.splitlines()[-1].endswith("(2 of 3 done; a retry resumes there): OSError: disk full"), (
        done.stdout + done.stderr
    )


def test_the_launcher_lies_alone_in_its_directory_and_no_import_can_name_it(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark puts the directory of the started file first on the path; what lies there hides the user's modules."""
    from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook

    seen: dict[str, Any] = {}

    def submit(hook: SparkPipelineSubmitHook, application: str = "", **_: Any) -> None:
        arguments = hook._before_submit(hook)
        seen["beside"] = os.listdir(Path(application).parent)
        seen["mode"] = Path(arguments[1]).stat().st_mode & 0o777
        seen["above"] = Path(arguments[1]).parent.stat().st_mode & 0o777
        raise RuntimeError("not today")

    monkeypatch.setattr(SparkPipelineSubmitHook, "submit", submit)
    with pytest.raises(RuntimeError, match="not today"):
        operate(tmp_path, "shop_etl.Fail {}", STEPS)
    (launcher,) = seen["beside"]
    assert not Path(launcher).stem.isidentifier()
    assert seen["mode"] == 0o600
    assert seen["above"] == 0o700


# ---- a real Spark

SCALE = """
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path

import airflow_spark_pipeline
from airflow_spark_pipeline import Component


@dataclass
class Scale(Component):
    factor: int
    file: str

    def apply(self, value):
        return f"{value * self.factor} {os.getpid()} {airflow_spark_pipeline.__file__} {sees_airflow()}"

    def run(self, spark):
        from pyspark.sql.functions import udf

        rows = spark.range(3).select(udf(self.apply)("id").alias("text")).collect()
        content = {"pid": os.getpid(), "airflow": sees_airflow(), "rows": [row.text.split() for row in rows]}
        Path(self.file).write_text(json.dumps(content))


def sees_airflow():
    return importlib.util.find_spec("airflow") is not None
"""


def operate(folder: Path, component: str, module: str, **arguments: Any) -> dict[str, Any]:
    """Run a pipeline of one component (type, and config in braces) with the operator."""
    (folder / "libs").mkdir()
    (folder / "libs" / "shop_etl.py").write_text(module, encoding="utf-8")
    kind, _, config = component.partition(" ")
    with DAG("shop", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)) as dag:
        operator = SparkPipelineOperator(
            task_id="etl",
            pipeline='spark { master = "local[1]" }, pipeline { pipeline-name = Shop, pipeline-components = '
            f"[{{ instance-type = {kind}, instance-config {config} }}] }}",
            py_files=["libs"],
            checkpoint_location=str(folder / "checkpoints"),
            **arguments,
        )
    dag.fileloc = str(folder / "dag.py")

    @dataclass
    class TaskInstance:
        task: SparkPipelineOperator
        dag_id: str = "shop"
        run_id: str = "manual"
        task_id: str = "etl"
        map_index: int = -1
        try_number: int = 1
        max_tries: int = 0

    context: Any = {"ti": TaskInstance(operator), "task_state_store": None}
    operator.render_template_fields(context)
    try:
        return operator.execute(context)
    finally:
        process = getattr(operator._hook, "_submit_sp", None)
        if process is not None:
            process.stdout.close()  # the provider's hook leaves it open


@pytest.mark.spark
def test_driver_and_executors_of_a_bare_spark_import_what_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that Spark runs in its Python workers carries a component, so that they need its class as well."""
    python = tmp_path / "bare-python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    for name in ("PYTHONPATH", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)  # Spark's Python workers look into the working directory first
    file = tmp_path / "scaled.json"

    result = operate(
        tmp_path,
        f'shop_etl.Scale {{ factor = 7, file = "{file}" }}',
        SCALE,
        conf={
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.pyspark.python": str(python),
        },
    )

    assert result["components_run"] == ["Scale"]
    assert result["spark_application_id"].startswith("local-")
    content = json.loads(file.read_text(encoding="utf-8"))
    assert [row[0] for row in content["rows"]] == ["0", "7", "14"]
    assert content["airflow"] is False
    for _, pid, origin, airflow in content["rows"]:
        assert int(pid) != content["pid"]
        assert re.search(r"/spark-pipeline-runtime-[0-9a-f]{16}\.zip/airflow_spark_pipeline/__init__", origin)
        assert airflow == "False"
