r"""What a driver's process prints, as lines that a task log can take.

Promises: any bytes are shown (what is not UTF-8 as ``\xe9``, a NUL as ``\x00``), and a line of 100 MB harms nobody: it
comes in pieces. A progress bar's ``\r`` ends a line. Colours (ANSI escapes) stay: Airflow shows them.
"""

from __future__ import annotations

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
