"""Reads the state of a session whose JVM is in this process."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.runtime.spark.session_objects_classic import SEPARATOR, ObjectsReader, private, split
from airflow_spark_pipeline.runtime.spark.session_reading import Objects, SessionReader
from airflow_spark_pipeline.runtime.spark.session_state import SessionState
from airflow_spark_pipeline.runtime.spark.versions import settings_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SPARKS_OWN = re.compile(r"spark\.sql\.|spark\.job\.tags|spark\.rdd\.|spark\.jobArtifact|callSite|__")


class ClassicReader(SessionReader):
    """Reader of a session in this process."""

    def __init__(self, spark: SparkSession) -> None:
        super().__init__(spark)
        self._last: SessionState | None = None
        self._texts: dict[str, str] = {}
        self._read: dict[str, Any] = {}
        self._hadoop: Any = None
        self._set_in_hadoop: dict[str, str] = {}

    @functools.cached_property
    def _in_memory(self) -> bool:
        conf = self._spark.conf
        return conf.get("spark.sql.catalogImplementation") == "in-memory" and not conf.get(
            "spark.sql.catalog.spark_catalog", ""
        )

    @functools.cached_property
    def _objects(self) -> ObjectsReader:
        return ObjectsReader(self._spark._jvm)

    @property
    def _session(self) -> Any:
        return self._spark._jsparkSession.sessionState()

    def state(self) -> SessionState:
        """Return the state of the session."""
        return SessionState(
            conf=self._conf(),
            catalog=self._spark.catalog.currentCatalog(),
            database=self._spark.catalog.currentDatabase(),
            path=_if_there(self._path),
            variables=_if_there(self._variables) or {},
            local=_if_there(self._local) or {},
            hadoop=_if_there(self._hadoop_settings) or {},
            checkpoint_dir=_if_there(self._checkpoint_dir),
        )

    def _catalog(self) -> Any:
        return self._session.catalog()

    def _conf(self) -> Mapping[str, str]:
        return settings_of(self._spark, self._conf_in_one_call)

    def _conf_in_one_call(self) -> Mapping[str, str] | None:
        """Return the settings, or ``None`` if the JVM does not allow it; Spark's getAll makes a call for each one."""
        text = _if_there(lambda: self._session.conf().getAllConfs().mkString(SEPARATOR))
        settings: Mapping[str, str] | None = None if text is None else self._once("conf", text, lambda: _pairs(text))
        return settings

    def _once(self, part: str, text: str, read: Any) -> Any:
        """Parse a part again only if its text has changed; most components change nothing."""
        if self._texts.get(part) != text:
            self._texts[part], self._read[part] = text, read()
        return self._read[part]

    def _path(self) -> str | None:
        manager = self._session.catalogManager()
        stored = manager.storedSessionPathEntries()
        if not stored.isDefined():
            return None
        found: str = self._once("path", stored.toString(), lambda: _entries(stored.get()))
        return found

    def _variables(self) -> dict[str, Any]:
        manager = self._session.catalogManager().tempVariableManager()
        if manager.isEmpty():
            return {}
        variables = private(manager, "variables")
        text = variables.mkString(SEPARATOR)
        found: dict[str, Any] = self._once("variables", text, lambda: _definitions(self._spark._jvm, variables))
        return found

    def _local(self) -> dict[str, str]:
        properties = self._spark.sparkContext._jsc.sc().getLocalProperties()
        text = properties.toString()
        names = (str(name) for name in properties.stringPropertyNames())
        found: dict[str, str] = self._once(
            "local", text, lambda: {n: properties.getProperty(n) for n in names if not _SPARKS_OWN.match(n)}
        )
        return found

    def _hadoop_settings(self) -> dict[str, str]:
        """Return the settings made by calls since the first reading, without those that Hadoop reads from files."""
        configuration = self._spark.sparkContext._jsc.hadoopConfiguration()
        settings = configuration.getPropsWithPrefix("")
        text = str(settings.hashCode())
        if self._hadoop is None:
            self._hadoop = settings
        changed = self._texts.get("hadoop", text) != text
        self._texts["hadoop"] = text
        if changed:
            self._set_in_hadoop = _set_by_calls(self._spark, configuration, self._hadoop, settings)
        return self._set_in_hadoop

    def _checkpoint_dir(self) -> str | None:
        found = self._spark.sparkContext._jsc.sc().getCheckpointDir()
        # Spark appends a random name to the requested directory.
        return str(found.get()).rpartition("/")[0] if found.isDefined() else None

    def objects(self) -> Objects:
        """Return the objects that exist only in this session."""
        catalog = _if_there(self._catalog)
        return Objects(
            _if_there(lambda: self._views(catalog)) or {},
            _if_there(lambda: self._functions(catalog)) or {},
            frozenset(_if_there(lambda: self._tables(catalog)) or ()),
        )

    def _views(self, catalog: Any) -> dict[str, Any]:
        """Return the temp views, each with a number that changes if the view is replaced."""
        local = catalog.tempViews()
        views = {} if local is not None and local.isEmpty() else self._objects.views(local)
        names = split(catalog.globalTempViewManager().listViewNames("*").mkString(SEPARATOR))
        return {**views, **{f"global_temp.{name}": None for name in names}}

    def _functions(self, catalog: Any) -> dict[str, Any]:
        session = self._session
        return self._objects.functions(catalog, (session.functionRegistry(), session.tableFunctionRegistry()))

    def _tables(self, catalog: Any) -> Iterable[str]:
        if not self._in_memory:
            return []
        external = catalog.externalCatalog()
        databases = split(external.listDatabases().mkString(SEPARATOR))
        return [
            f"{database}.{table}"
            for database in databases
            for table in split(external.listTables(database).mkString(SEPARATOR))
        ]

    def set_hadoop(self, key: str, value: str | None) -> None:
        """Set or unset a Hadoop setting."""
        configuration = self._spark.sparkContext._jsc.hadoopConfiguration()
        if value is None:
            configuration.unset(key)
        else:
            configuration.set(key, value)

    def set_local(self, key: str, value: str | None) -> None:
        """Set or unset a local property."""
        self._spark.sparkContext.setLocalProperty(key, value)

    def set_path(self, path: str | None) -> None:
        """Set the SQL path, in which names are looked up."""
        if path is None:
            self._session.catalogManager().clearSessionPath()
        else:
            super().set_path(path)

    def set_checkpoint_dir(self, directory: str) -> None:
        """Set the directory that ``DataFrame.checkpoint`` writes to."""
        self._spark.sparkContext.setCheckpointDir(directory)


