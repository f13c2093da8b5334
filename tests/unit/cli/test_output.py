"""Standard output has the result and nothing else, complete or with an error."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__ as airflow_version

from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.state import Commit
from airflow_spark_pipeline.cli import printing
from airflow_spark_pipeline.cli.command_table import COMMANDS
from airflow_spark_pipeline.cli.main import main
from airflow_spark_pipeline.cli.output import OUTPUT
from airflow_spark_pipeline.cli.parser import CODES, exit_codes
from tests.fakes import make_state
from tests.unit.cli.shell import Shell, steps

ROOT = Path(__file__).resolve().parents[3]
MAKES_ITS_HOME = airflow_version.startswith("3.1.")
WRONG = 'pipeline { pipeline-name = "Ünïcode → p…", fail-fast = "vielleicht 日本", pipeline-components = [] }'


class Terminal:
    """The console script in a separate process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "LC_"))},
            "PYTHONPATH": str(ROOT),
            "AIRFLOW_HOME": str(directory / "airflow"),
            "LEDGER": str(directory / "ledger"),
        }

    def __call__(self, line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        """Run a line of ``sh`` in which ``$CLI`` is the command."""
        variables = {**self.environment, "CLI": f"{sys.executable} -m airflow_spark_pipeline.cli.main", **environment}
        done = subprocess.run(
            ["bash", "-c", line], env=variables, cwd=self.directory, capture_output=True, timeout=120, check=False
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        assert b"Exception ignored" not in done.stderr, done.stderr.decode()
        return done


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    (tmp_path / "wrong.conf").write_text(WRONG, encoding="utf-8")
    (tmp_path / "steps.conf").write_text(steps(), encoding="utf-8")
    (tmp_path / "empty").mkdir()
    return Terminal(tmp_path)


# ---- JSON and nothing else


@pytest.mark.parametrize(
    "command",
    [
        "runs --json --location empty",
        "runs --all --json --location empty",
        "prune --older-than 1d --dry-run --json --location empty",
        "plan steps.conf --json",
    ],
)
def test_json_is_all_that_standard_output_gets(terminal: Terminal, command: str) -> None:
    done = terminal(f"$CLI {command}")
    assert done.returncode == 0
    json.loads(done.stdout)


def test_messages_of_airflow_and_the_users_modules_go_to_standard_error(terminal: Terminal) -> None:
    """The location comes from Airflow's configuration, the store from a module that prints as it likes."""
    (terminal.directory / "noisy.py").write_text(
        "import os, sys, warnings\nprint('printed')\nos.write(1, b'written\\n')\nwarnings.warn('warned')\n"
        "os.system('echo by a child')\nsys.__stdout__.write('past us')\n"
        "from tests.user_store import *\n",
        encoding="utf-8",
    )
    done = terminal("$CLI runs --json", AIRFLOW__SPARK_PIPELINE__CHECKPOINT_LOCATION=str(terminal.directory / "empty"))
    assert done.returncode == 0
    assert json.loads(done.stdout) == []
    (terminal.directory / "noisy.conf").write_text(
        'pipeline { pipeline-name = p, checkpoint { location = "/x", store { instance-type = noisy.Nothing } }, '
        "pipeline-components = [ { instance-type = noisy.Nothing } ] }",
        encoding="utf-8",
    )
    done = terminal("$CLI runs --json --file noisy.conf")
    assert (done.returncode, done.stdout) == (4, b"")
    for said in (b"printed", b"written", b"by a child", b"past us", b"noisy.Nothing cannot be loaded"):
        assert said in done.stderr
    done = terminal("$CLI validate noisy.conf")
    assert done.returncode == 2
    assert all(line.startswith(b"noisy.conf") for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            {"AIRFLOW_HOME": "/dev/null/nowhere", "TMPDIR": str(ROOT / "tests")},
            # Only Airflow 3.1 makes its home before it reads its configuration.
            b"cannot be read: FileExistsError" if MAKES_ITS_HOME else b" does not exist. Check the spelling",
        ),
        (
            {"AIRFLOW_CONFIG": "broken.cfg"},
            b"Airflow's configuration, which is needed for the checkpoint",
        ),
    ],
    ids=["home", "syntax"],
)
def test_an_airflow_that_cannot_be_used_is_one_message(terminal: Terminal, broken: dict[str, str], said: bytes) -> None:
    (terminal.directory / "broken.cfg").write_text("[core\nx", encoding="utf-8")
    done = terminal("$CLI runs --json", **broken)
    assert (done.returncode, done.stdout) == (4, b"")
    assert said in done.stderr
    assert b"--location" in done.stderr
    assert terminal("$CLI runs --json --location empty", **broken).returncode == 0


def test_an_error_leaves_standard_output_empty(terminal: Terminal) -> None:
    for command, code in (("runs --json --location none", 4), ("show nonsense --json --location empty", 2)):
        done = terminal(f"$CLI {command}")
        assert (done.returncode, done.stdout) == (code, b"")
        assert done.stderr.strip()


