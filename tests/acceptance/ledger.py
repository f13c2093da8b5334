"""Reads what the components in ``dags/steps`` wrote down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One line: a component started, ended, or noted something else.

    :param pid: of the driver's Python
    :param parent: its parent's: the driver's JVM
    """

    event: str
    component: str
    attempt: int
    pid: int
    parent: int
    details: Mapping[str, Any]

    @property
    def time(self) -> float:
        """Seconds since the epoch."""
        return float(self.details["time"])


def read_ledger(path: Path) -> list[Entry]:
    """Return the lines of a ledger; none where no component has started yet."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        fields = json.loads(line)
        known = {name: fields.pop(name) for name in ("event", "component", "attempt", "pid", "parent")}
        entries.append(Entry(**known, details=fields))
    return entries


def short(entries: Iterable[Entry], event: str) -> str:
    """Return what happened as component and attempt: ``a1 b1 b2 c2 d2``."""
    return " ".join(f"{entry.component}{entry.attempt}" for entry in entries if entry.event == event)


def in_order(happened: str) -> str:
    """What :func:`short` returns, without the order of those that ran at the same time."""
    return " ".join(sorted(happened.split(), key=lambda each: (each[1:], each)))
