"""Calls that may never return, with a limit to the time that they are waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T], name: str = "within") -> T:
    """Return what a call returns. A call that takes longer is left running in its thread, which ends with the process.

    :param name: name of the thread
    :raises TimeoutError: the call took longer
    :raises Exception: the call's own error
    """
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  # raised again in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"{name}: no answer within {seconds:g} s")
    return results[0]
