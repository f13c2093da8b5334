"""The commands and their arguments, as data: the console script and Airflow's command line are both made of it."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, replace
from typing import Any

from airflow_spark_pipeline.binding.durations import parse_duration
from airflow_spark_pipeline.checkpoint.standing import Standing

#: How many ended runs are listed at most, unless ``--limit`` says otherwise.
FINISHED_SHOWN = 100
DESCRIPTION = "Validate, plan, run, resume and manage Spark pipelines that resume at the component that failed."


@dataclass(frozen=True)
class Argument:
    """An argument in the form for ``argparse``.

    :param needs: options without one of which this one does nothing
    :param excludes: options that contradict this one
    """

    flags: tuple[str, ...]
    options: dict[str, Any]
    needs: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command.

    :param name: name that the user types; also the name of its function in ``commands``
    """

    name: str
    help: str
    description: str
    arguments: tuple[Argument, ...]


def _argument(*flags: str, needs: tuple[str, ...] = (), excludes: tuple[str, ...] = (), **options: Any) -> Argument:
    return Argument(flags, options, needs, excludes)


def seconds(text: str) -> float:
    """Return an age such as ``30d``, ``12h``, ``90m`` in seconds.

    :raises argparse.ArgumentTypeError: the text is not an age
    """
    try:
        age = parse_duration(text).total_seconds()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    if age < 0:
        raise argparse.ArgumentTypeError(f"{text!r}: an age cannot be negative")
    return age


