"""Saved outputs: the frames that a component returned, written beside the checkpoint and restored on resume.

Promises: a frame is computed once, since the view of the fresh run reads the saved files as well; a path is written by
one attempt at one component only, and before the commit that names it; what is restored has the saved column types,
names and metadata, and is checked to be all there before its component is trusted as done. Not kept: ``nullable =
false`` (a file source cannot promise it), order of rows, partitioning, caching.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from airflow_spark_pipeline.exceptions import CheckpointLocationError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")
_HADOOP = {"s3": "s3a", "s3n": "s3a"}  # how Hadoop's own client calls what fsspec calls s3


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
        return f"file://{unquote(urlsplit(path).path)}"
    return f"{_HADOOP.get(scheme, scheme)}{path[len(match[1]) :]}"


def save(frames: Mapping[str, DataFrame], directory: str, spark: SparkSession) -> dict[str, dict[str, Any]]:
    """Write each frame as Parquet to a path of its own. Returns what the commit keeps of them.

    :param directory: nobody else writes there
    """
    outputs: dict[str, dict[str, Any]] = {}
    for index, (view, frame) in enumerate(frames.items()):
        # The number in front keeps names such as ".." from being a way out, and "_x" from being hidden.
        path = spark_path(f"{directory}/{index:02d}-{quote(view, safe='')}")
        frame.write.parquet(path)
        output = {"path": path, "schema": frame.schema.jsonValue()}
        outputs[view] = {**output, "files": _files(_read(output, spark))}
    return outputs


def restore(outputs: Mapping[str, Mapping[str, Any]], spark: SparkSession) -> dict[str, DataFrame]:
    """Return the saved frames, by view."""
    return {view: _read(output, spark) for view, output in outputs.items()}


def missing(outputs: Mapping[str, Mapping[str, Any]], spark: SparkSession) -> str | None:
    """Return what is not there any more of a component's saved outputs, ``None`` where all is."""
    for view, output in outputs.items():
        try:
            found = _files(_read(output, spark))
        except Exception as error:
            if "PATH_NOT_FOUND" not in str(error):
                raise
            found = {}
        if found != output["files"]:
            return f"the saved output of view {view!r} is not complete any more: {output['path']}"
    return None


def _read(output: Mapping[str, Any], spark: SparkSession) -> DataFrame:
    from pyspark.sql.types import StructType

    # Spark would merge and infer without it: an empty frame, or a column that is null throughout, would lose its type.
    return spark.read.schema(StructType.fromJson(dict(output["schema"]))).parquet(str(output["path"]))


def _files(frame: DataFrame) -> dict[str, Any]:
    names = sorted(posixpath.basename(file) for file in frame.inputFiles())
    return {"count": len(names), "names": hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]}