def _entries(path: Any) -> str:
    """Return the entries of a SQL path as ``SET PATH`` takes them; ``CURRENT_SCHEMA`` follows the current database."""
    entries = [path.apply(index) for index in range(path.size())]
    names = [
        None if entry.productArity() == 0 else split(entry.productElement(0).mkString(SEPARATOR)) for entry in entries
    ]
    return ", ".join("CURRENT_SCHEMA" if name is None else ".".join(map(_quoted, name)) for name in names)


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _if_there(read: Any) -> Any:
    """Return the result of ``read``, or ``None`` if this Spark does not support it."""
    try:
        return read()
    except Exception as error:
        if type(error).__name__ in ("Py4JError", "Py4JJavaError", "TypeError", "AttributeError"):
            return None
        raise


def _pairs(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (pair.partition(" -> ") for pair in split(text))}


def _definitions(jvm: Any, variables: Any) -> dict[str, Any]:
    definitions = {name: variables.apply(name) for name in split(variables.keys().mkString(SEPARATOR))}
    return {
        name: {
            "type": definition.currentValue().dataType().sql(),
            "default": definition.defaultValueSQL(),
            "value": _as_sql(jvm, definition.currentValue()),
        }
        for name, definition in definitions.items()
    }


def _as_sql(jvm: Any, literal: Any) -> str:
    kind, value = literal.dataType(), literal.value()
    if kind.typeName() in ("array", "map", "struct") and value is not None:
        # Spark computes these as bytes, which have no SQL form.
        catalyst = jvm.org.apache.spark.sql.catalyst
        literal = catalyst.expressions.Literal.create(catalyst.CatalystTypeConverters.convertToScala(value, kind), kind)
    sql: str = literal.sql()
    return sql


def _set_by_calls(spark: Any, configuration: Any, old: Any, new: Any) -> dict[str, str]:
    entries = spark._jvm.java.util.HashMap(new).entrySet()
    entries.removeAll(old.entrySet())
    found = {str(entry.getKey()): str(entry.getValue()) for entry in entries}
    sources = {key: configuration.getPropertySources(key) for key in found}
    return {key: value for key, value in found.items() if "programmatically" in list(sources[key] or ())}
