"""A real Airflow: scheduler with local workers, DAG processor, triggerer and API server as processes.

A triggerer is started by the tests that need one. ``airflow standalone`` starts the same, but leaves them running when
it is told to stop. Here each is started on its own and carries a mark in its environment that everything below it
inherits, down to Spark's drivers: at the end, whatever carries the mark is ended, and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
from airflow import __version__

# A JVM that lives for seconds only saves a third of them if it does not compile what it runs for the best speed.
SHORT_LIVED_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

_MARK = "ACCEPTANCE_TEST_MARK"
_COMPONENTS = ("api-server", "scheduler", "dag-processor")
_HEALTH = {"scheduler": "scheduler", "dag-processor": "dag_processor"}  # how the server's health names them
_START_SECONDS = 240.0
_STOP_SECONDS = 20.0
# Airflow 3.0 takes the DAGs of a file for stale if it runs a callback of that file and does not parse it again.
_PARSE_SECONDS = "10" if __version__.startswith("3.0.") else "600"
_DOCS = Path(__file__).resolve().parents[2] / "docs"

T = TypeVar("T")


def wait_for(
    what: str,
    probe: Callable[[], T | None],
    *,
    seconds: float,
    every: float = 0.5,
    alive: Callable[[], None] | None = None,
) -> T:
    """Ask until there is an answer, and return it.

    :param alive: called before each question; raises where waiting on makes no sense
    :raises TimeoutError: there was none in time
    """
    deadline = time.monotonic() + seconds
    while True:
        if alive is not None:
            alive()
        answer = probe()
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(every)


def is_running(pid: int) -> bool:
    """Whether the process exists and is not just waiting to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def parent_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return int(stat.rpartition(")")[2].split()[1])


