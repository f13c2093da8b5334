"""Reads the description of a pipeline: from a file, a URL, or the text itself.

Read when the task runs, never while a DAG file is parsed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.existing_files import may_exist
from airflow_spark_pipeline.secrets import mask_text

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True, slots=True)
class PipelineSource:
    """The text of a description, and its origin.

    :param file: name of the file, for messages; ``None`` for text in the DAG file
    :param base_dir: directory of relative includes; ``None`` if there is none
    :param is_final: whether it is not a template, because it comes from a value of the DAG run
    """

    text: str
    file: str | None = None
    base_dir: Path | None = None
    is_final: bool = False


def read_source(pipeline: str, dag_dir: Path, searchpath: Sequence[str] = ()) -> PipelineSource:
    """Read what the operator's ``pipeline`` argument names.

    :param pipeline: a path (relative ones start in the directory of the DAG file), a URL, or HOCON text
    :param dag_dir: the directory of the DAG file
    :param searchpath: further directories for relative paths, such as the DAG's ``template_searchpath``
    :raises PipelineDefinitionError: it cannot be read
    """
    if "\n" in pipeline or "{" in pipeline:
        return PipelineSource(pipeline, None, dag_dir, is_final=True)
    if _URL.match(pipeline):
        return PipelineSource(_read_url(pipeline), mask_text(pipeline))
    if not pipeline.strip():
        raise _problem("the argument pipeline is empty: give a path, a URL, or the text itself", None)
    path = Path(pipeline)
    if not path.is_absolute():
        candidates = [dag_dir / path, *(Path(directory, path) for directory in searchpath)]
        path = next((each for each in candidates if may_exist(each)), candidates[0])
    if not may_exist(path):
        raise _problem(f"there is no such file{_looked_in(pipeline, searchpath)}", str(path))
    if os.path.isdir(path):
        raise _problem("is a directory; name the .conf file", str(path))
    return PipelineSource(_decode(path.read_bytes, str(path)), str(path), path.parent)


def _looked_in(pipeline: str, searchpath: Sequence[str]) -> str:
    if Path(pipeline).is_absolute():
        return ""
    also = f", then in template_searchpath: {', '.join(searchpath)}" if searchpath else ""
    return f" (relative paths are looked up next to the DAG file{also})"


def _read_url(url: str) -> str:
    from airflow.sdk import ObjectStoragePath  # not needed while a DAG file is parsed

    try:
        return _decode(ObjectStoragePath(url).read_bytes, url)
    except PipelineDefinitionError:
        raise
    except Exception as error:
        # Each file system raises its own classes; all of them mean that the file cannot be read.
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
    # A URL may hold a password or a signature.
    shown = None if file is None else mask_text(file)
    return PipelineDefinitionError([Problem(mask_text(message), file=shown, line=line)])
