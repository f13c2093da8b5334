"""The parser of the console script, and the exit codes that ``--help`` lists."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from typing import NoReturn

from airflow_spark_pipeline.cli.command_table import COMMANDS, DESCRIPTION

#: The one table of exit codes: ``docs/command-line.md`` and ``--help`` show it.
CODES = {
    0: "success; for validate: no problems found",
    1: "a component failed, or Spark did not start",
    2: "invalid request: wrong arguments or description, no such run, a change that a resume refuses",
    3: "the run is still running, or another attempt has taken it over",
    4: "the checkpoint location does not exist, or cannot be read or written",
    5: "the output could not be written: a full disk, or standard output is closed",
    130: "interrupted",
}
_NARROWEST, _WIDEST = 40, 100  # columns of --help, whatever the width of the terminal


def exit_codes(width: int = 79) -> str:
    """Return the exit codes as text.

    :param width: maximum width in columns
    """
    lines = ["exit codes:"]
    for code, meaning in CODES.items():
        lines += textwrap.wrap(meaning, width, initial_indent=f"  {code:<5}", subsequent_indent=" " * 7)
    return "\n".join(lines)


class _Formatter(argparse.HelpFormatter):
    """Formats the help to fit the terminal, up to a readable width."""

    def __init__(self, prog: str) -> None:
        self._columns = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)
        super().__init__(prog, width=self._columns, max_help_position=min(28, self._columns // 3))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return exit_codes(width) if text.startswith("exit codes:") else super()._fill_text(text, width, indent)


class _Parser(argparse.ArgumentParser):
    """Reports an error without a secret: an option that is misspelled comes with its value."""

    def error(self, message: str) -> NoReturn:
        """Print the message and the usage, and leave."""
        from airflow_spark_pipeline.secrets import mask_text

        super().error(mask_text(message))


def build(prog: str = "spark-pipeline") -> argparse.ArgumentParser:
    """Return the parser of the console script."""
    from airflow_spark_pipeline import __version__

    parser = _Parser(
        prog=prog, description=DESCRIPTION, epilog=exit_codes(), formatter_class=_Formatter, allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"airflow-spark-pipeline {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            help=command.help,
            description=command.description,
            epilog=exit_codes(),
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        for argument in command.arguments:
            sub.add_argument(*argument.flags, **argument.options)
    return parser