class Deployment:
    """One Airflow in its own directory.

    :param home: its ``AIRFLOW_HOME``; everything that it and its tasks write lies below, temporary files included
    :param database: a migrated SQLite database to start from
    :param bundles: DAG folders by the name of their bundle
    :param repositories: Git repositories with DAGs by the name of their bundle
    :param connections: Airflow connections by their id
    """

    def __init__(
        self,
        home: Path,
        database: Path,
        bundles: Mapping[str, Path],
        connections: Mapping[str, Mapping[str, Any]] | None = None,
        repositories: Mapping[str, Path] | None = None,
    ) -> None:
        self.home = home
        self.checkpoints = home / "checkpoints"
        self.ledgers = home / "ledgers"
        self.temporary = home / "tmp"
        self.nycflights = home / "nycflights"
        for directory in (self.checkpoints, self.ledgers, self.temporary):
            directory.mkdir(parents=True)
        shutil.copy(database, home / "airflow.db")
        # A custom store has to be importable in the worker, and this is one of the ways.
        (home / "plugins").mkdir()
        shutil.copy(_DOCS / "redis_store.py", home / "plugins")
        self._mark = secrets.token_hex(8)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.environment = self._environment(port, _bundles(bundles, repositories or {}))
        for conn_id, connection in (connections or {}).items():
            self.environment[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)
        self.python = sys.executable
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._sessions: set[int] = set()  # of all processes that were started, those that were killed included

    def start(self, components: Sequence[str] = _COMPONENTS) -> None:
        """Start all processes, or some; returns when all of them say that they are healthy."""
        for name in components:
            self._start(name)
        wait_for("a healthy Airflow", self._healthy, seconds=_START_SECONDS, every=1.0, alive=self.check)

    def start_triggerer(self) -> None:
        """Start a triggerer; returns when it says that it is healthy."""
        self._start("triggerer")
        wait_for("a healthy triggerer", self._triggers, seconds=_START_SECONDS, every=1.0, alive=self.check)

    def stop_triggerer(self) -> None:
        """End the triggerer as an administrator does."""
        process = self._processes.pop("triggerer")
        process.terminate()
        process.wait(_STOP_SECONDS)

    def kill_triggerer(self) -> None:
        """End the triggerer and its child by SIGKILL: neither can say good-bye."""
        process = self._processes.pop("triggerer")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill(self, name: str) -> None:
        """Kill one of the processes with -9; what it had started is left as it is."""
        self._processes[name].kill()
        self._processes.pop(name).wait(_STOP_SECONDS)

    def restart(self, name: str) -> None:
        """Start a process that was killed; returns when Airflow is healthy again."""
        self._start(name)
        wait_for("a healthy Airflow", self._healthy, seconds=_START_SECONDS, every=1.0, alive=self.check)

    def check(self) -> None:
        """Raise if one of the processes has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"airflow {name} ended with code {process.returncode}:\n{self.tail(name)}")

    def stop(self) -> None:
        """End every process that this deployment started, and whatever they started."""
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        deadline = time.monotonic() + _STOP_SECONDS
        while marked := self.processes():
            if time.monotonic() > deadline:
                raise TimeoutError(f"these processes cannot be killed: {marked}")
            for pid, _ in marked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in self._processes.values():
                process.poll()
            time.sleep(0.05)
        for process in self._processes.values():
            process.wait(_STOP_SECONDS)  # reaped, or Python warns of it when the object goes

    def log(self, name: str) -> Path:
        return self.home / f"{name}.log"

    def tail(self, name: str, lines: int = 60) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        return "(no log)"

    def processes(self) -> list[tuple[int, str]]:
        """Find the processes of this Airflow and their command lines, zombies not counted."""
        return list(carriers(f"{_MARK}={self._mark}", self._sessions))

    def _start(self, name: str) -> None:
        with self.log(name).open("ab") as output:
            self._processes[name] = subprocess.Popen(
                [self.python, "-m", "airflow", name],
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._sessions.add(self._processes[name].pid)

    def _healthy(self) -> bool:
        return self._are_healthy("metadatabase", *(_HEALTH[name] for name in self._processes if name in _HEALTH))

    def _triggers(self) -> bool:
        return self._are_healthy("triggerer")

    def _are_healthy(self, *parts: str) -> bool:
        try:
            health = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=10.0).json()
        except (httpx.HTTPError, ValueError):
            return False
        return all(health[part]["status"] == "healthy" for part in parts)

    @staticmethod
    def clean_environment() -> dict[str, str]:
        """Return the environment without what is set of Airflow and Spark."""
        return {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "SPARK_"))}

    def _environment(self, port: int, bundles: list[dict[str, Any]]) -> dict[str, str]:
        config = {
            "api.host": "127.0.0.1",
            "api.port": str(port),
            "api.base_url": self.url,
            "api.secret_key": secrets.token_hex(16),
            "api.workers": "1",
            "api_auth.jwt_secret": secrets.token_hex(32),
            "core.auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "core.dags_are_paused_at_creation": "False",
            "core.dags_folder": str(self.home / "dags"),
            "core.execution_api_server_url": f"{self.url}/execution/",
            "core.executor": "LocalExecutor",
            "core.load_examples": "False",
            # A task that waits to be killed holds a worker: more workers than such tests, or nothing else would move.
            "core.parallelism": "6",
            "core.simple_auth_manager_all_admins": "True",
            "dag_processor.dag_bundle_config_list": json.dumps(bundles),
            # A file that changes is parsed at once; parsing all others every 30 s takes a sixth of a core.
            "dag_processor.min_file_process_interval": _PARSE_SECONDS,
            "dag_processor.parsing_processes": "1",
            "database.sql_alchemy_conn": f"sqlite:///{self.home / 'airflow.db'}",
            "logging.trigger_log_server_port": str(free_port()),
            "logging.worker_log_server_port": str(free_port()),
            # How soon a scheduler takes care of the tasks of one that was killed.
            "scheduler.orphaned_tasks_check_interval": "10",
            "scheduler.scheduler_health_check_threshold": "20",
            "scheduler.scheduler_heartbeat_sec": "1",
            "scheduler.scheduler_idle_sleep_time": "0.3",
            # How soon Airflow notices a lost worker; healthy ones on a busy machine must not look like one.
            "scheduler.task_instance_heartbeat_timeout": "20",
            "scheduler.task_instance_heartbeat_timeout_detection_interval": "2",
            "spark_pipeline.checkpoint_location": str(self.checkpoints),
            # A triggerer that is killed is missed after this many seconds.
            "triggerer.triggerer_health_check_threshold": "10",
            # Where executors run elsewhere, the next try waits for this long after the last sign of life.
            "spark_pipeline.lease_seconds": "30",
            "usage_data_collection.enabled": "False",
            "workers.min_heartbeat_interval": "2",
        }
        options = {f"AIRFLOW__{name.replace('.', '__').upper()}": value for name, value in config.items()}
        return {
            **self.clean_environment(),
            **options,
            _MARK: self._mark,
            "AIRFLOW_HOME": str(self.home),
            "LEDGERS": str(self.ledgers),
            "NO_COLOR": "1",
            "NYCFLIGHTS_DIR": str(self.nycflights),
            "SPARK_LOCAL_DIRS": str(self.temporary),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_SUBMIT_OPTS": SHORT_LIVED_JVM,
            "TMPDIR": str(self.temporary),
        }


def _bundles(folders: Mapping[str, Path], repositories: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return Airflow's configuration of DAG bundles."""
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    git = "airflow.providers.git.bundles.git.GitDagBundle"
    tracked = {"tracking_ref": "main", "refresh_interval": 5}
    return [
        *({"name": name, "classpath": local, "kwargs": {"path": str(path)}} for name, path in folders.items()),
        *(
            {"name": name, "classpath": git, "kwargs": {"repo_url": str(path), **tracked}}
            for name, path in repositories.items()
        ),
    ]


def carriers(mark: str, sessions: Collection[int] = ()) -> Iterator[tuple[int, str]]:
    """Find the processes with ``NAME=value`` in their environment, and their command lines; zombies are not counted.

    :param sessions: ids of sessions whose processes belong to them, too. Airflow's workers change their title, which
        overwrites the environment that ``/proc`` shows.
    """
    wanted = mark.encode()
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        pid = int(directory.name)
        with contextlib.suppress(OSError):
            marked = wanted in (directory / "environ").read_bytes().split(b"\0") or os.getsid(pid) in sessions
            if marked and is_running(pid):
                command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                yield pid, command[:200]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
