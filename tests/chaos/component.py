"""The component of the chaos tests: writes its start and end down, outside the checkpoint store."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.runtime.component.base import Component


@dataclass
class Logged(Component):
    """A component whose work is a line in a ledger.

    :param ledger: path of the file; a line is appended and synced for each start, each end and each other exit
    :param seconds: how long it takes
    :param parts: how many parts it has, or 0; each is in the ledger, too
    """

    ledger: str
    seconds: float
    parts: int = 0

    def run(self, spark: Any) -> None:
        self._write("start")
        try:
            self._work()
        except BaseException:
            self._write("left")  # superseded between two parts: it is outside, but it has not run to its end
            raise
        self._write("end")

    def _work(self) -> None:
        if self.parts:
            for part in self.context.parts(range(self.parts)):
                self._write("start part", str(part))
                time.sleep(self.seconds / self.parts)
                self._write("end part", str(part))
        else:
            time.sleep(self.seconds)

    def _others_alive(self) -> list[int]:
        """Return the drivers in the ledger that exist now: one that was killed wrote no line when it ended."""
        text = Path(self.ledger).read_text(encoding="utf-8") if Path(self.ledger).exists() else ""
        others = {json.loads(line)["pid"] for line in text.splitlines()} - {os.getpid()}
        return sorted(other for other in others if Path(f"/proc/{other}").exists())

    def _write(self, what: str, part: str = "") -> None:
        line = json.dumps(
            {
                "what": what,
                "component": self.context.component_name,
                "part": part,
                "run": self.context.run_id,
                "attempt": self.context.attempt,
                "pid": os.getpid(),
                "alive": self._others_alive() if what == "start" else [],
                "at": time.monotonic(),
            }
        )
        descriptor = os.open(self.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, f"{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
