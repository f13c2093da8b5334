"""An XCom without a running Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow.sdk import XComArg


class Later(XComArg):
    """An XCom that gives a value when the task runs."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def resolve(self, context: Any, **_: Any) -> Any:
        return self.value

    def iter_references(self) -> Iterator[Any]:
        return iter(())
