"""``docker-compose.yaml`` without Docker: its services as processes, started by their own commands in the file's order.

What differs from containers is in :mod:`translation` (ports, paths) and in ``_loopback`` below. A service that has a
host name in the file gets a separate machine as far as the kernel gives one: its own process ids, so that its end is
the end of everything that it started, and that host name. It shares network, disk and clock with the others.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from airflow.utils.net import getfqdn

from tests.acceptance.deployment import SHORT_LIVED_JVM, Deployment, carriers, wait_for
from tests.compose_file import ROOT, Service, image_environment, load
from tests.engines.jars import class_path
from tests.topology.postgres import Postgres
from tests.topology.translation import Translation

_MARK = "TOPOLOGY_TEST_MARK"
_START_SECONDS = 420.0  # for each service: importing Airflow takes half a minute on a busy machine
_CHECK_SECONDS = 120.0
# Runs as the first process in its PID namespace: when it is killed, the kernel kills all others.
_AS_MACHINE = 'hostname "$0" && mount --bind "$1" /etc/hosts && shift && exec "$@"'


class Stack:
    """All services.

    :param dags: directories whose files lie in the DAG folder
    :param s3: URL of a server that stands in for MinIO; ``None`` runs the file's own, with the ``minio`` on ``PATH``
    :param settings: as in ``.env``
    """

    def __init__(self, dags: list[Path], s3: str | None, settings: Mapping[str, str]) -> None:
        self.services = load(settings)
        # Not below pytest's directory: another user has to reach what lies in it.
        self.root = Path(tempfile.mkdtemp(prefix="topology-"))
        self.root.chmod(0o711)
        self._translation = Translation(self.services, self.root)
        self._s3 = s3
        if s3 is not None:
            self._translation.use("minio", "9000", int(s3.rpartition(":")[2]))
        self._mark = secrets.token_hex(8)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._done: set[str] = set()
        self._postgres = Postgres(
            self.root / "postgres", self._translation.port("postgres", "5432"), self.services["postgres"].environment
        )
        self.url = f"http://127.0.0.1:{self._translation.port('airflow-api-server', '8080')}"
        self.ledgers = self._translation.path(self.services["airflow-worker-1"].environment["EXAMPLES_DIR"]) / "ledgers"
        self.data = self._translation.path("/data")
        self._lay_out(dags)

    # ---- as `docker compose`

    def up(self) -> None:
        """Start everything, each service when what it depends on is as the file wants it."""
        for name in self.services:
            self._bring_up(name)
        for name in self.services:
            self._wait_until_healthy(name)

    def kill(self, name: str) -> None:
        """Lose a machine: at one moment nothing of it is left, and nothing of it could say good-bye."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()
        wait_for(f"the end of {name}", lambda: not self._of_machine(name), seconds=30)

    def down(self) -> None:
        """End every process that was started, and whatever they started."""
        for process in self._processes.values():
            process.terminate()
        with contextlib.suppress(TimeoutError):
            wait_for("the end", lambda: all(p.poll() is not None for p in self._processes.values()), seconds=20)
        wait_for("the end of everything", self._nothing_is_left, seconds=60)
        for process in self._processes.values():
            process.wait(60)  # reaped, or Python warns of it when the object goes
        self._postgres.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def is_healthy(self, name: str) -> bool:
        """Run the service's health check."""
        service = self.services[name]
        kind, *words = self._translation.command(service, service.check)
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        answer = subprocess.run(
            command, env=self._environment(service), capture_output=True, timeout=_CHECK_SECONDS, check=False
        )
        return answer.returncode == 0

    @property
    def checked(self) -> list[str]:
        """The services whose health check can be run here."""
        return [name for name, service in self.services.items() if service.check and name not in self._stood_in]

    # ---- as tests/acceptance/client.py wants an Airflow

    def check(self) -> None:
        """Raise if one of the services has ended; those that end by themselves may, with code 0."""
        for name, process in self._processes.items():
            if process.poll() is not None and (self.services[name].check or process.returncode != 0):
                raise RuntimeError(f"{name} ended with code {process.returncode}:\n{self.tail(name)}")

    def tail(self, name: str, lines: int = 60) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        return "(no log)"

    # ---- how it comes up

    @property
    def _stood_in(self) -> tuple[str, ...]:
        return () if self._s3 is None else ("minio",)

    def _bring_up(self, name: str) -> None:
        if name in self._done:
            return
        self._done.add(name)
        service = self.services[name]
        for needed, condition in service.needs.items():
            self._bring_up(needed)
            if condition == "service_healthy":
                self._wait_until_healthy(needed)
            else:
                self._wait_until_completed(needed)
        if name == "postgres":
            self._postgres.start()
        elif name not in self._stood_in:
            self._processes[name] = self._start(service)

    def _wait_until_healthy(self, name: str) -> None:
        if name in self.checked:
            wait_for(
                f"a healthy {name}", lambda: self.is_healthy(name), seconds=_START_SECONDS, every=1.0, alive=self.check
            )

    def _wait_until_completed(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is not None and process.wait(_START_SECONDS) != 0:
            raise RuntimeError(f"{name} ended with code {process.returncode}:\n{self.tail(name)}")

    def _start(self, service: Service) -> subprocess.Popen[bytes]:
        command = self._translation.command(service, service.command)
        if service.hostname is not None:
            command = [*machine(), "sh", "-c", _AS_MACHINE, service.hostname, str(self._hosts(service)), *command]
        with self._log(service.name).open("ab") as output:
            return subprocess.Popen(
                command,
                env=self._environment(service),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _environment(self, service: Service) -> dict[str, str]:
        image = {name: str(self._translation.path(value)) for name, value in image_environment().items()}
        return {
            **{name: value for name, value in Deployment.clean_environment().items() if name not in _NOT_INHERITED},
            **(image if service.is_built else {}),
            **self._translation.environment(service),
            **self._loopback(service),
            _MARK: f"{self._mark}-{service.name}",
        }

    def _loopback(self, service: Service) -> dict[str, str]:
        """What a container has to itself: processes on one machine must not share it, or must not show it to others."""
        port = self._translation.port
        return {
            "AIRFLOW_HOME": str(self._translation.path("/opt/airflow")),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port("airflow-api-server", "8080")),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(port(service.name, "8794")),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(port(service.name, "8793")),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(port("airflow-scheduler", "8974")),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "HOSTNAME": service.hostname or getfqdn(),
            "JAVA_HOME": os.environ["JAVA_HOME"],
            "NO_COLOR": "1",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port("postgres", "5432")),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_SUBMIT_OPTS": SHORT_LIVED_JVM,
            "TMPDIR": str(self.root / "tmp"),
        }

    def _lay_out(self, dags: list[Path]) -> None:
        """Make what the image and the mounts bring."""
        folder = self._translation.path("/opt/airflow/dags")
        for source in dags:
            shutil.copytree(source, folder, dirs_exist_ok=True)
        for made in ("/data", "/opt/airflow/users", "/opt/airflow/logs", "/opt/spark/conf", "/opt/spark/work", "/tmp"):
            self._translation.path(made).mkdir(parents=True, exist_ok=True)
        jars = self._translation.path("/opt/spark/jars")
        jars.mkdir()
        for jar in class_path("s3a").split(os.pathsep):
            (jars / Path(jar).name).symlink_to(jar)
        settings = (ROOT / "docker" / "spark-defaults.conf").read_text(encoding="utf-8")
        translated = self._translation.text(settings, lambda port: port)
        (self._translation.path("/opt/spark/conf") / "spark-defaults.conf").write_text(translated, encoding="utf-8")

    def _hosts(self, service: Service) -> Path:
        file = self.root / f"{service.name}.hosts"
        # A separate address, or the name that belongs to the address would be localhost's.
        file.write_text(f"127.0.0.1 localhost\n127.0.1.1 {service.hostname}\n", encoding="utf-8")
        return file

    def _log(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def _of_machine(self, name: str) -> list[tuple[int, str]]:
        return list(carriers(f"{_MARK}={self._mark}-{name}"))

    def _nothing_is_left(self) -> bool:
        left = [each for name in self.services for each in self._of_machine(name)]
        for pid, _ in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._processes.values():
            process.poll()
        return not left


# The rest of the tests sets it for Spark's local mode; the image does not.
_NOT_INHERITED = ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON")


def machine() -> list[str]:
    """Return what gives a command its own process ids, mounts and host name."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *as_root, "--pid", "--uts", "--mount", "--fork", "--mount-proc", "--kill-child"]
