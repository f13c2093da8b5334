"""Print what components log to the driver's output, with the level and the component's name.

``self.context.logger`` and ``logging.getLogger(__name__)`` of the user's own modules are shown from the pipeline's
``log-level`` on (default INFO), all other loggers from WARNING on: ``botocore`` alone would fill the task log. ::

    INFO [load] 1,204 orders                       # self.context.logger.info(…)
    WARNING [load] my_etl.orders: 3 have no id     # logging.getLogger("my_etl.orders").warning(…)

Guarantees: the user's own logging configuration takes precedence, and no line is printed twice; a record that cannot be
formatted is shown as far as possible. Only the process of a driver or of the command line is configured, never a
notebook's.
"""

from __future__ import annotations

import functools
import logging
import os
import textwrap
from collections.abc import Callable
from typing import Any

from airflow_spark_pipeline.pipeline.spec import LOG_LEVELS, PipelineSpec
from airflow_spark_pipeline.runtime.component.code_origin import Origin
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.user_errors.text import MESSAGE_LENGTH, TRACEBACK_LENGTH, name_of, shorten, text_of

COMPONENT_LOGGER = "airflow_spark_pipeline.component"
LEVEL_VARIABLE = "SPARK_PIPELINE_LOG_LEVEL"
# They log so much below WARNING that even dropping it costs time.
_NOISY = ("boto3", "botocore", "fsspec", "grpc", "py4j", "pyspark", "s3fs", "s3transfer", "urllib3")


class _Lines(logging.Handler):
    """Prints the records that no other handler prints."""

    def __init__(self, origin: Origin, mask: Callable[[str], str]) -> None:
        super().__init__()
        self._origin = origin
        self._mask = mask
        #: The components that are running.
        self.running: list[LoggedAs] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record's level is high enough for its logger, and no other handler shows it."""
        own = (
            record.name.startswith(f"{COMPONENT_LOGGER}.")
            or self._origin.is_users(record.name, record.pathname)
            or (record.name == "root" and record.pathname.startswith("<"))  # by code that was compiled from a string
        )
        return (own or record.levelno >= logging.WARNING) and not _is_shown_by_others(record.name)

    def emit(self, record: logging.LogRecord) -> None:
        """Print the event."""
        where = self._component() or "driver"
        name = "" if record.name.startswith(f"{COMPONENT_LOGGER}.") else f"{record.name}: "
        text = f"{record.levelname} [{where}] {name}{self._shown(_message(record), MESSAGE_LENGTH)}"
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            text += "\n" + self._shown(text_of(error).traceback.rstrip(), TRACEBACK_LENGTH)
        say(textwrap.indent(self._mask(text), "    "))

    def _shown(self, text: str, length: int) -> str:
        return shorten(self._mask(text), length)  # in this order: nobody would recognize half a secret

    def _component(self) -> str | None:
        """Return the component that logs: the one of this thread, or the only one that is running."""
        running = list(self.running)
        own = [each for each in running if each.is_mine()] or (running if len(running) == 1 else [])
        return own[-1].component if own else None


_showing: list[_Lines] = []


class LogPrinter:
    """Shows what the user's code logs in this process.

    :param level: ``log-level`` of the description; the environment variable ``SPARK_PIPELINE_LOG_LEVEL`` takes
        precedence
    :param origin: recognizes the user's code
    :param mask: function that masks the secrets in a text
    """

    def __init__(self, level: str, origin: Origin, mask: Callable[[str], str]) -> None:
        wanted = os.environ.get(LEVEL_VARIABLE, "").upper()
        self._level = wanted if wanted in LOG_LEVELS else level
        self._lines = _Lines(origin, mask)
        self._before = logging.root.level, logging.basicConfig

    @classmethod
    def of(cls, spec: PipelineSpec, mask: Callable[[str], str]) -> LogPrinter:
        """Return an instance for the components of a description."""
        return cls(spec.log_level, Origin(component.instance_type for component in spec.components), mask)

    def __enter__(self) -> None:
        _showing.append(self._lines)
        logging.root.addHandler(self._lines)
        logging.root.setLevel(self._level)
        for logger in map(logging.getLogger, _NOISY):
            if logger.level == logging.NOTSET:
                logger.setLevel(logging.WARNING)
        logging.basicConfig = _giving_way(logging.basicConfig, self._lines)

    def __exit__(self, *_: object) -> None:
        level, logging.basicConfig = self._before
        _showing.remove(self._lines)
        logging.root.removeHandler(self._lines)
        logging.root.setLevel(level)


class LoggedAs:
    """Names the component whose records are shown inside the block.

    :param is_mine: function that returns whether this thread belongs to the component
    """

    def __init__(self, component: str, is_mine: Callable[[], bool] = lambda: True) -> None:
        self.component = component
        self.is_mine = is_mine

    def __enter__(self) -> None:
        for lines in _showing:
            lines.running.append(self)

    def __exit__(self, *_: object) -> None:
        for lines in _showing:
            if self in lines.running:
                lines.running.remove(self)


def _giving_way(configure: Callable[..., None], lines: _Lines) -> Callable[..., None]:
    """Return ``logging.basicConfig`` as users expect it: it does nothing if the root logger has a handler."""

    @functools.wraps(configure)
    def basic_config(**arguments: Any) -> None:
        if arguments:
            logging.root.removeHandler(lines)
        configure(**arguments)

    return basic_config


def _is_shown_by_others(name: str) -> bool:
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        if any(not isinstance(handler, _Lines | logging.NullHandler) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _message(record: logging.LogRecord) -> str:
    try:
        return f"{record.getMessage()}"
    except BaseException as error:  # wrong arguments, or one whose __str__ raises
        return f"{record.msg if isinstance(record.msg, str) else '…'} (its arguments cannot be shown: {name_of(error)})"
