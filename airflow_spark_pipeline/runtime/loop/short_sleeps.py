"""Short sleeps: lets an interrupt end a ``time.sleep`` in a thread.

Python interrupts a thread between two of its lines, so one that sleeps for an hour is interrupted in an hour. Inside
the block, ``time.sleep`` of this thread is a loop over short sleeps. Other threads sleep as before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_SHORT_SECONDS = 0.2
_sleep = time.sleep
_here = threading.local()
_lock = threading.Lock()


@contextmanager
def sleeping_shortly() -> Iterator[None]:
    """Let an interrupt of this thread end a sleep inside the block."""
    _watch()
    before, _here.is_short = getattr(_here, "is_short", False), True
    try:
        yield
    finally:
        _here.is_short = before


def _watch() -> None:
    """Replace ``time.sleep``, once per process; what a library or a test put there in the meantime stays."""
    with _lock:
        if time.sleep is _sleep:
            time.sleep = _short_sleep  # type: ignore[assignment]  # of a float, not of any number


def _short_sleep(seconds: float, /) -> None:
    if not getattr(_here, "is_short", False):
        _sleep(seconds)
        return
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > _SHORT_SECONDS:
        _sleep(_SHORT_SECONDS)
    _sleep(max(left, 0.0) if seconds >= 0 else seconds)  # Python's own error if it is negative
