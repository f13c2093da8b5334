"""What is wrong with the options of a command together, each of which ``argparse`` has accepted."""

from __future__ import annotations

from argparse import Namespace

from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.cli.command_table import COMMANDS, Argument

_ENDED = (Standing.COMPLETED, Standing.DISCARDED)


def contradiction(arguments: Namespace) -> str | None:
    """Return what is wrong with the first option that would do nothing, or that another one contradicts.

    ``runs --limit 5``  ->  ``--limit needs --finished``
    """
    table = next(command.arguments for command in COMMANDS if command.name == arguments.command)
    given = {each.flags[-1] for each in table if _is_given(getattr(arguments, _destination(each), None))}
    for each in table:
        flag = each.flags[-1]
        if flag not in given:
            continue
        if each.needs and given.isdisjoint(each.needs):
            return f"{flag} needs {' or '.join(each.needs)}"
        for other in each.excludes:
            if other in given:
                return f"{flag} and {other} contradict each other; remove one of them"
    return _state(arguments) if "--state" in given else None


def _state(arguments: Namespace) -> str | None:
    state = Standing(arguments.state)
    if state in _ENDED and not (arguments.all or arguments.finished):
        return f"--state {state.value} needs --all or --finished"
    if arguments.finished and state not in (*_ENDED, Standing.UNREADABLE):
        return f"--finished and --state {state.value} contradict each other; remove one of them"
    return None


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != []


def _destination(argument: Argument) -> str:
    """Return the name that ``argparse`` gives to an argument's value."""
    return str(argument.options.get("dest") or argument.flags[-1].lstrip("-").replace("-", "_"))
