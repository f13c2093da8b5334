"""Whether a process that left its name is gone for certain.

A process is named by the boot of its machine, its namespace of process ids, its id and its start time: on the same boot
and in the same namespace that tells "gone" from "alive" without a doubt, and anywhere else nothing is said. It spares a
retry on the same machine the wait for a lease that nobody will renew. Linux only; elsewhere nothing is known.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_PROC = Path("/proc")


def identify(*pids: int) -> dict[str, Any] | None:
    """Return what :func:`all_gone` needs to know of these processes; ``None`` where it cannot be told."""
    place = _place()
    starts = {str(pid): _start(pid) for pid in pids}
    if place is None or None in starts.values():
        return None
    return {**place, "processes": starts}


def all_gone(identity: Mapping[str, Any] | None) -> bool:
    """Whether each of these processes has ended; ``False`` also where it cannot be told."""
    place = _place()
    if not identity or place is None or any(identity.get(name) != value for name, value in place.items()):
        return False
    processes: Mapping[str, Any] = identity.get("processes") or {}
    return bool(processes) and all(_start(int(pid)) != start for pid, start in processes.items())


def any_alive(identity: Mapping[str, Any] | None) -> bool:
    """Whether one of these processes is alive for certain; ``False`` also where it cannot be told."""
    place = _place()
    if not identity or place is None or any(identity.get(name) != value for name, value in place.items()):
        return False
    processes: Mapping[str, Any] = identity.get("processes") or {}
    return any(start is not None and _start(int(pid)) == start for pid, start in processes.items())


def _place() -> dict[str, str] | None:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return {"boot": boot, "namespace": os.readlink(_PROC / "self/ns/pid")}
    except OSError:
        return None


def _start(pid: int) -> int | None:
    """Return when a process started, in ticks since boot; ``None`` where it has ended, or waits to be reaped."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = _fields_after_the_name(stat)
    return None if state in "ZX" else int(rest[18])


def _fields_after_the_name(stat: str) -> Iterable[str]:
    # The name is in parentheses and may hold both spaces and parentheses (proc(5)).
    return stat.rpartition(")")[2].split()
