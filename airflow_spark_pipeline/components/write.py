"""Components that write a view to files or to a table.

A component is run again if its driver died before the component was recorded as done. A second run does the following:

* ``overwrite`` gives the same result however often it runs. Use a separate path for each run, such as
  ``…/day=2026-01-31``. It is not atomic for plain files: Spark first deletes and then writes, so a reader sees nothing
  in between, and after a failure neither the old nor the new data exists until the run is resumed.
* ``append`` adds the rows a second time if the first run had written them before it died.
* ``error`` (Spark's default) fails if the first run left anything behind, complete or not, until it is deleted.
* ``ignore`` accepts anything that exists as the result, even half-written data: use it only for data that may be lost.

A managed *table* of plain files is special: Spark registers it after its files are written. If a run is killed in
between, Spark rejects the existing files, even for ``overwrite``. Tables of a format with commits (Delta, Iceberg) have
none of these problems.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from airflow_spark_pipeline.components.partitions import partition_key, partitions_of, rows_of
from airflow_spark_pipeline.components.views import check_given, check_view_name, frame_of
from airflow_spark_pipeline.components.written import check_asset, say_written, uri_of_path, uri_of_table
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.spark.versions import condition_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pyspark.sql import DataFrame, SparkSession

# For these formats Spark deletes the old files before it reads; Delta, Iceberg and Hudi read a snapshot, which
# survives.
_DELETE_FIRST = {"parquet", "orc", "csv", "json", "text", "xml", "avro"}

_ADVICE = {
    "PATH_ALREADY_EXISTS": "if an attempt that died has created it, delete it, or set mode = overwrite",
    "TABLE_OR_VIEW_ALREADY_EXISTS": "set mode to overwrite or append, or drop the table",
    "LOCATION_ALREADY_EXISTS": "not as a table, but as files at its location; an attempt that was "
    "killed before Spark registered the table leaves them: delete them",
}
_IN_MEMORY = (
    "not as a table, but as files at its location: Spark's catalog is in memory here "
    "(spark.sql.catalogImplementation = in-memory), so tables of earlier Spark applications are lost, "
    "but their files remain. Delete the files, and keep tables in a metastore "
    "(spark.sql.catalogImplementation = hive), or use WriteFiles"
)

Mode = Literal["error", "overwrite", "append", "ignore"]


class UnsafeOverwriteError(SparkPipelineError):
    """The files that a view reads would be deleted before they are read.

    A retry does not help: write to another path. Nothing has been deleted.

    :param path: path that was to be overwritten
    """

    retry_helps = False

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class TargetExistsError(SparkPipelineError):
    """The path or table to write already exists; an attempt that died may have left it.

    A retry does not help: delete the target, or let the component overwrite it. Nothing has been changed.

    :param target: path or table that exists
    """

    retry_helps = False

    def __init__(self, message: str, *, target: str) -> None:
        super().__init__(message)
        self.target = target


@dataclass
class WriteFiles(Component):
    """Write a view to files.

    :param view: name of the view to write
    :param path: path or URI of the directory to write
    :param format: any format of ``DataFrame.write`` (``parquet``, ``csv``, ``json``, ``orc``, ``delta``, …)
    :param mode: what to do if the path exists; the module's docstring says what this means for a resumed run
    :param partition_by: names of columns that become directories. ``overwrite`` still replaces the whole path, unless
        the option ``partitionOverwriteMode`` is ``dynamic``
    :param options: options of Spark's writer, such as ``{ compression = zstd }``
    :param coalesce: maximum number of files (in each partition directory); with 1, one task writes everything
    :param by_partition: write the partitions one after another, and record each as a part, so that a resumed run writes
        the missing ones. ``overwrite`` then replaces only partitions that the view has, and ``append`` can add only
        those of one partition twice. Spark computes the view for each partition: save it, or read it from files
    :param asset: URI of the asset whose event Airflow gets; default: the path. Set it to the part of the path that is
        the same in each run, or to ``""`` for no event
    :raises ValueError: a setting is empty or out of range, or the view's name is not an identifier
    """

    view: str
    path: str
    format: str = "parquet"
    mode: Mode = "error"
    partition_by: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict, repr=False)  # may hold credentials
    coalesce: int | None = None
    asset: str | None = None
    by_partition: bool = False

    def __post_init__(self) -> None:
        check_view_name(self.view)
        check_given("path", self.path)
        check_given("format", self.format)
        if self.coalesce is not None and self.coalesce < 1:
            raise ValueError(f"coalesce is {self.coalesce}; at least one file is needed")
        check_asset(self.asset)
        if self.by_partition and not self.partition_by:
            raise ValueError("by-partition needs partition-by: the columns whose partitions are written one by one")
        if self.by_partition and self.mode not in ("overwrite", "append"):
            raise ValueError(
                f"by-partition does not work with mode {self.mode!r}, which looks at the whole path: set mode to "
                "overwrite or append"
            )

    def reads_views(self) -> Collection[str]:
        """Return the view."""
        return (self.view,)

    def run(self, spark: SparkSession) -> None:
        """Write the files.

        :raises TargetExistsError: the mode is ``error`` and the path exists
        :raises UnsafeOverwriteError: the view reads from the path to overwrite
        :raises UnknownViewError: there is no such view
        """
        frame = frame_of(spark, self.view)
        if self.mode == "overwrite" and self.format.lower() in _DELETE_FIRST:
            _refuse_own_input(spark, frame, self.view, self.path)
        with _explaining(self.path, spark):
            for rows in self._partitions(frame) if self.by_partition else (frame,):
                self._write(rows)
        if self.mode != "ignore":  # Spark does not tell whether it has written
            uri = uri_of_path(spark, self.path) if self.asset is None else self.asset
            say_written(self, uri, format=self.format, mode=self.mode)

    def _partitions(self, frame: DataFrame) -> Iterator[DataFrame]:
        """Give the rows of each partition that is not recorded yet; it is recorded when the next one is asked for."""
        columns = self.partition_by
        found = partitions_of(frame, columns)
        for values in self.context.parts(found, key=lambda each: partition_key(columns, each)):
            yield rows_of(frame, columns, values)

    def _write(self, frame: DataFrame) -> None:
        if self.coalesce is not None:
            frame = frame.coalesce(self.coalesce)
        writer = frame.write.format(self.format).mode(self.mode)
        for key, value in self.options.items():
            writer = writer.option(key, value)
        if self.partition_by:
            writer = writer.partitionBy(*self.partition_by)
        if self.by_partition:
            writer = writer.option("partitionOverwriteMode", "dynamic")
        writer.save(self.path)


@dataclass
class WriteTable(Component):
    """Write a view to a table of the catalog, and create the table if it does not exist.

    :param view: name of the view to write
    :param table: name of the table, with catalog and schema if needed
    :param mode: what to do if the table exists; the module's docstring says what this means for a resumed run.
        ``overwrite`` replaces the table and its definition; Spark rejects it if the view reads from the table.
        ``append`` matches columns by name
    :param format: format of a new table; default: the catalog's format
    :param partition_by: names of columns to partition the table by; to append, the same as the table's
    :param options: options of Spark's writer
    :param asset: URI of the asset whose event Airflow gets; default: ``x-spark-table://catalog/schema/table``;
        ``""`` for no event
    :raises ValueError: a setting is empty, or the view's name is not an identifier
    """

    view: str
    table: str
    mode: Mode = "error"
    format: str | None = None
    partition_by: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict, repr=False)
    asset: str | None = None

    def __post_init__(self) -> None:
        check_view_name(self.view)
        check_given("table", self.table)
        check_asset(self.asset)

    def reads_views(self) -> Collection[str]:
        """Return the view."""
        return (self.view,)

    def run(self, spark: SparkSession) -> None:
        """Write the table.

        :raises TargetExistsError: the mode is ``error`` and the table exists, or there are files in its place
        :raises UnknownViewError: there is no such view
        """
        writer = frame_of(spark, self.view).write.mode(self.mode)
        if self.format is not None:
            writer = writer.format(self.format)
        for key, value in self.options.items():
            writer = writer.option(key, value)
        if self.partition_by:
            writer = writer.partitionBy(*self.partition_by)
        with _explaining(self.table, spark):
            writer.saveAsTable(self.table)
        if self.mode != "ignore":
            say_written(self, uri_of_table(spark, self.table) if self.asset is None else self.asset, mode=self.mode)


@contextlib.contextmanager
def _explaining(target: str, spark: SparkSession) -> Iterator[None]:
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        advice = _ADVICE.get(condition_of(error))
        if condition_of(error) == "LOCATION_ALREADY_EXISTS":
            location = (error.getMessageParameters() or {}).get("location")
            advice = _IN_MEMORY if spark.conf.get("spark.sql.catalogImplementation") == "in-memory" else advice
            advice = f"{advice} ({location})" if location else advice
        if advice is None:
            raise
        raise TargetExistsError(f"{target} exists already; {advice}", target=target) from error


def _refuse_own_input(spark: SparkSession, frame: DataFrame, view: str, path: str) -> None:
    """Reject an overwrite of the view's own input. Best effort: a cached DataFrame or a subquery hides its files."""
    parts = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?", "", posixpath.normpath(path)).split("/")
    inside = "/".join(["", *(part for part in parts if part not in ("", ".", "..")), ""])
    inputs = {_identity(file) for file in frame.inputFiles() if inside in unquote(file)}
    # Only Spark knows the default file system, so let it resolve the target path.
    if inputs and (own := inputs & _files_under(spark, path)):
        raise UnsafeOverwriteError(
            f"view {view!r} reads {len(own):,} of the files under {path}, which this component would overwrite: Spark"
            " deletes them before it reads them. Write to another path",
            path=path,
        )


def _files_under(spark: SparkSession, path: str) -> set[str]:
    from pyspark.errors import AnalysisException

    # As text, which needs no schema; recursive, since the partition directories may be inconsistent.
    try:
        files = spark.read.format("text").option("recursiveFileLookup", "true").load(path).inputFiles()
    except AnalysisException as error:
        if condition_of(error) == "PATH_NOT_FOUND":
            return set()
        raise
    return {_identity(file) for file in files}


def _identity(file: str) -> str:
    scheme, _, rest = file.partition(":")
    return f"{'s3' if scheme in ('s3', 's3a', 's3n') else scheme}:{rest}"
