"""Summarizes an error of user code in one line: the error, and the user's file and line.

Guarantees: the line contains no value of a secret key in the config. Not guaranteed: that a secret under a harmless
name is recognized.
"""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.secrets import Redactor
from airflow_spark_pipeline.user_errors.archives import with_archive_hint
from airflow_spark_pipeline.user_errors.text import MESSAGE_LENGTH, frames_of, shorten, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def blame(error: BaseException, module: str, config: Mapping[str, Any] | None = None) -> str:
    """Return ``ValueError: no such region (/app/my_etl/load.py:12)``.

    :param error: exception that was raised
    :param module: name of the user's module; the reported line is the last one of the traceback in its top-level
        package
    :param config: config by path; the values of its secret keys are masked
    """
    text = shorten(
        Redactor(config or {}).mask(
            " ".join(text_of(error, lambda each: with_archive_hint(each, str(each))).line.split())
        ),
        MESSAGE_LENGTH,
    )
    place = _place(error, module.partition(".")[0])
    return f"{text} ({place})" if place else text


def _place(error: BaseException, package: str) -> str:
    if isinstance(error, SyntaxError):
        # There is no frame for that file.
        return f"{os.path.realpath(error.filename)}:{error.lineno}" if error.filename else ""
    place = ""
    for frame, line in traceback.walk_tb(frames_of(error)):
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == package:
            # During the check before a run, a single module is linked into a separate directory.
            place = f"{os.path.realpath(frame.f_code.co_filename)}:{line}"
    return place
