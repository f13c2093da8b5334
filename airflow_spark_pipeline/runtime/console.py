"""What the driver prints: lines that a person likes to read in a task log.

Standard output is what every cluster manager keeps and what Airflow's Spark hook copies into the task log line by line.
"""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Print a line at once; a reader who is gone does not stop the work."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        # The pipe's other end died (an orphaned driver): the log, not the console, decides what happens next.
        pass


def seconds(value: float) -> str:
    """Return a duration as people read it."""
    if value < 60:  # noqa: PLR2004
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
