"""The same commands inside ``airflow``: ``airflow spark-pipeline runs`` and so on."""

from __future__ import annotations

import sys
from argparse import Namespace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.cli.command_table import COMMANDS, DESCRIPTION, Argument
from airflow_spark_pipeline.cli.parser import exit_codes

if TYPE_CHECKING:
    from airflow.cli.cli_config import GroupCommand


def get_cli_commands() -> list[GroupCommand]:
    """Return the command group; Airflow's command line always calls this, so it imports almost nothing."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    subcommands: list[Any] = [
        ActionCommand(
            name=command.name,
            help=command.help,
            description=command.description,
            epilog=exit_codes(),
            func=partial(_run, command.name),
            args=tuple(_arg(Arg, argument) for argument in command.arguments),
        )
        for command in COMMANDS
    ]
    return [GroupCommand(name="spark-pipeline", help=DESCRIPTION, subcommands=subcommands)]


def _arg(arg: Any, argument: Argument) -> Any:
    """Return an argument of Airflow's command line, whose class does not know the option ``const``."""
    found = arg(flags=argument.flags, **{name: each for name, each in argument.options.items() if name != "const"})
    found.kwargs |= {name: each for name, each in argument.options.items() if name == "const"}
    return found


def _run(command: str, arguments: Namespace) -> None:
    from airflow_spark_pipeline.cli.main import perform

    arguments.command = command
    sys.exit(perform(arguments))
