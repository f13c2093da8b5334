"""What a component left in the Spark session: changes of its state, and objects that exist only in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_spark_pipeline.planning import left_behind
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.spark.session import PASSING_VIEWS
from airflow_spark_pipeline.runtime.spark.session_reading import Objects


@dataclass(frozen=True)
class Traces:
    """What a component left in the session, in the form that is recorded with the component."""

    session: Mapping[str, Any] = field(default_factory=dict)
    leaves: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        found: list[str] = []
        for part, change in self.session.items():
            found += list(change) if isinstance(change, Mapping | list) else [f"current {part} {change}"]
        return ", ".join([*found, *filter(None, [left_behind(self.leaves)])])


def warn_of_tables_in_memory(traces: Traces) -> None:
    """Warn about tables that a component wrote to a catalog in memory: a resumed run will not have them."""
    if tables := traces.leaves.get("tables"):
        say(
            f"    Warning: {', '.join(tables)}: in an in-memory catalog, which ends with this Spark "
            f"application. A resumed run will not have {'them' if len(tables) > 1 else 'it'}: keep tables in a "
            "metastore (spark.sql.catalogImplementation = hive), or write files"
        )


def new_objects(before: Objects, after: Objects, known: Collection[str] = ()) -> dict[str, list[str]]:
    """Return the names of the objects that are new or were replaced, by kind.

    :param known: names of views, in lower case, that are recorded elsewhere
    """
    found = {
        "views": [
            view
            for view in _other(before.views, after.views)
            if view.lower() not in known and not view.startswith(PASSING_VIEWS)
        ],
        "functions": _other(before.functions, after.functions),
        "tables": after.tables - before.tables,
        "variables": _other(before.variables, after.variables),
    }
    return {kind: sorted(names) for kind, names in found.items() if names}


def _other(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [name for name, made in after.items() if name not in before or before[name] != made]
