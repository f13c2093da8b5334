"""Saved outputs: the DataFrames that a component returned, written next to the checkpoint and restored on resume.

Guarantees: a DataFrame is computed once, since the view of the fresh run also reads the saved files; a path is written
by only one attempt at one component, and before the commit that names it; a restored DataFrame has the saved column
types, names (even two columns of the same name) and metadata, and all its files are checked to exist before its
component counts as done. Not kept: ``nullable = false`` (a file source cannot promise it), order of rows, partitioning,
caching.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from airflow_spark_pipeline.exceptions import CheckpointLocationError, SparkPipelineError
from airflow_spark_pipeline.runtime.spark.threads import at_once
from airflow_spark_pipeline.runtime.spark.versions import writing_ancient_dates

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

_AT_ONCE = 4  # as Spark's own jobs, they share the executors; most of the time of a small one is not spent there
_NAME_LENGTH = 80  # of a directory; file systems allow 255 bytes, and Spark makes names longer
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")
_HADOOP = {"s3": "s3a", "s3n": "s3a"}  # Hadoop's name for the scheme that fsspec calls s3


class OutputLostError(Exception):
    """A saved output cannot be used: a file of it is gone, or its path is outside the directory of the run."""


class OutputNotSavedError(SparkPipelineError):
    """``save-outputs`` cannot write a DataFrame, for example a struct with two fields of the same name.

    A retry does not help: cast the column, or set ``save-outputs = false`` on the component.

    :param view: name of the view that the DataFrame was returned as
    """

    retry_helps = False

    def __init__(self, message: str, *, view: str) -> None:
        super().__init__(message)
        self.view = view


def spark_path(path: str) -> str:
    """Return a path below a checkpoint location as Spark names it.

    :raises CheckpointLocationError: Spark cannot write there
    """
    match = _SCHEME.match(path)
    if match is None:
        return f"file://{path}"
    scheme = match[1].lower()
    if scheme == "memory":
        raise CheckpointLocationError("Outputs cannot be saved in memory://; use a directory, file:// or s3a://.")
    if scheme == "file":
        # As in Hadoop, a question mark or a hash is a part of the path; a host is left out.
        return "file://" + unquote(re.sub(r"file:(//[^/]*)?", "", path, count=1, flags=re.IGNORECASE))
    return f"{_HADOOP.get(scheme, scheme)}{path[len(match[1]) :]}"


def save(
    frames: Mapping[str, DataFrame], directory: str, spark: SparkSession, *, component: str = "", path: str = ""
) -> tuple[dict[str, dict[str, Any]], dict[str, DataFrame]]:
    """Write each DataFrame as Parquet to its own path, several at a time.

    :param directory: directory that only this attempt at the component writes to
    :param component: name of the component, for messages
    :param path: path of the component in the description, for messages
    :return: what the commit records about them, and the DataFrames that read the saved files, by view
    :raises OutputNotSavedError: Parquet cannot hold the columns of a DataFrame
    """

    def write(index: int, view: str) -> Callable[[], tuple[dict[str, Any], DataFrame]]:
        # The number in front stops a name such as ".." from leaving the directory, and "_x" from being hidden.
        target = spark_path(f"{directory}/{index:02d}-{_file_name(view)}")
        return lambda: _written(frames[view], view, target, spark, component, path)

    saved = at_once(spark, [write(index, view) for index, view in enumerate(frames)], _AT_ONCE)
    by_view = dict(zip(frames, saved, strict=True))
    return {view: output for view, (output, _) in by_view.items()}, {view: read for view, (_, read) in by_view.items()}


def _written(
    frame: DataFrame, view: str, target: str, spark: SparkSession, component: str, path: str
) -> tuple[dict[str, Any], DataFrame]:
    from pyspark.errors import AnalysisException

    schema = frame.schema  # on Spark Connect a DataFrame that cannot be computed raises here
    try:
        return _saved(frame, schema, target, spark)
    except AnalysisException as error:
        why = (str(error).strip() or "(no message)").splitlines()[0]
        raise OutputNotSavedError(
            f"{component} returned the view {view!r}, which save-outputs cannot keep as Parquet: {why} Change its "
            f"columns, or set save-outputs = false on {path} (and replay-on-resume = true, if a later component "
            "reads the view)",
            view=view,
        ) from error


def _saved(frame: DataFrame, schema: StructType, target: str, spark: SparkSession) -> tuple[dict[str, Any], DataFrame]:
    output: dict[str, Any] = {"path": target, "schema": schema.jsonValue()}
    stored = _with_names(frame)
    with writing_ancient_dates(spark):
        stored.write.parquet(target)
    if stored is not frame:
        output["stored"] = stored.schema.jsonValue()
    # Read back immediately: files that can be written but not read must fail now, not when a run resumes.
    read = _read(output, spark)
    files = _files(read)
    if not files["count"]:  # Spark writes at least one file, also of an empty DataFrame
        raise CheckpointLocationError(
            f"Spark wrote {target}, but the driver finds no file there: executors on other machines have written to "
            "their own disks. Use a checkpoint location that the driver and all executors share."
        )
    return {**output, "files": files}, read


def restore_all(
    saved: Mapping[str, Mapping[str, Mapping[str, Any]]], spark: SparkSession, below: str
) -> tuple[dict[str, dict[str, DataFrame]], dict[str, str]]:
    """Restore the saved outputs of several components, several at a time.

    :param saved: saved outputs by component
    :param below: directory of this run's outputs
    :return: the DataFrames by component and view, and why those of the other components are lost
    """

    def look(outputs: Mapping[str, Mapping[str, Any]]) -> dict[str, DataFrame] | OutputLostError:
        try:
            return restore(outputs, spark, below)
        except OutputLostError as lost:
            return lost

    found = dict(zip(saved, at_once(spark, [partial(look, each) for each in saved.values()], _AT_ONCE), strict=True))
    lost = {component: str(each) for component, each in found.items() if isinstance(each, OutputLostError)}
    return {component: each for component, each in found.items() if not isinstance(each, OutputLostError)}, lost


def restore(outputs: Mapping[str, Mapping[str, Any]], spark: SparkSession, below: str) -> dict[str, DataFrame]:
    """Return a component's saved DataFrames, keyed by view, after checking that all their files exist.

    :param below: directory of this run's outputs; recorded paths outside it are never read
    :raises OutputLostError: a saved output is lost
    """
    root, frames = f"{spark_path(below)}/", {}
    for view, output in outputs.items():
        if not str(output["path"]).startswith(root):
            raise OutputLostError(f"the saved output of view {view!r} is not below {root}: {output['path']}")
        try:
            frame = _read(output, spark)
            found = _files(frame)
        except Exception as error:
            if "PATH_NOT_FOUND" not in str(error):
                raise
            found = {}
        if found != output["files"]:
            raise OutputLostError(f"the saved output of view {view!r} is no longer complete: {output['path']}")
        frames[view] = frame
    return frames


def _file_name(view: str) -> str:
    """Return a name for a view's directory: the view's name if it is short, otherwise its beginning and a digest."""
    name = quote(view, safe="")
    if len(name) <= _NAME_LENGTH:
        return name
    digest = hashlib.sha256(view.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{re.sub('%[0-9A-F]?$', '', name[: _NAME_LENGTH - 17])}-{digest}"


def _with_names(frame: DataFrame) -> DataFrame:
    """Return the DataFrame with distinct column names: numbers if two are equal or differ only in case."""
    names = [name.lower() for name in frame.columns]
    if len(set(names)) == len(names) and "" not in names:
        return frame
    return frame.toDF(*(f"c{index}" for index in range(len(names))))


def _read(output: Mapping[str, Any], spark: SparkSession) -> DataFrame:
    from pyspark.sql.types import StructType

    schema = StructType.fromJson(dict(output["schema"]))
    stored = StructType.fromJson(dict(output["stored"])) if "stored" in output else schema
    frame = _read_files(stored, str(output["path"]), spark)
    return frame if stored is schema else frame.toDF(*schema.names)


def _read_files(schema: StructType, path: str, spark: SparkSession) -> DataFrame:
    # Without it Spark infers the schema: an empty DataFrame, or a column that is always null, would lose its type.
    # Nor may it read a [ or { in the path as a pattern, which it does not when it writes.
    return spark.read.option("__globPaths__", "false").schema(schema).parquet(path)


def _files(frame: DataFrame) -> dict[str, Any]:
    names = sorted(posixpath.basename(file) for file in frame.inputFiles())
    return {"count": len(names), "names": hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]}
