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
