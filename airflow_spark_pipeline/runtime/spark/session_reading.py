"""What reads the state of a Spark session and the objects in it, in a few milliseconds per component.

Guarantees: one call to the JVM, or to the server, for each kind of object. What a Spark version does not offer (a
missing method, a JVM that denies access) is left out, except settings and the current database: without those a resumed
run could give different results, so an error there fails the component.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.runtime.spark.session_state import SessionState

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Objects:
    """The objects that exist only in one session.

    :param views: temp views, global ones as ``global_temp.name``; each name maps to a value that changes if the view is
        replaced
    :param functions: temporary functions; each name maps to a value that changes if the function is replaced
    :param tables: tables of a catalog in the driver's memory
    :param variables: session variables whose values cannot be read; each name maps to a value that changes with a new
        declaration
    """

    views: Mapping[str, Any]
    functions: Mapping[str, Any] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()
    variables: Mapping[str, Any] = field(default_factory=dict)

    def with_names(self, names: Collection[str], now: Objects) -> Objects:
        """Return these objects, with the present ones of some names.

        :param names: names in lower case
        """

        def mixed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
            kept = {name: made for name, made in old.items() if name.lower() not in names}
            return kept | {name: made for name, made in new.items() if name.lower() in names}

        tables = mixed(dict.fromkeys(self.tables), dict.fromkeys(now.tables))
        return Objects(
            mixed(self.views, now.views),
            mixed(self.functions, now.functions),
            frozenset(tables),
            mixed(self.variables, now.variables),
        )


class SessionReader:
    """Base class of the readers for both kinds of session."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark: Any = spark

    @property
    def spark(self) -> SparkSession:
        """The session that is read."""
        session: SparkSession = self._spark
        return session

    def state(self) -> SessionState:
        """Return the state of the session."""
        raise NotImplementedError

    def objects(self) -> Objects:
        """Return the objects that exist only in this session."""
        raise NotImplementedError

    def stop(self) -> None:
        """Leave the session as it was found: another run may use it."""

    def set_conf(self, key: str, value: str | None) -> None:
        """Set or unset a setting of the session."""
        if value is None:
            self._spark.conf.unset(key)
        else:
            self._spark.conf.set(key, value)

    def set_hadoop(self, key: str, value: str | None) -> None:
        """Set or unset a Hadoop setting."""
        raise NotImplementedError("not on Spark Connect")

    def set_local(self, key: str, value: str | None) -> None:
        """Set or unset a local property."""
        raise NotImplementedError("not on Spark Connect")

    def set_checkpoint_dir(self, directory: str) -> None:
        """Set the directory that ``DataFrame.checkpoint`` writes to."""
        raise NotImplementedError("not on Spark Connect")

    def use(self, catalog: str, database: str) -> None:
        """Make a database the current one."""
        self._spark.catalog.setCurrentCatalog(catalog)
        self._spark.catalog.setCurrentDatabase(database)

    def set_path(self, path: str | None) -> None:
        """Set the SQL path, in which names are looked up."""
        self._spark.sql(f"SET PATH = {path or 'DEFAULT_PATH'}")

    def set_variable(self, name: str, variable: Mapping[str, str] | None) -> None:
        """Declare a session variable with its value, or drop the variable."""
        quoted = f"`{name.replace('`', '``')}`"
        if variable is None:
            self._spark.sql(f"DROP TEMPORARY VARIABLE IF EXISTS {quoted}")
            return
        kind, default = variable["type"], variable["default"]
        value = variable["value"].replace("${", r"\u0024{")  # Spark would replace ${name}, in a text as well
        self._spark.sql(f"DECLARE OR REPLACE VARIABLE {quoted} {kind} DEFAULT {default}")
        self._spark.sql(f"SET VAR {quoted} = CAST({value} AS {kind})")
