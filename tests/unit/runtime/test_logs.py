"""What components log is shown in the driver's output, with its level and the component's name."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from airflow_spark_pipeline.launch.driver_output import Levels
from airflow_spark_pipeline.runtime.component.code_origin import Origin
from airflow_spark_pipeline.user_errors.text import MESSAGE_LENGTH, shorten

RUN = """
import json, logging, sys, tempfile
from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.runtime.component.logs import LogPrinter
from airflow_spark_pipeline.runtime.component.code_origin import Origin
from tests.sparkless import FakeSpark
from tests.steps import describe

for case, code in json.loads(sys.argv[1]).items():
    print(f"CASE {case}", flush=True)
    part = '{ instance-type = "tests.leftover_work.Logs", instance-name = load, instance-config { code = %s } }'
    part = part % json.dumps(code)
    level = "DEBUG" if "DEBUG" in case else "INFO"
    with LogPrinter(level, Origin(["tests.leftover_work.Logs"]), lambda text: text.replace("hunter22", "***")):
        PipelineRunner(FakeSpark()).run(describe(part))
    sys.stderr.flush()
    logging.root.handlers.clear()
"""

DICT = """import logging.config; logging.config.dictConfig({
    'version': 1, 'disable_existing_loggers': False, 'formatters': {'f': {'format': 'MINE %(message)s'}},
    'handlers': {'h': {'class': 'logging.StreamHandler', 'formatter': 'f', 'stream': 'ext://sys.stdout'}},
    'root': {'handlers': ['h'], 'level': 'INFO'},
}); log.info('once')"""

CASES: dict[str, tuple[str, list[str]]] = {
    "the component's logger": ("self.context.logger.info('%d orders', 3)", ["    INFO [load] 3 orders"]),
    "a warning of it": ("self.context.logger.warning('few')", ["    WARNING [load] few"]),
    "debug is left out": ("self.context.logger.debug('no'); log.debug('no')", []),
    "DEBUG where it is asked for": (
        "log.debug('details')",
        ["    DEBUG [load] tests.leftover_work: details"],
    ),
    "a module's logger": (
        "log.info('from a module')",
        ["    INFO [load] tests.leftover_work: from a module"],
    ),
    "the root logger": ("logging.info('from the root')", ["    INFO [load] root: from the root"]),
    "the root logger's warning": ("logging.warning('careful')", ["    WARNING [load] root: careful"]),
    "a library's info": ("logging.getLogger('botocore.session').info('noise')", []),
    "a library's warning": (
        "logging.getLogger('botocore.session').warning('slow')",
        ["    WARNING [load] botocore.session: slow"],
    ),
    "several lines": (
        "log.info('one\\ntwo')",
        ["    INFO [load] tests.leftover_work: one", "    two"],
    ),
    "arguments that do not fit": (
        "log.info('%d orders', 'x')",
        ["    INFO [load] tests.leftover_work: %d orders (its arguments cannot be shown: TypeError)"],
    ),
    "a byte that is not UTF-8": (
        "log.info('caf\\udce9')",
        ["    INFO [load] tests.leftover_work: caf\\xe9"],
    ),
    "a secret where a long message is cut": (
        "log.info('x' * 2995 + ' hunter22 ' + 'y' * 9_000)",
        textwrap.indent(
            "INFO [load] tests.leftover_work: " + shorten("x" * 2995 + " *** " + "y" * 9_000, MESSAGE_LENGTH), "    "
        ).splitlines(),
    ),
    "a secret": ("log.info('hunter22')", ["    INFO [load] tests.leftover_work: ***"]),
    "a logger with a handler that does nothing": (
        "log.addHandler(logging.NullHandler()); log.info('heard'); log.handlers.clear()",
        ["    INFO [load] tests.leftover_work: heard"],
    ),
    "a logger with its own handler": (
        "import sys; log.addHandler(logging.StreamHandler(sys.stdout)); log.info('once'); log.handlers.clear()",
        ["once"],
    ),
    "basicConfig": (
        "import sys; logging.basicConfig(format='MINE %(message)s', stream=sys.stdout); log.info('once')",
        ["MINE once"],
    ),
    "basicConfig by force": (
        "import sys; logging.basicConfig(format='MINE %(message)s', stream=sys.stdout, force=True); log.info('once')",
        ["MINE once"],
    ),
    "dictConfig": (DICT, ["MINE once"]),
}


@pytest.fixture(scope="module")
def shown() -> dict[str, list[str]]:
    """What each case printed while the component ran."""
    result = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps({case: code for case, (code, _) in CASES.items()})],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
        timeout=120,
    )
    assert result.returncode == 0, result.stdout
    found: dict[str, list[str]] = {}
    for part in result.stdout.split("CASE ")[1:]:
        case, *lines = part.splitlines()
        found[case] = [line for line in lines if not line.startswith(("[", "Spark ", "Pipeline "))]
    return found


@pytest.mark.parametrize("case", CASES)
def test_log_records_of_a_component_are_shown_once_with_level_and_name(case: str, shown: dict[str, list[str]]) -> None:
    assert shown[case] == CASES[case][1]


def test_the_process_of_a_notebook_is_not_configured() -> None:
    from airflow_spark_pipeline import PipelineRunner
    from tests.sparkless import FakeSpark
    from tests.steps import describe

    before = list(logging.root.handlers), logging.root.level, logging.basicConfig
    PipelineRunner(FakeSpark()).run(  # type: ignore[arg-type]
        describe('{ instance-type = "tests.leftover_work.Logs", instance-name = load, instance-config { code = "1" } }')
    )
    assert (list(logging.root.handlers), logging.root.level, logging.basicConfig) == before


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("    INFO [load] 3 orders", "info"),
        ("WARNING [load] few", "warning"),
        ("    ERROR [load] my_etl: none", "error"),
        ("DEBUG [load] my_etl: details", "debug"),
        ("CRITICAL [load] x", "critical"),
        ("WARNING: An illegal reflective access operation has occurred", "info"),
        ("[1/3] load done in 2 s", "info"),
    ],
)
def test_airflow_shows_a_line_at_the_level_that_it_carries(line: str, level: str) -> None:
    calls: list[tuple[str, str]] = []

    class Log:
        def __getattr__(self, name: str) -> object:
            return lambda message, *_: calls.append((name, message))

    Levels(Log()).info(line)
    assert calls == [(level, line)]


@pytest.mark.parametrize(
    ("module", "file", "users"),
    [
        ("my_etl.load", "/somewhere/site-packages/my_etl/load.py", True),
        ("helpers", "/tmp/userFiles-1/helpers.py", True),
        ("helpers", "/tmp/modules.zip/helpers.py", True),
        ("botocore.session", "/x/lib/python3.11/site-packages/botocore/session.py", False),
        ("pandas", "/usr/lib/python3/dist-packages/pandas/x.py", False),
        ("json.decoder", json.decoder.__file__, False),
        ("pyspark.sql", "/opt/spark/python/lib/pyspark.zip/pyspark/sql/x.py", False),
        ("py4j.protocol", "/opt/spark/python/lib/py4j-0.10.9-src.zip/py4j/protocol.py", False),
        ("airflow_spark_pipeline.runtime.loop.loop", "/tmp/runtime.zip/airflow_spark_pipeline/runtime/loop.py", False),
        ("x", "<string>", False),
    ],
)
def test_the_users_code_is_distinguished_from_other_code(module: str, file: str, users: bool) -> None:
    assert Origin(["my_etl.load.Load", "airflow_spark_pipeline.SqlToView"]).is_users(module, file) is users
