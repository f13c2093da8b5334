"""Reads the state of a Spark Connect session, with as few calls to the server as possible.

Settings are read after each component, in one call. The client's commands are observed: anything else is read only if a
command may have changed it. Session variables cannot be read; only the names of those declared in a statement are
known.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from airflow_spark_pipeline.runtime.spark.session_reading import Objects, SessionReader
from airflow_spark_pipeline.runtime.spark.session_state import SessionState
from airflow_spark_pipeline.runtime.spark.versions import settings_of

# First words of statements that may change the session; other statements only read or write data.
_CHANGES = re.compile(r"\b(?:create|declare|set|reset|use|drop|alter|begin|execute|clear|uncache)\b", re.IGNORECASE)
_VARIABLE = re.compile(
    r"\b(?:declare\s+(?:or\s+replace\s+)?(?:(?:variable|var)\s+)?|set\s+(?:variable|var)\s+)(?:if\s+not\s+exists\s+)?"
    r"(?:(?:system\s*\.\s*)?session\s*\.\s*)?[`(]?(\w+)",
    re.IGNORECASE,
)
_OURS = "_spark_pipeline_"


class ConnectReader(SessionReader):
    """Reader of a session on a Spark Connect server."""

    def __init__(self, spark: Any) -> None:
        super().__init__(spark)
        self._place: tuple[str, str] | None = None
        self._objects: tuple[frozenset[str], frozenset[str]] | None = None
        self._counter = itertools.count()
        self._made: dict[str, int] = {}
        self._registered: dict[str, int] = {}
        self._variables: dict[str, int] = {}
        self._listens = _listen(spark.client, self._heard)

    def state(self) -> SessionState:
        """Return the state of the session."""
        if self._place is None or not self._listens:
            self._place = (self._spark.catalog.currentCatalog(), self._spark.catalog.currentDatabase())
        return SessionState(dict(settings_of(self._spark)), *self._place)

    def objects(self) -> Objects:
        """Return the objects that exist only in this session."""
        if self._objects is None or not self._listens:
            views = self._spark.sql("SHOW VIEWS IN global_temp").collect()
            functions = self._spark.sql("SHOW USER FUNCTIONS").collect()
            found = {f"global_temp.{row.viewName}" if row.namespace else str(row.viewName) for row in views}
            # Permanent functions are listed with their catalog and database.
            temporary = {str(row.function) for row in functions if "." not in row.function}
            self._objects = frozenset(found), frozenset(temporary)
            self._made = {view: self._made.get(view, -1) for view in found}
            self._registered = {function: self._registered.get(function, -1) for function in temporary}
        return Objects(dict(self._made), dict(self._registered), variables=dict(self._variables))

    def use(self, catalog: str, database: str) -> None:
        """Make a database the current one."""
        super().use(catalog, database)
        self._place = None

    def _heard(self, plan: Any) -> None:
        """Note what a request may change: the current catalog and database, the objects, or nothing."""
        if plan.HasField("command"):
            self._heard_command(plan.command)
        elif not plan.HasField("root"):  # compressed
            self._place = self._objects = None
        elif plan.root.HasField("catalog"):
            call = plan.root.catalog
            kind = call.WhichOneof("cat_type")
            if kind in ("set_current_database", "set_current_catalog"):
                self._place = None
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
                self._place = self._objects = None
                self._variables |= {name.lower(): next(self._counter) for name in _VARIABLE.findall(text)}
                for view in _VIEW.findall(text):
                    self._made[".".join(part.strip("`") for part in view.split("."))] = next(self._counter)


_VIEW = re.compile(
    r"\bcreate\s+or\s+replace\s+temp(?:orary)?\s+view\s+((?:`[^`]+`|\w+)(?:\.(?:`[^`]+`|\w+))?)", re.IGNORECASE
)


def _listen(client: Any, heard: Callable[[Any], None]) -> bool:
    """Call ``heard`` with each plan that the client sends from now on. Returns whether this client allows it."""
    names = ("_execute", "_execute_and_fetch_as_iterator")
    if not all(callable(getattr(client, name, None)) for name in names):
        return False
    for name in names:
        setattr(client, name, _wrapped(getattr(client, name), heard))
    return True


def _wrapped(send: Callable[..., Any], heard: Callable[[Any], None]) -> Callable[..., Any]:
    def wrapper(*arguments: Any, **options: Any) -> Any:
        heard((arguments[0] if arguments else options["req"]).plan)
        return send(*arguments, **options)

    return wrapper
