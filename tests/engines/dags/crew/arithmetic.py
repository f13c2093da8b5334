"""Code for the executors, which import it from the shipped modules."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from pyspark import TaskContext

_LONGER_THAN_ANY_TEST = 1_800.0


def double(number: int) -> int:
    return 2 * number


def double_once_killed(number: int, ledger: str) -> int:
    """Wait to be killed in the first partition's first try; the tries after that only double."""
    task = TaskContext.get()
    if task is not None and task.partitionId() == 0 and task.attemptNumber() == 0:
        where = {"python": os.getpid(), "parent": os.getppid()}
        Path(f"{ledger}.executor").write_text(json.dumps(where), encoding="utf-8")
        threading.Event().wait(_LONGER_THAN_ANY_TEST)
    return double(number)