# ---- whatever it is


@pytest.mark.parametrize(
    "variables",
    [
        {"LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "utf-8"},
        {"LC_ALL": "POSIX"},
    ],
    ids=lambda variables: "-".join(variables.values()),
)
def test_output_works_in_every_encoding(terminal: Terminal, variables: dict[str, str]) -> None:
    done = terminal("$CLI validate wrong.conf nichts-dä.conf", **variables)
    assert done.returncode == 2
    assert done.stdout.count(b"\n") >= 2
    assert b"fail-fast" in done.stdout
    assert terminal("$CLI runs --json --location empty", **variables).returncode == 0


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("$CLI runs --all --json --location empty >/dev/full", 5, "No space left on device"),
        ("$CLI plan steps.conf >/dev/full", 5, "No space left on device"),
        ("$CLI --help >/dev/full", 5, "No space left on device"),
        ("$CLI plan steps.conf >&-", 5, "standard output is closed"),
        ("$CLI --version >&-", 5, "standard output is closed"),
        ("$CLI validate wrong.conf >/dev/full", 2, "No space left on device"),
        ("$CLI validate wrong.conf >&-", 2, "standard output is closed"),
        ("$CLI validate steps.conf", 0, "OK"),
        ("$CLI validate steps.conf 2>&-", 0, ""),
        ("$CLI validate wrong.conf 2>/dev/full", 2, ""),
        ("$CLI runs --location none 2>&-", 4, ""),
        ("$CLI validate wrong.conf <&- >&- 2>&-", 2, ""),
        ("$CLI validate wrong.conf | true; exit ${PIPESTATUS[0]}", 2, ""),
        ("$CLI plan steps.conf | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("$CLI --help | head -1 >/dev/null; exit ${PIPESTATUS[0]}", 0, ""),
    ],
)
def test_an_output_that_cannot_be_written_is_reported_and_nothing_else_breaks(
    terminal: Terminal, line: str, code: int, said: str
) -> None:
    done = terminal(line)
    assert done.returncode == code
    assert said in done.stderr.decode()


def test_a_run_works_wherever_its_output_goes(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.TextIOWrapper):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    shell.write(steps("a"))
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", Full(io.BytesIO()))
        assert main(["run", "steps.conf"]) == 0
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", None)
        assert main(["run", "steps.conf"]) == 0


# ---- widths


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Any:
    def on(width: int | None, work: Any) -> list[str]:
        stream = io.StringIO() if width is None else Screen()
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setenv("COLUMNS", str(width or 80))
        OUTPUT.prepare()
        work()
        return stream.getvalue().splitlines()

    return on


LONG = "i" * 250
ENTRY = RunEntry("p/u", Commit(1, make_state("ab", done="a", run_id=f"{LONG}~u~0", pipeline_name=LONG[:120])))


@pytest.mark.parametrize("width", [40, 80, 200, None])
def test_ids_are_shown_whole_at_every_width(printed: Any, width: int | None) -> None:
    lines = printed(width, lambda: printing.show_run(ENTRY, ENTRY.commit.state, traceback=False))  # type: ignore[union-attr]
    assert any(line.split()[:2] == ["run", f"{LONG}~u~0"] for line in lines)
    assert not any("…" in line for line in lines)


def show(rows: list[list[str]]) -> None:
    for row in printing.columns(rows, cut=True):
        for line in row:
            printing.out(line)


@pytest.mark.parametrize("width", [40, 80, 200, None])
def test_only_the_last_column_of_a_listing_is_cut_and_only_on_a_terminal(printed: Any, width: int | None) -> None:
    rows = [["Sales", "failed", "1/3 done", "2 s ago", f"load: {'very ' * 60}long"], [LONG, "died", "", "", "short\nx"]]
    lines = printed(width, lambda: show(rows))
    text = "\n".join(lines)
    assert LONG in text
    assert "short x" in text
    assert ("…" in text) is (width is not None)
    if width is None:
        assert len(lines) == 2  # a row is a line
        assert lines[0].index("failed") == lines[1].index("died")
    elif width == 200:
        short = printed(width, lambda: show(rows[:1]))
        assert [len(line) for line in short] == [200]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("command", [None, *(command.name for command in COMMANDS)])
def test_help_fits_the_terminal_and_is_never_wider_than_100_columns(
    width: int, command: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    with pytest.raises(SystemExit) as left:
        main([*([command] if command else []), "--help"])
    assert left.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    # A word that is wider, such as an option's name, is not broken.
    assert all(len(line) <= min(width, 100) or not re.search(r"\S\s+\S", line) or width == 40 for line in lines)
    if command:
        assert any(line.startswith("  130") for line in lines)


# ---- exit codes


def test_the_documentation_shows_the_same_exit_codes() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\d+)` \| (.*?) \|$", page, re.MULTILINE))
    assert {int(code): text.replace("`", "") for code, text in rows.items()} == CODES
    assert re.findall(r"^  (\d+)", exit_codes(), re.MULTILINE) == [str(code) for code in CODES]
