"""``docs/getting-started.md``, word for word: each command as it is written, and what the page says it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.deployment import SHORT_LIVED_JVM, Deployment

pytestmark = [pytest.mark.slow, pytest.mark.spark]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "getting-started.md").read_text(encoding="utf-8")


def blocks(language: str, title: str) -> list[str]:
    """The blocks of a language in a section of the page."""
    section = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None, title
    return re.findall(rf"```{language}\n(.*?)```", section[1], re.DOTALL)


class Terminal:
    """A terminal with the environment in which the package is installed; a block is typed in as it is written."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            **Deployment.clean_environment(),
            "NO_COLOR": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_SUBMIT_OPTS": SHORT_LIVED_JVM,
        }
        self.environment.pop("PYTHONPATH", None)

    def type(self, block: str) -> str:
        """Run a block, and return everything that it printed."""
        done = subprocess.run(
            ["bash", "-c", block],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        return done.stdout


def session(block: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block, with the lines that it prints."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *printed = part.splitlines()
        yield command, printed


def prints(expected: str, printed: str) -> bool:
    """Whether a line was printed; times and what an ellipsis stands for may differ."""
    parts = re.split(r"(\d+\.\d s|…)", expected)
    anything = [r".*" if part == "…" else r"[\d.]+ \w+" for part in parts[1::2]]
    pattern = "".join(re.escape(plain) + rest for plain, rest in zip(parts[::2], [*anything, ""], strict=True))
    return re.search(pattern, printed) is not None


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    terminal = Terminal(tmp_path)
    (init,) = blocks("sh", "2. Write a project")
    printed = terminal.type(init + "pwd\n")
    assert printed.splitlines()[-1] == str(tmp_path / "demo")
    terminal.directory = tmp_path / "demo"
    return terminal


def test_the_pipeline_fails_and_resumes_on_the_command_line(terminal: Terminal) -> None:
    commands = []
    for block in blocks("console", "3. Run it, see it fail, resume it"):
        for command, expected in session(block):
            printed = terminal.type(command)
            commands.append(command.partition(" -")[0])
            for line in expected:
                assert prints(line, printed), f"{line!r} is not in what {command!r} printed:\n{printed}"
    assert commands == [
        "spark-pipeline validate dags/orders.conf",
        "spark-pipeline run dags/orders.conf",
        "mkdir data/warehouse",
        "spark-pipeline resume dags/orders.conf",
        "pytest",
    ]