def count(text: str) -> int:
    """Return a positive number.

    :raises argparse.ArgumentTypeError: the text is not a positive number
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def setting(text: str) -> tuple[str, str]:
    """Return the name and value of ``NAME=VALUE``.

    :raises argparse.ArgumentTypeError: the text does not have this form
    """
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", name):
        shown = f"{name}=…" if equals else name  # what follows may be a password
        raise argparse.ArgumentTypeError(f"{shown!r} is not NAME=VALUE")
    return name, value


_FILE = _argument("file", metavar="FILE", help="the pipeline's HOCON file, or its URL")
_RUN_ID = _argument(
    "run_id",
    metavar="RUN_ID",
    help="id of a run or of one of its attempts, the beginning of one, or the number of a row of runs",
)
_SET = _argument(
    "--set",
    dest="settings",
    metavar="NAME=VALUE",
    action="append",
    type=setting,
    default=[],
    help="value of a Jinja name of the file, such as ds=2026-01-31 or params.region=eu (repeatable)",
)
_VALUES = _argument(
    "--values",
    dest="values_files",
    metavar="FILE",
    action="append",
    default=[],
    help="HOCON (.conf), JSON or YAML file with values of Jinja names: {params: {region: eu}}; --set wins (repeatable)",
)
_PY_FILES = _argument(
    "--py-files",
    metavar="PATH",
    action="append",
    default=[],
    help="your modules, like the operator's py_files: a package or another directory, a .py, .zip or "
    ".egg file (repeatable). The directory of FILE and the current directory are searched as "
    "well",
)
_CONN_ID = _argument("--conn-id", metavar="ID", help="Airflow connection with the credentials of the location")
_LOCATION = _argument(
    "--location", metavar="URL", help="checkpoint location; default: the file's, then [spark_pipeline] of airflow.cfg"
)
_JSON = _argument("--json", action="store_true", help="print JSON")
_PIPELINE = _argument("--pipeline", metavar="NAME", help="only runs of this pipeline")
_PLACE = (
    _LOCATION,
    _argument("--file", metavar="FILE", help="take location and store from this pipeline's file"),
    replace(_SET, needs=("--file",)),
    replace(_VALUES, needs=("--file",)),
    _CONN_ID,
)
_SELECTION = (
    _argument("--start-from", metavar="COMPONENT", help="run this component and all later ones, done or not"),
    _argument("--stop-after", metavar="COMPONENT", help="leave out all later components that are not done"),
    _argument("--only", metavar="COMPONENT", action="append", default=[], help="run only this component (repeatable)"),
    _argument(
        "--force",
        metavar="COMPONENT",
        action="append",
        default=[],
        help="run this component even if it is done (repeatable)",
    ),
)
_RUN = (_SET, _VALUES, _PY_FILES, _LOCATION, _CONN_ID, *_SELECTION)

COMMANDS = (
    Command(
        "init",
        "write a small project that works",
        "Write a DAG, a pipeline, two components and their tests. Nothing is overwritten.",
        (_argument("directory", metavar="DIR", nargs="?", default=".", help="default: the current directory"),),
    ),
    Command(
        "components",
        "list the components that a pipeline can name",
        "List the built-in components and your own, with their fields, types, defaults and documentation. Your modules "
        "are searched in the same places as when a pipeline runs.",
        (
            _argument("names", metavar="NAME", nargs="*", help="only these; a class of any module by its dotted name"),
            _argument("--file", metavar="FILE", help="also search the directory of this pipeline's file"),
            _PY_FILES,
            _JSON,
            _argument(
                "--json-schema", action="store_true", help="print a JSON Schema of a pipeline's file, for editors"
            ),
        ),
    ),
    Command(
        "validate",
        "report all problems of pipeline files",
        (
            "Read each file, import its classes, and check its configs against them. Starts neither Spark "
            "nor a JVM. Prints one line for each problem."
        ),
        (
            _argument("files", metavar="FILE", nargs="+", help="HOCON files, or URLs"),
            _SET,
            _VALUES,
            _PY_FILES,
            _argument("--no-classes", action="store_true", help="check only the files, without importing the classes"),
        ),
    ),
    Command(
        "plan",
        "show what would run, what would be skipped, and why",
        "Compare a file with the recorded progress. Runs nothing, claims nothing, and starts no JVM.",
        (
            _FILE,
            Argument(_RUN_ID.flags, {**_RUN_ID.options, "nargs": "?"}),
            *_RUN,
            _argument(
                "--graph",
                nargs="?",
                const="text",
                choices=("text", "mermaid"),
                help="show which components run at the same time: text (default) or a Mermaid diagram",
                excludes=("--json",),
            ),
            _JSON,
        ),
    ),
    Command(
        "run",
        "run a pipeline in this process",
        "Run a pipeline and record its progress. With auto-resume = true in the file, or "
        "--auto-resume, the newest unfinished run of the pipeline is resumed. If its driver may still "
        "be running, the command waits for it; a run that is still running is refused.",
        (
            _FILE,
            *_RUN,
            _argument(
                "--auto-resume",
                action=argparse.BooleanOptionalAction,
                default=None,
                help="resume the newest unfinished run; wins over the file",
            ),
        ),
    ),
    Command(
        "resume",
        "resume a run that did not complete",
        "Skip what is done and run the rest. Without RUN_ID, resume the newest unfinished run of the pipeline.",
        (_FILE, Argument(_RUN_ID.flags, {**_RUN_ID.options, "nargs": "?"}), *_RUN),
    ),
    Command(
        "script",
        "print the path of the file to pass to spark-submit",
        "For a run on a cluster without Airflow: spark-submit --master spark://… $(spark-pipeline script) run etl.conf",
        (),
    ),
    Command(
        "runs",
        "list runs",
        "List the runs that did not complete, newest first: one line each, with a number that other commands "
        "accept as RUN_ID, and the id below.",
        (
            *_PLACE,
            _PIPELINE,
            _argument(
                "--state",
                choices=[standing.value for standing in Standing],
                metavar="STATE",
                help="only runs in this state: %(choices)s; completed and discarded ones need --all or --finished",
            ),
            _argument("--older-than", type=seconds, metavar="AGE", help="only runs last updated before, such as 30d"),
            _argument("--newer-than", type=seconds, metavar="AGE", help="only runs last updated since, such as 30d"),
            _argument(
                "--finished",
                action="store_true",
                help="list runs that ended, newest first, instead of unfinished ones",
                excludes=("--all",),
            ),
            _argument(
                "--limit",
                type=count,
                metavar="N",
                help=f"with --finished: list at most N runs (default: {FINISHED_SHOWN})",
                needs=("--finished",),
            ),
            _argument(
                "--since",
                type=seconds,
                metavar="AGE",
                help="with --finished: ended since then, such as 7d",
                needs=("--finished",),
            ),
            _argument("--all", action="store_true", help="also list ended runs; this reads every run at the location"),
            _JSON,
        ),
    ),
    Command(
        "show",
        "show a run: components, times, error",
        "Show what is recorded of a run.",
        (
            _RUN_ID,
            *_PLACE,
            _argument("--traceback", action="store_true", help="also print the traceback of the error"),
            _JSON,
        ),
    ),
    Command(
        "discard",
        "discard the progress of a run",
        "The next attempt starts over. A driver that is still running stops.",
        (_RUN_ID, *_PLACE, _argument("--yes", action="store_true", help="do not ask")),
    ),
    Command(
        "prune",
        "discard abandoned runs, remove the remains of ended ones",
        "Never touches runs that are alive. Keeps the last record of a run for at least three days.",
        (
            *_PLACE,
            _PIPELINE,
            _argument("--older-than", type=seconds, metavar="AGE", required=True, help="minimum age, such as 30d, 12h"),
            _argument("--dry-run", action="store_true", help="only print what would be done"),
            _JSON,
        ),
    ),
)
