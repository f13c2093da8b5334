"""Process identities: whether the processes of a driver are certainly gone, or certainly alive.

A process is identified by the boot id of its machine, its PID namespace, its PID and its start time. On the same boot
and in the same namespace this reliably tells "gone" from "alive"; anywhere else nothing is known. So a retry on the
same machine need not wait for a lease that will never be renewed. Linux only; on other platforms nothing is known.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_PROC = Path("/proc")


def identify(*pids: int) -> dict[str, Any] | None:
    """Return the identity of these processes for :func:`all_gone`; ``None`` if it cannot be determined."""
    place = _place()
    starts = {str(pid): _start(pid) for pid in pids}
    if place is None or None in starts.values():
        return None
    return {**place, "processes": starts}


def all_gone(identity: Mapping[str, Any] | None) -> bool:
    """Whether each of these processes has ended; ``False`` also if that is not known."""
    place = _place()
    if not identity or place is None or any(identity.get(name) != value for name, value in place.items()):
        return False
    processes: Mapping[str, Any] = identity.get("processes") or {}
    return bool(processes) and all(_start(int(pid)) != start for pid, start in processes.items())


def any_alive(identity: Mapping[str, Any] | None) -> bool:
    """Whether one of these processes is certainly alive; ``False`` also if that is not known."""
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
    """Return when a process started, in ticks since boot; ``None`` if it has ended or is a zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = _fields_after_the_name(stat)
    return None if state in "ZX" else int(rest[18])


def _fields_after_the_name(stat: str) -> Iterable[str]:
    # The name is in parentheses and may hold both spaces and parentheses (proc(5)).
    return stat.rpartition(")")[2].split()
