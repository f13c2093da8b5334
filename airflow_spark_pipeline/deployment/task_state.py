"""Airflow's task state store: entries that a task instance keeps between its tries.

Each call is a request to Airflow's API server, and the task waits for it. So a try reads each entry once. An Airflow
older than 3.3 has no such store: then nothing is found, and nothing is kept.

Example: a try reads ``spark_pipeline.on_change``, which the page may have stored, and finds nothing. Deleting it before
the claim then needs no request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class TaskState:
    """The entries of one task instance, as one try sees them.

    :param store: ``task_state_store`` of the task's context; ``None`` if this Airflow has none
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self._known: dict[str, Any] = {}

    @classmethod
    def of(cls, context: Context) -> TaskState:
        """Return the entries of a task's context; nothing is read yet."""
        return cls(context.get("task_state_store"))

    @property
    def exists(self) -> bool:
        """Whether this Airflow has a task state store."""
        return self._store is not None

    def get(self, key: str) -> Any:
        """Return an entry, or ``None`` if there is none.

        :raises Exception: any error of Airflow's store
        """
        if self._store is not None and key not in self._known:
            self._known[key] = self._store.get(key)
        return self._known.get(key)

    def set(self, key: str, value: str, *, forever: bool = False) -> None:
        """Store an entry.

        :param forever: whether the entry never expires; default: Airflow's own retention
        :raises Exception: any error of Airflow's store
        """
        if self._store is None:
            return
        self._known.pop(key, None)  # after an error nobody knows whether the request took effect
        if forever:
            from airflow.sdk import NEVER_EXPIRE  # type: ignore[attr-defined]  # missing in its stub, there at run time

            self._store.set(key, value, retention=NEVER_EXPIRE)
        else:
            self._store.set(key, value)
        self._known[key] = value

    def delete(self, key: str) -> None:
        """Delete an entry, unless it is known that there is none.

        :raises Exception: any error of Airflow's store
        """
        is_absent = key in self._known and self._known[key] is None
        if self._store is not None and not is_absent:
            self._known.pop(key, None)  # as above
            self._store.delete(key)
            self._known[key] = None
