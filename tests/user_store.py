"""A store as users write one: in their own module, configured by plain values."""

from __future__ import annotations

from pathlib import Path

from airflow_spark_pipeline.checkpoint.stores.local import LocalStore


class DirectoryStore(LocalStore):
    """:param root: the directory."""

    def __init__(self, location: str, root: str, password: str = "") -> None:
        super().__init__(location, Path(root))
