"""``docs/command-line.md``: its commands are run as they are written, on the project that ``init`` writes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.unit.cli.shell import Shell

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = [
    command
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for command in re.findall(r"^\$ spark-pipeline (.*)$", block, re.MULTILINE)
]


@pytest.fixture
def project(shell: Shell) -> Shell:
    """The project, with a run that failed because the warehouse is down; that needs no Spark."""
    assert shell("init") == 0
    (shell.directory / "dags_examples").symlink_to(ROOT / "dags_examples")
    assert shell("run", "dags/orders.conf", "--only", "LoadOrders") == 1
    return shell


def test_the_page_has_commands() -> None:
    assert {command.split()[0] for command in COMMANDS} >= {"validate", "runs", "show", "resume", "components"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_does_what_it_should(project: Shell, command: str) -> None:
    written, _, _ = command.partition(" > ")
    code = project(*shlex.split(written))
    if written.startswith("resume"):
        assert (code, "the warehouse is down" in project.err) == (1, True)
    else:
        assert code == 0, project.err
        assert project.out or project.err


def test_the_rows_of_runs_look_as_on_the_page(project: Shell) -> None:
    assert project("runs", "--file", "dags/orders.conf") == 0
    line, run_id = project.out.splitlines()
    shown = re.findall(r"^1 .*$|^    orders-.*$", PAGE, re.MULTILINE)[:2]
    for printed, expected in zip((line, run_id), shown, strict=True):
        pattern = re.sub(r"[0-9a-f]{12,}", "<digest>", expected.partition("…")[0])
        pattern = re.sub(r"\d+(/\d+ done| s ago) *", "<progress>", pattern)
        seen = re.sub(r"\d+(/\d+ done| s ago) *", "<progress>", re.sub(r"[0-9a-f]{12,}", "<digest>", printed))
        assert seen.startswith(pattern.rstrip()), (seen, pattern)
