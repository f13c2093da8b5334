"""What this package is for, in one run: an outage in the middle of a pipeline, and the retry that goes on from there.

Runs the DAG ``nycflights`` through Airflow to its end, on 336,776 real flights: in the first attempt the weather
service is out, in the second it is back. The checkpoint tells which attempt did what. Everything lies in ``.demo/``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".demo"
CHECKPOINTS = HOME / "checkpoints"
DATA = HOME / "nycflights"
LOG = HOME / "airflow.log"

ENVIRONMENT = {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags_examples"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME / 'airflow.db'}",
    "AIRFLOW__SPARK_PIPELINE__CHECKPOINT_LOCATION": str(CHECKPOINTS),
    "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[2]"}),
    "NO_COLOR": "1",
    "NYCFLIGHTS_DIR": str(DATA),
    "SPARK_LOCAL_IP": "127.0.0.1",  # a machine's own name need not lead anywhere
}

# What is worth reading while it runs: the driver's lines about each component, without what Airflow's log adds to them.
_STEP = re.compile(r"\[\d+/\d+\] .+? (\.\.\.|skipped .*?|done in .*?|failed after .*?)(?=\s+\[airflow\.|\s*$)")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def main() -> int:
    """Run the demo. Returns the exit code."""
    os.environ.update(ENVIRONMENT)
    HOME.mkdir(exist_ok=True)
    LOG.write_text("")
    start = time.monotonic()

    say(f"Preparing Airflow's database in {HOME} (about 15 s)")
    if airflow("db", "migrate"):
        return give_up()

    say("Running the DAG nycflights; its first attempt meets an outage (about a minute)")
    if airflow("dags", "test", "nycflights", show=_STEP):
        return give_up()

    state = newest_state()
    if state is None:
        print(f"!! There is no checkpoint under {CHECKPOINTS}.")
        return give_up()
    say("What each attempt did, according to the checkpoint")
    print(table(attempts(state)))
    say(f"Work that the retry did not repeat: {spared(state):.1f} s")
    say("Which airline is late at which hour (the five worst of those with 100 flights or more)")
    result = next(iter(sorted(DATA.glob("runs/*/delays_by_carrier_and_hour"), key=os.path.getmtime, reverse=True)))
    print_result(result)
    say(f"The result:      {result.parent}")
    say(f"The checkpoints: {CHECKPOINTS}")
    say(f"Airflow's log:   {LOG}")
    say(f"All of it took {time.monotonic() - start:.0f} s")
    return 0


def say(text: str) -> None:
    """Announce what comes next."""
    print(f">> {text}", flush=True)


def give_up() -> int:
    """Show the end of the log. Returns the exit code of a failure."""
    print("\n".join(LOG.read_text().splitlines()[-40:]))
    print(f"!! The demo failed; the whole log is {LOG}")
    return 1


def airflow(*arguments: str, show: re.Pattern[str] | None = None) -> int:
    """Run an Airflow command, keep what it prints in the log, and show the parts that match."""
    command = [sys.executable, "-m", "airflow", *arguments]
    with (
        LOG.open("a") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=HOME) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            if show and (match := show.search(_ANSI.sub("", line))):
                print(f"   {match[0].rstrip()}", flush=True)
    return process.returncode


def newest_state() -> dict[str, Any] | None:
    """Return the newest commit of the newest run, or ``None`` where there is none."""
    states = [json.loads(commit.read_bytes()) for commit in newest_commits(CHECKPOINTS)]
    return max(states, key=lambda state: str(state["updatedAt"]), default=None)


def newest_commits(location: Path) -> Iterator[Path]:
    """Yield, for each unit of work under the location, its commit with the highest number: that one is the truth."""
    for unit in location.glob("*/*"):
        commits = sorted(unit.glob("[0-9]*.json"))
        if commits:
            yield commits[-1]


def attempts(state: Mapping[str, Any]) -> list[list[str]]:
    """Return a table, its head first: a row for each component, a column for each attempt."""
    seconds = {(c["name"], c["attempt"]): c["durationSeconds"] for c in state["components"]}
    rows = [["component", *(f"attempt {attempt['attempt']}" for attempt in state["attempts"])]]
    for component in state["components"]:
        name = component["name"]
        rows.append([name, *(cell(name, attempt, seconds) for attempt in state["attempts"])])
    return rows


def spared(state: Mapping[str, Any]) -> float:
    """Return the seconds that the components took which the last attempt skipped."""
    skipped = state["attempts"][-1]["skipped"]
    return sum(c["durationSeconds"] or 0.0 for c in state["components"] if c["name"] in skipped)


def cell(name: str, attempt: Mapping[str, Any], seconds: Mapping[tuple[str, int], float]) -> str:
    """Return what an attempt did with a component."""
    if name == attempt["failed"]:
        return f"FAILED: {attempt['error']}"
    if name in attempt["skipped"]:
        return "skipped"
    if name in attempt["ran"]:
        took = seconds.get((name, attempt["attempt"]))
        return "ran" if took is None else f"ran, {took:.1f} s"
    return "-"


def table(rows: Sequence[Sequence[str]], widest: int = 40) -> str:
    """Return rows as text in columns, a line under the head."""
    rows = [[text if len(text) <= widest else f"{text[: widest - 1]}…" for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["   " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "   " + "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def print_result(folder: Path) -> None:
    """Print the first rows of a Parquet folder, without Spark: it is just files."""
    import pandas as pd

    frame = pd.read_parquet(folder).sort_values("mean_delay", ascending=False)
    rows = [[str(value) for value in row] for row in frame.head(5).itertuples(index=False)]
    print(table([list(frame.columns), *rows]))


if __name__ == "__main__":
    sys.exit(main())
