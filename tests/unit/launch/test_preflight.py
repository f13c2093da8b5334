"""The check of the components before a JVM starts: what passed on a worker is not checked there again."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, SparkInstallationError
from airflow_spark_pipeline.launch import worker_cache
from airflow_spark_pipeline.launch.preflight import DriverHere, check_components
from airflow_spark_pipeline.protocol import EXIT_PYTHON

# A Python that counts how often it is started, and says what the file "answer" says.
PYTHON = """#!/bin/sh
echo started >> "{folder}/starts"
cat "{folder}/answer"
exit {code}
"""


class Worker:
    """A worker, with a request and a driver that a try would have there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules = folder / "modules"
        (self.modules / "shop").mkdir(parents=True)
        (self.modules / "shop" / "__init__.py").touch()
        self.module("shop/load.py", "from shop.tools import clean")
        self.module("shop/tools.py", "clean = 1")
        self.module("shop/unused.py", "")
        self.module("shop/hooks.py", "")
        self.config = {"days": 3}
        self.driver = DriverHere(folder / "launcher.py", self.python("python"), [str(self.modules)], {"REGION": "eu"})
        self.answers('{"problems": []}')

    def python(self, name: str, code: int = 0) -> str:
        """Write a Python."""
        python = self.folder / name
        python.write_text(PYTHON.format(folder=self.folder, code=code), encoding="utf-8")
        python.chmod(0o755)
        return str(python)

    def module(self, name: str, text: str) -> None:
        """Write a module of the user."""
        (self.modules / name).write_text(f"{text}\n", encoding="utf-8")

    def answers(self, text: str) -> None:
        """Set what the check says."""
        (self.folder / "answer").write_text(text, encoding="utf-8")

    def check(self) -> None:
        """Check, as a try does, whose files are in a directory that no other try has."""
        directory = Path(tempfile.mkdtemp(dir=self.folder))
        component = {
            "instance-type": "shop.load.Load",
            "instance-config": self.config,
            "hooks": [{"instance-type": "shop.hooks.Tell"}],
        }
        request = directory / "check.json"
        request.write_text(json.dumps({"pipeline": {"pipeline-components": [component]}}), encoding="utf-8")
        check_components(request, replace(self.driver, launcher=directory / "launcher.py"), "etl.conf")

    @property
    def starts(self) -> int:
        """How many checks there were."""
        file = self.folder / "starts"
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return Worker(tmp_path)


def test_components_that_passed_the_check_are_not_checked_again(worker: Worker) -> None:
    for _ in range(3):
        worker.check()
    assert worker.starts == 1


def _edit_config(worker: Worker) -> None:
    worker.config = {"days": 4}


def _other_python(worker: Worker) -> None:
    worker.driver = replace(worker.driver, python=worker.python("python3.13"))


def _other_variable(worker: Worker) -> None:
    worker.driver = replace(worker.driver, variables={"REGION": "us"})


def _other_runtime(worker: Worker) -> None:
    worker.driver = replace(worker.driver, path=[*worker.driver.path, "/cache/spark-pipeline-runtime-0123.zip"])


def _modules_elsewhere(worker: Worker) -> None:
    worker.driver = replace(worker.driver, modules_elsewhere=True)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_edit_config, id="a value of the description"),
        pytest.param(lambda worker: worker.module("shop/load.py", "import nothing"), id="the module of a component"),
        pytest.param(lambda worker: worker.module("shop/tools.py", "clean = 2"), id="a module that it imports"),
        pytest.param(lambda worker: worker.module("shop/hooks.py", "x = 1"), id="the module of a hook"),
        pytest.param(lambda worker: (worker.modules / "shop/tools.py").unlink(), id="a module that is gone"),
        pytest.param(_other_python, id="the Python"),
        pytest.param(_other_variable, id="a variable"),
        pytest.param(_other_runtime, id="this package"),
        pytest.param(_modules_elsewhere, id="where the modules are"),
    ],
)
def test_changed_components_are_checked_again(worker: Worker, change: Callable[[Worker], object]) -> None:
    worker.check()
    change(worker)
    worker.check()
    assert worker.starts == 2


def test_a_module_that_no_component_imports_may_change(worker: Worker) -> None:
    worker.check()
    worker.module("shop/unused.py", "x = 1")
    worker.check()
    assert worker.starts == 1


def test_modules_of_pythonpath_are_compared_like_any_other(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.driver = replace(worker.driver, path=[])
    monkeypatch.setenv("PYTHONPATH", str(worker.modules))
    worker.check()
    worker.module("shop/tools.py", "clean = 2")
    worker.check()
    assert worker.starts == 2


def test_a_problem_is_reported_in_every_try(worker: Worker) -> None:
    worker.answers('{"problems": [{"message": "there is no class Load"}]}')
    for _ in range(2):
        with pytest.raises(PipelineDefinitionError, match="there is no class Load"):
            worker.check()
    assert worker.starts == 2


def test_a_python_that_is_too_old_is_reported_in_every_try(worker: Worker) -> None:
    worker.driver = replace(worker.driver, python=worker.python("python3.8", EXIT_PYTHON))
    worker.answers("The driver's Python is too old")
    for _ in range(2):
        with pytest.raises(SparkInstallationError, match="too old"):
            worker.check()
    assert worker.starts == 2


@pytest.mark.parametrize("answer", ["", "Traceback (most recent call last):", '{"problems": [{}]}', '{"problems": 3}'])
def test_a_check_without_an_answer_is_repeated(worker: Worker, answer: str) -> None:
    worker.answers(answer)
    worker.check()
    worker.check()
    assert worker.starts == 2


def test_a_missing_module_that_the_cluster_may_have_is_not_a_problem(worker: Worker) -> None:
    worker.driver = replace(worker.driver, modules_elsewhere=True)
    worker.answers('{"problems": [{"message": "no module named jars", "missing_module": "jars"}]}')
    worker.check()
    worker.check()
    assert worker.starts == 1


def test_the_record_of_a_passed_check_holds_no_content_and_is_private(worker: Worker) -> None:
    worker.config = {"password": "hunter2"}  # type: ignore[dict-item]
    worker.check()
    (kept,) = worker_cache.directory().iterdir()
    assert kept.read_bytes() == b""
    assert "hunter2" not in kept.name
    assert kept.stat().st_mode & 0o777 == 0o600


def test_it_is_kept_for_a_week_after_its_last_use(worker: Worker) -> None:
    worker.check()
    (kept,) = worker_cache.directory().iterdir()
    six_days = time.time() - 6 * 24 * 3600
    os.utime(kept, (six_days, six_days))
    worker.check()
    assert worker.starts == 1
    assert kept.stat().st_mtime > six_days + 3600

    old = time.time() - 8 * 24 * 3600
    os.utime(kept, (old, old))
    worker.config = {"days": 5}
    worker.check()
    assert not kept.exists()


def test_a_full_disk_costs_another_check_and_nothing_else(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "touch", full)
    worker.check()
    worker.check()
    assert worker.starts == 2


def test_a_file_that_another_task_removes_at_the_same_time_is_no_error(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.check()

    def gone(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(os, "utime", gone)
    worker.check()
    assert worker.starts == 1
