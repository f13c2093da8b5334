"""The differences between Spark 3.5 and Spark 4. No other module checks the Spark version."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

_ANCIENT = ("spark.sql.parquet.datetimeRebaseModeInWrite", "spark.sql.parquet.int96RebaseModeInWrite")
_AS_THEY_ARE = "CORRECTED"  # the default of Spark 4; that of Spark 3.5 is to fail

_SEPARATOR = "\x1f"


def condition_of(error: PySparkException) -> str:
    """Return the name of an error's condition, such as ``TABLE_OR_VIEW_NOT_FOUND``; empty if it has none."""
    said = getattr(error, "getCondition", None) or error.getErrorClass  # Spark 3.5 has only the second
    return said() or ""


def schema_of_ddl(ddl: str) -> StructType:
    """Return the schema of a DDL text.

    :raises PySparkException: the text is not DDL
    """
    from pyspark.sql import types

    parse = getattr(types.StructType, "fromDDL", None) or types._parse_datatype_string  # 3.5
    return cast("StructType", parse(ddl))


def settings_of(spark: SparkSession, read: Callable[[], Mapping[str, str] | None] = lambda: None) -> Mapping[str, str]:
    """Return the settings of a session that were set explicitly, without Spark's defaults.

    Settings that are changed only while outputs are saved are returned as before. Otherwise a component that ends while
    another one saves its outputs would be recorded as having changed them.

    :param read: function that reads the settings faster; ``None`` if it cannot
    """
    with _ancient_dates.lock:  # also while they are read
        found = read()
        if found is None:
            found = _settings_of(spark)
        if not _ancient_dates.writers:
            return found
        before = _ancient_dates.explicit
        others = {name: value for name, value in found.items() if name not in before}
        return {**others, **{name: value for name, value in before.items() if value is not None}}


def _settings_of(spark: SparkSession) -> Mapping[str, str]:
    # It is a property that reads the settings: hasattr() would read them, too.
    found: Mapping[str, str] | None = getattr(spark.conf, "getAll", None)
    if found is not None:
        return found
    session: Any = getattr(spark, "_jsparkSession", None)  # Spark 3.5
    if session is None:
        return {row.key: row.value for row in spark.sql("SET").collect()}
    text = session.sessionState().conf().getAllConfs().mkString(_SEPARATOR)
    return {key: value for key, _, value in (pair.partition(" -> ") for pair in text.split(_SEPARATOR))}


class _AncientDates:
    """The settings as they were before the first of those who are writing now."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.writers = 0
        self.changed: list[str] = []
        self.explicit: dict[str, str | None] = {}  # without Spark's defaults


_ancient_dates = _AncientDates()


@contextlib.contextmanager
def writing_ancient_dates(spark: SparkSession) -> Iterator[None]:
    """Let the session write dates before 1582 and times before 1900 to Parquet as they are.

    By default Spark 3.5 rejects them, since Spark 2 would read other dates. Afterwards the old settings are restored:
    when the last of those who write at the same time has ended, because they share the session.
    """
    with _ancient_dates.lock:
        if not _ancient_dates.writers:
            known = _settings_of(spark)
            _ancient_dates.explicit = {name: known.get(name) for name in _ANCIENT}
            _ancient_dates.changed = _set_as_they_are(spark)
        _ancient_dates.writers += 1
    try:
        yield
    finally:
        with _ancient_dates.lock:
            _ancient_dates.writers -= 1
            if not _ancient_dates.writers:
                _restore(spark, _ancient_dates.changed, _ancient_dates.explicit)


def _set_as_they_are(spark: SparkSession) -> list[str]:
    changed = [name for name in _ANCIENT if spark.conf.get(name) != _AS_THEY_ARE]
    for name in changed:
        spark.conf.set(name, _AS_THEY_ARE)
    return changed


def _restore(spark: SparkSession, names: list[str], explicit: Mapping[str, str | None]) -> None:
    for name in names:
        value = explicit[name]
        if value is None:
            spark.conf.unset(name)  # a default that was set would be saved as a setting, and set again by a resume
        else:
            spark.conf.set(name, value)


def inheriting(spark: SparkSession, target: Callable[[], None]) -> Callable[[], None]:
    """Return the target of a new thread, whose jobs get the local properties and the job tags of this thread.

    On Spark Connect there are only tags, and the session becomes the thread's active one.
    """
    import pyspark

    if is_classic(spark) and spark.version.startswith("3."):
        return cast("Callable[[], None]", pyspark.inheritable_thread_target(target))
    if not hasattr(spark, "addTag"):  # a stand-in for a session
        return target
    return cast("Callable[[], None]", pyspark.inheritable_thread_target(spark)(target))


def activate(spark: SparkSession) -> None:
    """Make a session with a JVM the active one of this thread, as it is in the thread that opened it."""
    session: Any = spark
    of_jvm = getattr(session, "_get_j_spark_session_class", lambda jvm: jvm.SparkSession)  # 3.5 has only the second
    of_jvm(session._jvm).setActiveSession(session._jsparkSession)


def is_classic(spark: object) -> bool:
    """Whether a session has a JVM, so that its threads have local properties."""
    from pyspark.sql import SparkSession

    return isinstance(spark, SparkSession) and hasattr(spark, "_jsparkSession")
