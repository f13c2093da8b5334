"""Watches the Spark session around each component: records what it changed, and restores that on resume.

Guarantees: what a component changed in the session is recorded with it, and set again if it is skipped. The changes of
a component that fails are undone, so that its retry, or the next component, finds the session as it was. What a resume
cannot restore (views created by hand, functions, tables of a catalog in memory) is recorded by name: it is reported
when its component is skipped, and named by the error of a component that needs it. A lost name that would now mean
something else (a table, an older view) is blocked, so that a component cannot read the wrong rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_spark_pipeline.checkpoint.state import ComponentCheckpoint
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import Step, left_behind
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.spark.connect import is_connect
from airflow_spark_pipeline.runtime.spark.missing_names import missing_names
from airflow_spark_pipeline.runtime.spark.session_reading import Objects, SessionReader
from airflow_spark_pipeline.runtime.spark.session_reading_classic import ClassicReader
from airflow_spark_pipeline.runtime.spark.session_state import (
    SessionNotRestoredError,
    difference,
    set_again,
    with_recorded,
)
from airflow_spark_pipeline.runtime.spark.session_traces import Traces, new_objects
from airflow_spark_pipeline.user_errors.text import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pyspark.sql import SparkSession

    from airflow_spark_pipeline.runtime.spark.session_state import SessionState

_WRITE_TABLE = ("airflow_spark_pipeline.components.WriteTable", "airflow_spark_pipeline.components.write.WriteTable")


class LostWithSessionError(SparkPipelineError):
    """A component needs an object that a skipped component left in the Spark session of an earlier attempt.

    That session has ended, so a retry does not help: the message says how the next attempt can have the object.
    Completed components stay completed.

    :param name: name of the view, function, table or variable
    :param component: name of the component that left it
    """

    retry_helps = False

    def __init__(self, message: str, *, name: str, component: str) -> None:
        super().__init__(message)
        self.name = name
        self.component = component


@dataclass(frozen=True)
class _Lost:
    kind: str
    name: str
    step: Step


class SessionWatch:
    """Watches the session of one attempt.

    :param is_private: function that returns whether a text holds a secret
    """

    def __init__(self, reader: SessionReader, spec: PipelineSpec, is_private: Callable[[str], bool]) -> None:
        self._reader = reader
        self._spec = spec
        self._is_private = is_private
        self._state: SessionState
        self._objects: Objects
        self._lost: list[_Lost] = []
        self._made: set[str] = set()
        self._blocked: dict[str, str] = {}
        self._is_behind = False

    @classmethod
    def watching(cls, spark: SparkSession, spec: PipelineSpec, is_private: Callable[[str], bool]) -> SessionWatch:
        """Read the session, and watch it from now on."""
        watch = cls(_reader_of(spark), spec, is_private)
        watch._read()
        return watch

    def _read(self) -> None:
        self._state, self._objects = self._reader.state(), self._reader.objects()
        self._is_behind = False

    def catch_up(self) -> None:
        """Read the session if components were skipped since: what was restored for them is not the next one's change.

        Called before a component starts. Reading after each skipped component instead would take longer than all else
        that is done for it.
        """
        if self._is_behind:
            self._read()

    def keep(self, record: ComponentCheckpoint) -> None:
        """Read only what is recorded of a component: each other change is one of the components that are running.

        Called while others are running, after a component was skipped or replayed.
        """
        names = {name.lower() for name in (*record.views, *(n for kind in record.leaves.values() for n in kind))}
        self._state = with_recorded(self._state, self._reader.state(), record.session)
        self._objects = self._objects.with_names(names, self._reader.objects())
        self._is_behind = False

    def after(
        self,
        name: str,
        views: Iterable[str] = (),
        others: Sequence[str] = (),
        ignored: Collection[str] = (),
        *,
        replays: ComponentCheckpoint | None = None,
    ) -> Traces:
        """Read the session after a successful component. Returns what the component left.

        The session is shared, so it cannot be told which of several running components changed it. The change is
        recorded with the one that ends first: if it were lost, a resumed run would do other work.

        :param name: name of the component
        :param views: names of the views that the component returned
        :param others: names of the components that are still running
        :param ignored: names of views, in lower case, that other components returned; they are recorded with those
        :param replays: record of a component that was only replayed: nothing more is recorded with it
        """
        returned = {view.lower() for view in views}
        if replays is not None and others:
            self._made |= returned
            self.keep(replays)
            return Traces()
        state, objects = self._reader.state(), self._reader.objects()
        leaves = new_objects(self._objects, objects, returned.union(ignored))
        traces = Traces(difference(self._state, state, self._is_private), leaves)
        self._state, self._objects = state, objects
        self._made |= {*returned, *(view.lower() for view in leaves.get("views", ()))}
        if others and traces != Traces():
            say(
                f"    Warning: the session changed while {', '.join((name, *others))} were running, so it is not known "
                f"which of them changed it; recorded with {name}: {traces}"
            )
        return traces

    def put_back(self, others: Sequence[str] = ()) -> None:
        """Restore the session to its state before a component that failed.

        :param others: names of the components that are still running: then nothing is restored, since they may have
            changed the session, too
        """
        if others:
            return
        try:
            _, refused = set_again(difference(self._reader.state(), self._state, withhold=False), self._reader)
        except Exception as error:  # the component's own error must be reported, not this one
            refused = [text_of(error).line.splitlines()[0]]
        if refused:
            say(f"    the session cannot be restored: {'; '.join(refused)}")

    def skipped(self, step: Step, record: ComponentCheckpoint, restored: Iterable[str]) -> None:
        """Set again what a skipped component had changed, and report what is lost.

        :param restored: names of the component's views that were restored in this session
        :raises SessionNotRestoredError: the next component would read and write other tables
        """
        path = self._spec.components[step.index].path
        try:
            done, refused = set_again(record.session, self._reader)
        except SessionNotRestoredError as error:
            raise SessionNotRestoredError(
                f"{step.name} is skipped ({step.reason}), but the {error}. Set replay-on-resume = true on {path}"
            ) from error
        if done:
            say(f"    set again {', '.join(done)} (from {step.name})")
        replay = f"set replay-on-resume = true on {path} if a later component needs this"
        if refused:
            say(f"    cannot set again {'; '.join(refused)} (from {step.name}); {replay}")
        if withheld := record.session.get("withheld"):
            say(f"    secrets are not set again: {', '.join(withheld)} (from {step.name}); {replay}")
        self._made |= {view.lower() for view in restored}
        self._miss(step, record, {view.lower() for view in restored}, replay)
        self._is_behind = True

    def _miss(self, step: Step, record: ComponentCheckpoint, restored: set[str], replay: str) -> None:
        is_complete = not record.leaves and restored.issuperset(view.lower() for view in record.views)
        there = {} if is_complete else self._there()
        gone = {
            kind: [name for name in names if name.lower() not in there.get(kind, ())]
            for kind, names in record.leaves.items()
        }
        gone = {kind: names for kind, names in gone.items() if names}
        unsaved = [v for v in record.views if v.lower() not in restored and v.lower() not in there.get("views", ())]
        self._lost += [_Lost(kind.removesuffix("s"), name, step) for kind, names in gone.items() for name in names]
        self._lost += [_Lost("view", view, step) for view in unsaved]
        config = self._spec.components[step.index]
        if config.instance_type in _WRITE_TABLE and "table" in config.instance_config:
            self._lost.append(_Lost("table", str(config.instance_config["table"]), step))
        for view in {*gone.get("views", ()), *unsaved}:
            self._block(view, step)
        if gone:
            say(f"    Warning: {step.name} left {left_behind(gone)}, which this session does not have; {replay}")

    def _there(self) -> dict[str, set[str]]:
        """Return the names of the session's objects in lower case, without the views that components returned."""
        objects = self._reader.objects()
        return {
            "views": {view.lower() for view in objects.views} - self._made,
            "functions": {name.lower() for name in objects.functions},
            "tables": {name.lower() for name in objects.tables},
        }

    def _block(self, view: str, step: Step) -> None:
        """Block the name of a lost view, so that a component cannot read something else under it."""
        if "." in view or not (view.lower() in self._made or self._reader.spark.catalog.tableExists(_quoted(view))):
            return
        marker = f"view {view} of {step.name} is not in this session"
        name, column, text = (_quoted(view), _quoted(marker), marker.replace("\\", "\\\\").replace("'", "\\'"))
        self._reader.spark.sql(
            f"CREATE OR REPLACE TEMPORARY VIEW {name} AS SELECT id AS {column} FROM range(1) "  # noqa: S608  # quoted
            f"WHERE coalesce(CAST(raise_error('{text}') AS BOOLEAN), id >= 0)"
        )
        self._blocked[view] = marker

    def stop(self) -> None:
        """Stop watching."""
        self._reader.stop()

    def close(self) -> None:
        """Drop the views that block names."""
        for view, marker in self._blocked.items():
            if self._reader.spark.table(_quoted(view)).columns == [marker]:
                self._reader.spark.catalog.dropTempView(view)

    def explained(self, error: BaseException, step: Step) -> BaseException:
        """Return the error, or one that names the skipped component whose view, function or table is missing."""
        missing = missing_names(error, self._blocked) if self._lost else set()
        lost = next((lost for lost in reversed(self._lost) if lost.name.lower() in missing), None)
        return error if lost is None else self._named(error, step, lost)

    def _named(self, error: BaseException, step: Step, lost: _Lost) -> LostWithSessionError:
        path = self._spec.components[lost.step.index].path
        ended = "the in-memory catalog that contained it" if lost.kind == "table" else "the Spark session that had it"
        way = f"Set replay-on-resume = true on {path}"
        if lost.kind == "view":
            way += f", or return the DataFrame from run() with save-outputs = true and force {lost.step.name}"
        if lost.kind == "table":
            way = (
                f"Keep tables in a metastore (spark.sql.catalogImplementation = hive) or write files instead; then "
                f"force {lost.step.name}, or set replay-on-resume = true on {path}"
            )
        message = (
            f"{step.name} needs the {lost.kind} {lost.name} of {lost.step.name}, which was skipped "
            f"({lost.step.reason.partition(';')[0]}): {ended} has ended. {way}. ({text_of(error).line.splitlines()[0]})"
        )
        named = LostWithSessionError(message, name=lost.name, component=lost.step.name)
        named.__cause__ = error
        return named


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _reader_of(spark: SparkSession) -> SessionReader:
    """Return the reader for this kind of session."""
    if is_connect(spark):
        from airflow_spark_pipeline.runtime.spark.session_reading_connect import ConnectReader

        return ConnectReader(spark)
    return ClassicReader(spark)
