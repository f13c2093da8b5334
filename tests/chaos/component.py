"""The component that the chaos runs: it writes down, outside the checkpoint store, when it starts and when it ends."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import Any

from airflow_spark_pipeline.runtime.component.base import Component


@dataclass
class Logged(Component):
    """A component whose work is a line in a ledger.

    :param ledger: path of the file; a line is appended and synced for each start and each end
    :param seconds: how long it takes
    :param parts: how many parts it has, or 0; each is in the ledger, too
    """

    ledger: str
    seconds: float
    parts: int = 0

    def run(self, spark: Any) -> None:
        self._write("start")
        if self.parts:
            for part in self.context.parts(range(self.parts)):
                self._write("start part", str(part))
                time.sleep(self.seconds / self.parts)
                self._write("end part", str(part))
        else:
            time.sleep(self.seconds)
        self._write("end")

    def _write(self, what: str, part: str = "") -> None:
        line = json.dumps(
            {
                "what": what,
                "component": self.context.component_name,
                "part": part,
                "run": self.context.run_id,
                "attempt": self.context.attempt,
                "pid": os.getpid(),
                "at": time.monotonic(),
            }
        )
        descriptor = os.open(self.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, f"{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
