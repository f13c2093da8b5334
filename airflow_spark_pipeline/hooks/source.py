"""Where the description of a pipeline comes from: a file, a URL, or the text itself.

Read when the task runs, never while a DAG file is parsed. A file is rendered with Jinja before it is parsed, with
other comment marks than Jinja's own, since ``{#`` opens an object with a comment in HOCON.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem

if TYPE_CHECKING:
    from jinja2 import Environment

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_COMMENT_MARKS = ("<#jinja", "jinja#>")


@dataclass(frozen=True, slots=True)
class PipelineSource:
    """The text of a description, and where it came from.

    :param file: its name for messages, ``None`` for text that the DAG holds
    :param base_dir: where relative includes are looked up, ``None`` where there is no such place
    """

    text: str
    file: str | None = None
    base_dir: Path | None = None


def read_source(pipeline: str, dag_dir: Path) -> PipelineSource:
    """Read what the operator's ``pipeline`` argument names.

    :param pipeline: a path (relative ones are looked up beside the DAG file), a URL, or HOCON text
    :param dag_dir: the directory of the DAG file
    :raises PipelineDefinitionError: it cannot be read
    """
    if "\n" in pipeline or "{" in pipeline:
        return PipelineSource(pipeline, None, dag_dir)
    if _URL.match(pipeline):
        return PipelineSource(_read_url(pipeline), pipeline)
    if not pipeline.strip():
        raise _problem("the argument pipeline is empty: give a path, a URL, or the text itself", None)
    path = Path(pipeline)
    if not path.is_absolute():
        path = dag_dir / path
    if not path.exists():
        beside = "" if Path(pipeline).is_absolute() else " (relative paths are looked up beside the DAG file)"
        raise _problem(f"there is no such file{beside}", str(path))
    if path.is_dir():
        raise _problem("is a directory; name the .conf file", str(path))
    return PipelineSource(_decode(path.read_bytes, str(path)), str(path), path.parent)


def render(source: PipelineSource, context: Mapping[str, Any], environment: Environment) -> PipelineSource:
    """Render the Jinja expressions of a file's text.

    :raises PipelineDefinitionError: an expression is wrong, or names something that does not exist
    """
    if source.file is None:  # Airflow has rendered the argument itself already; twice would run what a value holds
        return source
    if "{{" not in source.text and "{%" not in source.text:
        return source
    from jinja2 import TemplateError  # nothing of it is needed while a DAG file is parsed

    try:
        text = hocon_environment(environment).from_string(source.text).render(**context)
    except Exception as error:
        # Besides Jinja's own errors, whatever an expression raises: {{ 1 / 0 }}, a macro of the user.
        said = str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
        raise _problem(f"Jinja: {said}", source.file, _template_line(error)) from error
    return PipelineSource(text, source.file, source.base_dir)


def hocon_environment(environment: Environment) -> Environment:
    """Return the environment with comment marks that HOCON does not use."""
    opens, closes = _COMMENT_MARKS
    return environment.overlay(comment_start_string=opens, comment_end_string=closes)


def _template_line(error: Exception) -> int | None:
    """Return the line of the template; Jinja shows its templates as frames of a file called ``<template>``."""
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_code.co_filename == "<template>"]
    line: int | None = getattr(error, "lineno", lines[-1] if lines else None)
    return line


def _read_url(url: str) -> str:
    from airflow.sdk import ObjectStoragePath  # nothing of it is needed while a DAG file is parsed

    try:
        return _decode(ObjectStoragePath(url).read_bytes, url)
    except PipelineDefinitionError:
        raise
    except Exception as error:
        # Each file system raises classes of its own; all of them mean that the file cannot be had.
        raise _problem(f"cannot be read: {type(error).__name__}: {error}", url) from error


def _decode(read: Any, file: str) -> str:
    try:
        text: str = read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise _problem(f"is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}", file) from error
    except OSError as error:
        raise _problem(f"cannot be read: {error.strerror or error}", file) from error
    return text


def _problem(message: str, file: str | None, line: int | None = None) -> PipelineDefinitionError:
    return PipelineDefinitionError([Problem(message, file=file, line=line)])
