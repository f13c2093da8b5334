"""Reads the state of a Spark Connect session, with as few calls to the server as possible.

Settings are read after each component, in one call. The client's commands are observed: anything else is read only if a
command may have changed it: the SQL path after ``SET PATH``, session variables after statements about them (see
``session_variables_connect``). Components that run at the same time send commands while the session is read: a command
is noted when the server has answered, and what is noted during a reading is read by the next one.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airflow_spark_pipeline.runtime.spark.session_reading import Objects, SessionReader
from airflow_spark_pipeline.runtime.spark.session_state import SessionState
from airflow_spark_pipeline.runtime.spark.session_variables_connect import SessionVariables
from airflow_spark_pipeline.runtime.spark.versions import settings_of

# First words of statements that may change the session; other statements only read or write data.
_CHANGES = re.compile(r"\b(?:create|declare|set|reset|use|drop|alter|begin|execute|clear|uncache)\b", re.IGNORECASE)
_SET_PATH = re.compile(r"\bset\s+path\s*=(.*)", re.IGNORECASE | re.DOTALL)
_CURRENT = re.compile(r"(?<![.`])\b(?:current_schema|current_database|default_path)\b", re.IGNORECASE)
_SAME_PATH = re.compile(r"(?<![.`])\bpath\b", re.IGNORECASE)
_PATH_ENTRY = re.compile(r"(?:`(?:[^`]|``)*`|[^`,])+")
_PATHS = "spark.sql.path.enabled"
_OURS = "_spark_pipeline_"
_HEARD = ("_execute", "_execute_and_fetch_as_iterator")  # methods of pyspark's client


class ConnectReader(SessionReader):
    """Reader of a session on a Spark Connect server."""

    def __init__(self, spark: Any) -> None:
        super().__init__(spark)
        self._lock = (
            threading.RLock()
        )  # of what commands change; a generator that is collected in between notes one, too
        self._place = ("", "")
        self._place_stale = self._objects_stale = True
        self._counter = itertools.count()
        self._made: dict[str, int] = {}
        self._registered: dict[str, int] = {}
        self._variables = SessionVariables(spark)
        self._path: str | None = None
        self._path_stale = False
        self._path_follows = True  # whether the path has an entry for the current database, as the default has
        self._listens = _listen(spark.client, self._heard)

    def state(self) -> SessionState:
        """Return the state of the session."""
        if self._place_stale or not self._listens:
            self._place_stale = False  # before it is read: a command that is noted meanwhile sets it again
            self._place = (self._spark.catalog.currentCatalog(), self._spark.catalog.currentDatabase())
        conf = dict(settings_of(self._spark))
        return SessionState(conf, *self._place, path=self._current_path(conf), variables=self._variables.values())

    def stop(self) -> None:
        """Stop listening to the client; otherwise it would call one more reader with each run in the session."""
        for name in _HEARD:
            self._spark.client.__dict__.pop(name, None)

    def _current_path(self, conf: Mapping[str, str]) -> str | None:
        """Return the SQL path that was set, with ``CURRENT_SCHEMA`` for the entry that follows ``USE``."""
        if self._path_stale:
            self._path_stale = False
            # Without the setting, the statement has failed; before Spark 4.2 it sets a setting of this name.
            is_on = conf.get(_PATHS) == "true"
            self._path = self._read_path() if is_on else None
        return self._path

    def _read_path(self) -> str:
        ((path,),) = self._spark.sql("SELECT current_path()").collect()
        entries = [entry.strip() for entry in _PATH_ENTRY.findall(path)]
        here = [".".join(map(_quoted_if_necessary, self._place))] if self._path_follows else []
        return ", ".join("CURRENT_SCHEMA" if entry in here else entry for entry in entries)

    def set_path(self, path: str | None) -> None:
        """Set the SQL path, in which names are looked up; the default path also if the setting for paths is off."""
        before = dict(settings_of(self._spark)).get(_PATHS)
        try:
            if path is None:
                self.set_conf(_PATHS, "true")
            super().set_path(path)
        finally:
            if path is None:
                self.set_conf(_PATHS, before)
        self._path, self._path_stale = path, False

    def objects(self) -> Objects:
        """Return the objects that exist only in this session."""
        if self._objects_stale or not self._listens:
            self._objects_stale = False  # as above
            since = next(self._counter)
            views = self._spark.sql("SHOW VIEWS IN global_temp").collect()
            functions = self._spark.sql("SHOW USER FUNCTIONS").collect()
            found = {f"global_temp.{row.viewName}" if row.namespace else str(row.viewName) for row in views}
            # Permanent functions are listed with their catalog and database.
            temporary = {str(row.function) for row in functions if "." not in row.function}
            with self._lock:
                self._made = _merged(self._made, found, since)
                self._registered = _merged(self._registered, temporary, since)
        with self._lock:
            return Objects(dict(self._made), dict(self._registered), variables=dict(self._variables.unreadable))

    def use(self, catalog: str, database: str) -> None:
        """Make a database the current one."""
        super().use(catalog, database)
        self._place_stale = True

    def _heard(self, plan: Any) -> None:
        """Note what a request may have changed: the current catalog and database, the objects, or nothing."""
        with self._lock:
            self._heard_plan(plan)

    def _heard_plan(self, plan: Any) -> None:
        if plan.HasField("command"):
            self._heard_command(plan.command)
        elif not plan.HasField("root"):  # compressed
            self._place_stale = self._objects_stale = True
        elif plan.root.HasField("catalog"):
            call = plan.root.catalog
            kind = call.WhichOneof("cat_type")
            if kind in ("set_current_database", "set_current_catalog"):
                self._place_stale = True
            elif kind in ("drop_temp_view", "drop_global_temp_view"):
                view = getattr(call, kind).view_name
                self._made.pop(view if kind == "drop_temp_view" else f"global_temp.{view}", None)

    def _heard_command(self, command: Any) -> None:
        kind = command.WhichOneof("command_type")
        if kind == "create_dataframe_view":
            view = command.create_dataframe_view
            if not view.name.startswith(_OURS):
                self._made[f"global_temp.{view.name}" if view.is_global else view.name] = next(self._counter)
        elif kind in ("register_function", "register_table_function"):
            self._registered[getattr(command, kind).function_name.lower()] = next(self._counter)
        elif kind == "sql_command":
            text = command.sql_command.input.sql.query or command.sql_command.sql
            if _CHANGES.search(text):
                self._place_stale = self._objects_stale = True
                sql = command.sql_command.input.sql
                self._variables.heard(text, parameters=bool(sql.named_arguments or sql.pos_arguments))
                self._heard_path(text)
                for view in _VIEW.findall(text):
                    self._made[".".join(part.strip("`") for part in view.split("."))] = next(self._counter)

    def _heard_path(self, text: str) -> None:
        if (found := _SET_PATH.search(text)) is not None:
            keeps = self._path_follows and bool(_SAME_PATH.search(found[1]))
            self._path_follows, self._path_stale = keeps or bool(_CURRENT.search(found[1])), True


def _merged(known: Mapping[str, int], found: Iterable[str], since: int) -> dict[str, int]:
    """Return the numbers of what the server listed, and of what was made after the list was asked for."""
    later = {name: number for name, number in known.items() if number > since}
    return {**{name: known.get(name, -1) for name in found}, **later}


def _quoted_if_necessary(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else f"`{name.replace('`', '``')}`"


_VIEW = re.compile(
    r"\bcreate\s+or\s+replace\s+temp(?:orary)?\s+view\s+((?:`[^`]+`|\w+)(?:\.(?:`[^`]+`|\w+))?)", re.IGNORECASE
)


def _listen(client: Any, heard: Callable[[Any], None]) -> bool:
    """Call ``heard`` with each plan that the client sends, when it is done. Returns whether this client allows it."""
    if not all(callable(getattr(client, name, None)) for name in _HEARD):
        return False
    client._execute = _after_call(client._execute, heard)
    client._execute_and_fetch_as_iterator = _after_last(client._execute_and_fetch_as_iterator, heard)
    return True


def _after_call(send: Callable[..., Any], heard: Callable[[Any], None]) -> Callable[..., Any]:
    def wrapper(*arguments: Any, **options: Any) -> Any:
        try:
            return send(*arguments, **options)
        finally:
            heard(_plan(arguments, options))

    return wrapper


def _after_last(send: Callable[..., Iterator[Any]], heard: Callable[[Any], None]) -> Callable[..., Iterator[Any]]:
    def wrapper(*arguments: Any, **options: Any) -> Iterator[Any]:
        try:
            yield from send(*arguments, **options)
        finally:
            heard(_plan(arguments, options))

    return wrapper


def _plan(arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    return (arguments[0] if arguments else options["req"]).plan
