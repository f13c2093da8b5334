"""A store in a separate process: by a JVM that only this process has, or by Python's client.

Run as ``python store_process.py KIND LOCATION SETTINGS CLASS_PATH``; takes one JSON command a line, answers with one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectExistsError
from airflow_spark_pipeline.checkpoint.stores.hadoop import HadoopStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CheckpointError


class StoreProcess:
    """The other end.

    :param kind: ``jvm``, or ``python``
    :param settings: Hadoop's configuration for the one, fsspec's options for the other
    :param environment: of the process, such as who it is
    """

    def __init__(
        self,
        kind: str,
        location: str,
        settings: dict[str, Any],
        log: Path,
        *,
        class_path: str = "",
        environment: dict[str, str] | None = None,
    ) -> None:
        self.kind = kind
        with log.open("a") as errors:
            self._process = subprocess.Popen(
                [sys.executable, __file__, kind, location, json.dumps(settings), class_path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
            )

    def send(self, do: str, **arguments: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the process ended with {self._process.wait()}"
        return json.loads(line)["answer"]

    def do(self, what: str, **arguments: Any) -> Any:
        self.send(what, **arguments)
        return self.answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class _Commands:
    def __init__(self, store: CheckpointStore) -> None:
        self._store = store

    def race(self, path: str, data: str, at: float) -> str:
        time.sleep(max(0.0, at - time.time()))
        return self.create(path, data)

    def create(self, path: str, data: str) -> str:
        try:
            self._store.create(path, data.encode())
        except ObjectExistsError:
            return "exists"
        return "won"

    def write(self, path: str, data: str, times: int = 1) -> str:
        for _ in range(times):
            self._store.write(path, data.encode())
        return "written"

    def read(self, path: str) -> str:
        return self._store.read(path).decode()

    def names(self, directory: str) -> list[str]:
        return sorted(self._store.list_names(directory))

    def delete(self, path: str) -> str:
        self._store.delete(path)
        return "deleted"

    def delete_tree(self, directory: str) -> str:
        self._store.delete_tree(directory)
        return "deleted"


def _open(kind: str, location: str, settings: dict[str, Any], class_path: str) -> CheckpointStore:
    if kind == "python":
        return open_store(location, settings)
    from tests.engines.driver import start_jvm

    jvm = start_jvm(class_path).jvm
    conf = jvm.org.apache.hadoop.conf.Configuration()
    for name, value in settings.items():
        conf.set(name, value)
    return HadoopStore.open(location, jvm, conf)


def main() -> None:
    kind, location, settings, class_path = sys.argv[1:]
    commands = _Commands(_open(kind, location, json.loads(settings), class_path))
    sys.stdout.write('{"answer": "ready"}\n')
    sys.stdout.flush()
    for line in iter(sys.stdin.readline, ""):
        command = json.loads(line)
        try:
            answer = getattr(commands, command.pop("do"))(**command)
        except CheckpointError as error:
            answer = f"{type(error).__name__}: {error}"
        sys.stdout.write(json.dumps({"answer": answer}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
