"""``docs/getting-started.md``: each command is run as written, and prints what the page shows."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.acceptance.deployment import SHORT_LIVED_JVM, Deployment, carriers, free_port, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.spark]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "getting-started.md").read_text(encoding="utf-8")
_MARK = "GETTING_STARTED_TEST_MARK"


def blocks(language: str, title: str) -> list[str]:
    """The blocks of a language in a section of the page."""
    section = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None, title
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)
    return [block for found, block in fenced if found == language]


class Terminal:
    """A terminal with the environment in which the package is installed; a block is typed in as it is written."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mark = secrets.token_hex(8)
        ports = {name: str(free_port()) for name in ("WORKER", "TRIGGER")}
        self.port = free_port()
        self.environment = {
            **Deployment.clean_environment(),
            _MARK: self.mark,
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": ports["TRIGGER"],
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": ports["WORKER"],
            "NO_COLOR": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_SUBMIT_OPTS": SHORT_LIVED_JVM,
        }
        self.environment.pop("PYTHONPATH", None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def type(self, block: str) -> str:
        """Run a block, and return everything that it printed."""
        done = subprocess.run(
            ["bash", "-c", block],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        return done.stdout

    @contextlib.contextmanager
    def running(self, block: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a block in the background, and end whatever it started."""
        with (self.directory.parent / "background.log").open("wb") as log:
            process = subprocess.Popen(
                ["bash", "-c", block],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            self._end()
            process.wait(30)

    def _end(self) -> None:
        sessions: set[int] = set()
        while marked := list(carriers(f"{_MARK}={self.mark}", sessions)):
            for pid, _ in marked:
                with contextlib.suppress(ProcessLookupError):
                    sessions |= {os.getsid(pid)} - {os.getsid(0)}
                    os.kill(pid, signal.SIGKILL)


def session(block: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block, with the lines that it prints."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *printed = part.splitlines()
        yield command, printed


def prints(expected: str, printed: str) -> bool:
    """Whether a line was printed; times and what an ellipsis stands for may differ."""
    parts = re.split(r"(\d+\.\d s|…)", expected)
    anything = [r".*" if part == "…" else r"[\d.]+ \w+" for part in parts[1::2]]
    pattern = "".join(re.escape(plain) + rest for plain, rest in zip(parts[::2], [*anything, ""], strict=True))
    return re.search(pattern, printed) is not None


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    terminal = Terminal(tmp_path)
    (init,) = blocks("sh", "2. Write a project")
    printed = terminal.type(init + "pwd\n")
    assert printed.splitlines()[-1] == str(tmp_path / "demo")
    terminal.directory = tmp_path / "demo"
    return terminal


def test_the_pipeline_fails_and_resumes_on_the_command_line(terminal: Terminal) -> None:
    commands = []
    for block in blocks("console", "3. Run it, see it fail, resume it"):
        for command, expected in session(block):
            printed = terminal.type(command)
            commands.append(command.partition(" -")[0])
            for line in expected:
                assert prints(line, printed), f"{line!r} is not in what {command!r} printed:\n{printed}"
    assert commands == [
        "spark-pipeline validate dags/orders.conf",
        "spark-pipeline run dags/orders.conf",
        "mkdir data/warehouse",
        "spark-pipeline resume dags/orders.conf",
        "pytest",
    ]


class Airflow:
    """The REST API of the Airflow that the page starts."""

    def __init__(self, terminal: Terminal, process: subprocess.Popen[bytes]) -> None:
        self._terminal = terminal
        self._process = process
        wait_for("a healthy Airflow", self._is_healthy, seconds=240, every=1.0, alive=self.check)
        token = httpx.get(f"{terminal.url}/auth/token", timeout=60.0).raise_for_status().json()["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    def check(self) -> None:
        if self._process.poll() is not None:
            raise RuntimeError((self._terminal.directory.parent / "background.log").read_text()[-4000:])

    def get(self, path: str) -> Any:
        answer = httpx.get(f"{self._terminal.url}{path}", headers=self._headers, timeout=60.0)
        return None if answer.is_error else answer.json()

    def has_dag(self) -> bool:
        return self.get("/api/v2/dags/orders") is not None

    def task(self) -> dict[str, Any]:
        found = self.get("/api/v2/dags/orders/dagRuns/~/taskInstances")
        instances: list[dict[str, Any]] = [] if found is None else found["task_instances"]
        return instances[0] if instances else {"state": None}

    def is_in(self, *states: str) -> dict[str, Any] | None:
        task = self.task()
        return task if task["state"] in states else None

    def log(self, attempt: int) -> str:
        task = self.task()
        where = f"/api/v2/dags/orders/dagRuns/{quote(task['dag_run_id'])}/taskInstances/etl/logs/{attempt}"
        where += "?full_content=true"
        return "\n".join(str(each.get("event")) for each in self.get(where)["content"])

    def _is_healthy(self) -> bool:
        with contextlib.suppress(httpx.HTTPError, ValueError):
            health = httpx.get(f"{self._terminal.url}/api/v2/monitor/health", timeout=10.0).json()
            return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))
        return False


@pytest.mark.airflow
@pytest.mark.nightly
def test_airflows_retry_resumes_at_the_component_that_failed(terminal: Terminal) -> None:
    start, trigger, bring_up = blocks("sh", "4. See Airflow's retry resume")
    (expected,) = blocks("", "4. See Airflow's retry resume")
    # The first block takes down the warehouse that the section before brought up.
    (terminal.directory / "data" / "warehouse").mkdir()
    with terminal.running(start) as process:
        airflow = Airflow(terminal, process)
        wait_for("the DAG", airflow.has_dag, seconds=120, every=1.0, alive=airflow.check)
        terminal.type(trigger)
        wait_for("the first failure", lambda: airflow.is_in("up_for_retry"), seconds=240, every=0.3)
        terminal.type(bring_up)
        done = wait_for("the end", lambda: airflow.is_in("success", "failed"), seconds=240, every=1.0)
        assert done["state"] == "success"
        assert "LoadOrders failed" in airflow.log(1)
        resumed = airflow.log(done["try_number"])
        for line in expected.splitlines():
            assert prints(line, resumed), f"{line!r} is not in the log of the last try:\n{resumed}"
        where = f"/spark-pipeline/api/task?dag_id=orders&task_id=etl&run_id={quote(done['dag_run_id'])}&map_index=-1"
        assert airflow.get(where)["runs"][0]["state"] == "completed"
