"""``python -m benchmarks [NAME ...]``: measure, print the table, write ``benchmarks/RESULTS.md``."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import commandline, imports, lookup, loop, outputs, page, sensors
from benchmarks.harness import Row

_ALL: dict[str, Callable[[], Iterator[Row]]] = {
    "commandline": commandline.rows,
    "imports": imports.rows,
    "loop": loop.rows,
    "lookup": lookup.rows,
    "outputs": outputs.rows,
    "page": page.rows,
    "sensors": sensors.rows,
}
_RESULTS = Path(__file__).with_name("RESULTS.md")


def main(names: list[str]) -> int:
    """Measure what is named, or everything."""
    unknown = sorted(set(names) - _ALL.keys())
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(_ALL)}")
        return 2
    lines = ["| what | against | measured | baseline | ratio | aim |", "|---|---|---:|---:|---:|---:|"]
    print("\n".join(lines))
    for name in names or _ALL:
        start = time.perf_counter()
        for row in _ALL[name]():
            aim = "" if row.aim is None else f"≤ {row.aim:g}"
            cells = f"{row.measured:.2f} {row.unit} | {row.base:.2f} {row.unit} | **{row.ratio:.2f}** | {aim}"
            lines.append(f"| {row.what} | {row.baseline} | {cells} |")
            print(lines[-1], flush=True)
        print(f"({name}: {time.perf_counter() - start:.0f} s)", file=sys.stderr)
    if not names:
        _RESULTS.write_text(_report(lines), encoding="utf-8")
        print(f"written to {_RESULTS}")
    return 0


def _report(lines: list[str]) -> str:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("apache-airflow", "pyspark", "s3fs"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Made by `make bench`. Medians of measurements taken in turn with their baselines;",
            "the ratios are the result, the times belong to the machine.",
            "",
            f"{machine}; Python {platform.python_version()}, {versions}.",
            "",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
