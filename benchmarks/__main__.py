"""``python -m benchmarks [NAME ...]``: measure, print the table, renew its part of ``benchmarks/RESULTS.md``."""

from __future__ import annotations

import compileall
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import airflow_spark_pipeline
from benchmarks import (
    commandline,
    engines,
    imports,
    lookup,
    loop,
    mapped,
    memory,
    outputs,
    page,
    parallel,
    parts,
    reading,
    sensors,
    tpch,
    views,
)
from benchmarks.harness import Row

_ALL: dict[str, Callable[[], Iterator[Row]]] = {
    "commandline": commandline.rows,
    "imports": imports.rows,
    "memory": memory.rows,
    "loop": loop.rows,
    "lookup": lookup.rows,
    "mapped": mapped.rows,
    "outputs": outputs.rows,
    "page": page.rows,
    "parallel": parallel.rows,
    "parts": parts.rows,
    "reading": reading.rows,
    "sensors": sensors.rows,
    "views": views.rows,
    "tpch": tpch.rows,
    "engines": engines.rows,
}
_RESULTS = Path(__file__).with_name("RESULTS.md")
_HEAD = """# Benchmarks

Made by `make bench`; `make bench NAMES="loop lookup"` renews some parts. Medians of measurements taken in turn with
their baselines, and the least and the greatest of them; the ratios are the result, the times belong to the machine.
"""
_COLUMNS = ["| what | against | measured | baseline | ratio | aim |", "|---|---|---:|---:|---:|---:|"]


def main(names: list[str]) -> int:
    """Measure what is named, or everything."""
    unknown = sorted(set(names) - _ALL.keys())
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(_ALL)}")
        return 2
    _compile()
    machine = f"{_machine()} Commit {_commit()}."
    for name in names or _ALL:
        start, load = time.perf_counter(), os.getloadavg()[0]
        lines = list(_COLUMNS)
        print("\n".join([f"## {name}", *lines]))
        for row in _ALL[name]():
            lines.append(_line(row))
            print(lines[-1], flush=True)
        print(f"({name}: {time.perf_counter() - start:.0f} s)", file=sys.stderr)
        _keep(name, "\n".join([f"{machine} {_load(load)}", "", *lines]))
    print(f"written to {_RESULTS}")
    return 0


def _compile() -> None:
    """Compile the package, as ``pip install`` does: otherwise each process of Airflow would compile it again.

    What it is compared with was compiled when it was installed.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(Path(airflow_spark_pipeline.__file__).parent, quiet=1)


def _line(row: Row) -> str:
    aim = "" if row.aim is None else f"≤ {row.aim:g}"
    cells = f"{row.measured.shown(row.unit)} | {row.base.shown(row.unit)} | **{row.ratio:.2f}** | {aim}"
    return f"| {row.what} | {row.baseline} | {cells} |"


def _keep(name: str, part: str) -> None:
    """Put one part into the file, in place of what an earlier run measured."""
    found = re.split(r"^## (\w+)\n+", _RESULTS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    known = {**dict(zip(found[1::2], found[2::2], strict=True)), name: part}
    kept = [f"## {each}\n\n{known[each].strip()}\n" for each in _ALL if each in known]
    _RESULTS.write_text("\n".join([_HEAD, *kept]), encoding="utf-8")


def _machine() -> str:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("apache-airflow", "pyspark", "s3fs"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"
    return f"{machine}; Python {platform.python_version()}, {versions}."


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=_RESULTS.parent).stdout.strip()


def _load(before: float) -> str:
    """Return how busy the machine was: on more than its cores, times and ratios of a few milliseconds mean little."""
    return f"Load average {before:.1f} before and {os.getloadavg()[0]:.1f} after."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
