"""Where modules are found: next to the file, in the current directory, and by ``--py-files`` as in the operator."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.cli.modules import archives_of
from airflow_spark_pipeline.runtime.standalone.modules import importable
from tests.sparkless import FakeSpark
from tests.unit.cli.shell import Shell

MODULE = """
from dataclasses import dataclass
from airflow_spark_pipeline import Component

@dataclass
class Load(Component):
    {field}: str = ""
    def run(self, spark):
        print("loaded by", __file__)
"""


def write(path: Path, field: str = "day") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(MODULE.format(field=field), encoding="utf-8")
    return path


def describe(path: Path, kind: str, config: str = "day = x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    place = f'checkpoint {{ location = "{path.parent}/checkpoints" }}'
    component = f"{{ instance-type = {kind}, instance-config {{ {config} }} }}"
    text = f"pipeline {{ pipeline-name = p, {place}, pipeline-components = [ {component} ] }}"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def forget() -> object:
    """As in a new process: what the user's modules are called is free again."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("steps_of_mine", "my_etl", "other"):
            del sys.modules[name]


@pytest.fixture
def repository(shell: Shell) -> Path:
    """``dags/my_etl`` is a package, ``lib`` a directory of modules, and there is an archive of each kind."""
    root = shell.directory
    write(root / "dags" / "steps_of_mine.py")
    write(root / "dags" / "my_etl" / "steps.py")
    (root / "dags" / "my_etl" / "__init__.py").touch()
    write(root / "lib" / "steps_of_mine.py")
    (root / "elsewhere").mkdir()
    for suffix in ("zip", "egg"):
        with zipfile.ZipFile(root / f"packed.{suffix}", "w") as archive:
            archive.write(root / "lib" / "steps_of_mine.py", "steps_of_mine.py")
    return root


def test_modules_next_to_the_file_are_found_from_the_root_of_a_repository(shell: Shell, repository: Path) -> None:
    before = list(sys.path), os.environ["PYTHONPATH"]
    describe(repository / "dags" / "etl.conf", "steps_of_mine.Load")
    assert shell("validate", "dags/etl.conf") == 0
    assert shell("plan", "dags/etl.conf") == 0
    assert shell("run", "dags/etl.conf") == 0
    assert f"loaded by {repository}/dags/steps_of_mine.py" in shell.out
    assert (sys.path, os.environ["PYTHONPATH"]) == before


@pytest.mark.parametrize(
    ("py_files", "kind"),
    [
        ("dags/my_etl", "my_etl.steps.Load"),
        ("dags/my_etl/", "my_etl.steps.Load"),
        ("./dags/../dags/my_etl", "my_etl.steps.Load"),
        ("dags", "my_etl.steps.Load"),
        ("lib", "steps_of_mine.Load"),
        ("lib/steps_of_mine.py", "steps_of_mine.Load"),
        ("packed.zip", "steps_of_mine.Load"),
        ("packed.egg", "steps_of_mine.Load"),
        ("lib,dags/my_etl", "my_etl.steps.Load"),
        ("lib, dags/my_etl", "steps_of_mine.Load"),
    ],
)
def test_py_files_mean_what_the_operators_mean(shell: Shell, repository: Path, py_files: str, kind: str) -> None:
    describe(repository / "elsewhere" / "etl.conf", kind)
    assert shell("validate", "elsewhere/etl.conf") == 2
    assert "the driver has no module" in shell.out
    assert shell("validate", "elsewhere/etl.conf", "--py-files", py_files) == 0
    assert shell("run", "elsewhere/etl.conf", "--py-files", py_files) == 0
    assert "loaded by" in shell.out


def test_a_package_is_importable_by_its_own_name_only(shell: Shell, repository: Path) -> None:
    """Its neighbours do not travel with it, nor is its content at the top."""
    for kind in ("steps_of_mine.Load", "steps.Load"):
        describe(repository / "elsewhere" / "etl.conf", kind)
        assert shell("validate", "elsewhere/etl.conf", "--py-files", "dags/my_etl") == 2
        assert "the driver has no module" in shell.out


def test_py_files_win_over_the_directory_of_the_file_and_that_over_the_current_one(
    shell: Shell, repository: Path
) -> None:
    write(repository / "steps_of_mine.py", "current")
    write(repository / "lib" / "steps_of_mine.py", "shipped")
    for config, more, code in (
        ("day = x", (), 0),
        ("current = x", (), 2),
        ("shipped = x", ("--py-files", "lib"), 0),
    ):
        describe(repository / "dags" / "etl.conf", "steps_of_mine.Load", config)
        assert shell("validate", "dags/etl.conf", *more) == code


def test_each_file_has_the_modules_of_its_directory(shell: Shell, repository: Path) -> None:
    for name in ("one", "two"):
        write(repository / name / "steps_of_mine.py", name)
        describe(repository / name / "etl.conf", "steps_of_mine.Load", f"{name} = x")
    assert shell("validate", "one/etl.conf", "two/etl.conf", "one/etl.conf") == 0
    assert "steps_of_mine" not in sys.modules


def test_all_problems_of_py_files_are_reported_at_once(shell: Shell, repository: Path) -> None:
    describe(repository / "dags" / "etl.conf", "steps_of_mine.Load")
    (repository / "notes.txt").touch()
    wrong = ("nowhere", "notes.txt", "s3://bucket/my.zip")
    for command in ("validate", "run", "plan"):
        assert shell(command, "dags/etl.conf", *(part for name in wrong for part in ("--py-files", name))) == 2
        assert "nowhere: --py-files: there is no such file or directory" in shell.err
        assert "notes.txt: --py-files: is not a directory" in shell.err
        assert "s3://bucket/my.zip: --py-files: is a URL" in shell.err


def test_the_runner_looks_next_to_the_file_as_well(repository: Path) -> None:
    file = describe(repository / "dags" / "etl.conf", "steps_of_mine.Load")
    before = list(sys.path)
    runner = PipelineRunner(FakeSpark(), location=repository / "c")  # type: ignore[arg-type]
    assert runner.validate(file) == []
    assert runner.run_with_checkpointing(file).ran == ["Load"]
    assert sys.path == before


def test_other_machines_get_an_archive_of_the_same_modules(repository: Path) -> None:
    package, directory, module = archives_of(["dags/my_etl", "lib", "lib/steps_of_mine.py"])
    assert "my_etl/steps.py" in zipfile.ZipFile(package).namelist()
    assert zipfile.ZipFile(directory).namelist() == ["steps_of_mine.py"]
    assert module == str(repository / "lib" / "steps_of_mine.py")


def test_modules_from_elsewhere_stay_loaded(tmp_path: Path) -> None:
    write(tmp_path / "other.py")
    with importable(tmp_path, forget=True):
        import other  # type: ignore[import-not-found]

        assert other.Load
        import wave
    assert "other" not in sys.modules
    assert sys.modules["wave"] is wave
