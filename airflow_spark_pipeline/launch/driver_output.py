r"""What a driver's process prints, as lines that a task log can take.

Promises: any bytes are shown (what is not UTF-8 as ``\xe9``, a NUL as ``\x00``), and a line of 100 MB harms nobody: it
comes in pieces. A progress bar's ``\r`` ends a line. Colours (ANSI escapes) stay: Airflow shows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

#: Airflow reads the log of a task line by line, and takes very long for one of megabytes.
PIECE = 16_000

#: For ``subprocess``.
TEXT: dict[str, Any] = {"text": True, "encoding": "utf-8", "errors": "backslashreplace"}


def lines(output: Iterable[str]) -> Iterator[str]:
    """Give the lines of an output as they come, without their ends.

    :param output: of a process, or any lines
    """
    readline = getattr(output, "readline", None)
    for line in iter(lambda: readline(PIECE), "") if readline is not None else output:
        yield line.rstrip("\n").replace("\0", "\\x00")


_LEVEL = re.compile(r"\s*(DEBUG|WARNING|ERROR|CRITICAL) \[")


class Levels:
    """A logger whose ``info`` heeds the level that a component's own logger has put in front of a line.

    Spark's hook prints every line of a driver at INFO; a line such as ``WARNING [load] 3 have no id`` is a warning.
    """

    def __init__(self, log: Any) -> None:
        self._target = log

    def info(self, message: Any, *arguments: Any, **more: Any) -> None:
        """Log a line of a driver, or anything else."""
        found = _LEVEL.match(message) if isinstance(message, str) and not arguments else None
        level = "info" if found is None else found[1].lower()
        getattr(self._target, level)(message, *arguments, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)
