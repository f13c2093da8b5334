"""A process like a Spark driver: Python, and the JVM that pyspark's own gateway starts for it.

Run as ``python driver.py URI SETTINGS CLASS_PATH``; takes one JSON command a line and answers with one.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.engines import hadoop_calls

FILLING = "x" * 100_000


def start_jvm(extra_class_path: str, stdout: Any = None) -> Any:
    """The gateway of a Spark driver, without the session: the store needs no more."""
    from pyspark import SparkConf, java_gateway

    logging.getLogger("py4j").setLevel(logging.WARNING)
    conf = SparkConf(loadDefaults=False).set("spark.driver.memory", "512m")
    if extra_class_path:
        conf.set("spark.driver.extraClassPath", extra_class_path)
    launch: Any = java_gateway.launch_gateway
    return launch(conf, {"stdout": stdout or sys.stderr})  # standard output is for the answers


class Driver:
    def __init__(self, jvm: Any, uri: str, settings: dict[str, str]) -> None:
        self.jvm = jvm
        self.uri = uri
        self.left_open: list[Any] = []
        self.open(settings)

    def open(self, settings: dict[str, str]) -> None:
        self.fs, self.conf = hadoop_calls.open_file_system(self.jvm, self.uri, settings)

    def race(self, how: str, path: str, at: float, threads: int) -> list[str]:
        """Create one file from several threads at the same moment; what became of each."""
        answers: list[str] = []

        def create(who: str) -> None:
            content = json.dumps({"writer": who, "filling": FILLING}).encode()
            time.sleep(max(0.0, at - time.time()))
            try:
                won = hadoop_calls.CREATORS[how](self.jvm, self.fs, self.conf, path, content, who)
                answers.append(f"won {who}" if won else "exists")
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is an answer
                answers.append(_said(error))

        writers = [threading.Thread(target=create, args=(uuid.uuid4().hex,)) for _ in range(threads)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        return answers

    def put(self, how: str, path: str) -> str:
        """Create one file; what became of it."""
        return self.race(how, path, 0.0, 1)[0].split()[0]

    def replace(self, how: str, path: str, times: int) -> None:
        content = json.dumps({"writer": "one", "filling": FILLING}).encode()
        for _ in range(times):
            hadoop_calls.REPLACERS[how](self.jvm, self.fs, self.conf, path, content, uuid.uuid4().hex)

    def look(self, path: str) -> dict[str, int]:
        """Read one file over and over, until a line comes in."""
        seen: Counter[str] = Counter()
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                seen[self.state(path)] += 1

        watchers = [threading.Thread(target=watch) for _ in range(2)]
        for watcher in watchers:
            watcher.start()
        sys.stdin.readline()
        done.set()
        for watcher in watchers:
            watcher.join()
        return seen

    def state(self, path: str) -> str:
        """What a reader finds: absent, empty, torn, whole, or an error."""
        try:
            data = hadoop_calls.read(self.jvm, self.fs, path)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is what a reader sees
            said = _said(error)
            return "absent" if said == "FileNotFoundException" else said
        if not data:
            return "empty"
        try:
            whole = json.loads(data)["filling"] == FILLING
        except ValueError:
            whole = False
        return "whole" if whole else "torn"

    def writer_of(self, path: str) -> str:
        return str(json.loads(hadoop_calls.read(self.jvm, self.fs, path))["writer"])

    def start_writing(self, path: str, *, flush: bool) -> None:
        """Open a file, write half of it, and leave it at that: what a killed writer leaves."""
        stream = self.fs.create(hadoop_calls.java_path(self.jvm, path), False)
        stream.write(FILLING.encode())
        if flush:
            stream.hflush()
        self.left_open.append(stream)

    def rename_later(self, path: str, seconds: float) -> tuple[int, int]:
        """The modification times of a file before and after a rename some time after its close."""
        before, after = (hadoop_calls.java_path(self.jvm, each) for each in (path + ".before", path))
        self.fs.create(before, False).close()
        closed = self.fs.getFileStatus(before).getModificationTime()
        time.sleep(seconds)
        self.fs.rename(before, after)
        return closed, self.fs.getFileStatus(after).getModificationTime()

    def listing(self, path: str) -> list[tuple[str, int, int]]:
        """Name, length and modification time (in ms) of everything directly below ``path``."""
        found = self.fs.listStatus(hadoop_calls.java_path(self.jvm, path))
        return [(str(each.getPath().getName()), each.getLen(), each.getModificationTime()) for each in found]

    def watch_listing(self, path: str) -> dict[str, int]:
        """List one file's directory over and over, until a line comes in."""
        seen: Counter[str] = Counter()
        done = threading.Event()
        directory, _, name = path.rpartition("/")

        def watch() -> None:
            while not done.is_set():
                seen["listed" if name in [found[0] for found in self.listing(directory)] else "absent"] += 1

        watcher = threading.Thread(target=watch)
        watcher.start()
        sys.stdin.readline()
        done.set()
        watcher.join()
        return seen

    def delete(self, path: str) -> bool:
        return bool(self.fs.delete(hadoop_calls.java_path(self.jvm, path), False))

    def java_time(self) -> int:
        return int(self.jvm.java.lang.System.currentTimeMillis())

    def capable(self, path: str, capability: str) -> bool:
        return bool(self.fs.hasPathCapability(hadoop_calls.java_path(self.jvm, path), capability))


def _said(error: Exception) -> str:
    from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

    return hadoop_calls.java_class(error) if isinstance(error, Py4JJavaError) else repr(error)


def _tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    uri, settings, class_path = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
    gateway = start_jvm(class_path)
    driver = Driver(gateway.jvm, uri, settings)
    _tell({"answer": gateway.proc.pid})
    for line in iter(sys.stdin.readline, ""):
        command = json.loads(line)
        try:
            _tell({"answer": getattr(driver, command.pop("do"))(**command)})
        except Exception:  # noqa: BLE001 -- the test that asked has to hear of it
            _tell({"error": traceback.format_exc()})
    gateway.shutdown()


if __name__ == "__main__":
    main()
