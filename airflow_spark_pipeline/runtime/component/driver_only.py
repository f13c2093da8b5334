"""What a component's context has only in the driver.

A function of a component that Spark runs in its Python workers, such as a UDF, takes the component and its context
along. Workers have no checkpoint log, so the methods that report to it do not travel: calling one there is an error.

Example: ``spark.range(3).rdd.map(lambda row: self.factor * row.id)`` works; with ``self.context.publish(rows=3)`` in
that function, the Spark job fails.
"""

from __future__ import annotations

from typing import Any


class DriverOnly:
    """Base of what stays in the driver: a pickled copy is an :class:`Absent`."""

    def __reduce__(self) -> tuple[type[Absent], tuple[()]]:
        return Absent, ()

    def __deepcopy__(self, memo: dict[int, Any]) -> DriverOnly:
        return self  # a copy of a component in the driver reports to the same place


class Absent:
    """What a Python worker of Spark has in its place."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # copy and pickle ask for methods that need not exist
        raise RuntimeError(
            "self.context.publish, wrote, finish, parts and each_part work only in the driver, and this function runs "
            "in a Python worker of Spark. Return what it has to say to run(), and call them there"
        )
