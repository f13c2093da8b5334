"""Session changes: what a component changed in the Spark session, so that a resumed run that skips it can set it again.

Guarantees: :func:`set_again` sets exactly what :func:`difference` records; of a value that is a secret by name or
content, only the name is recorded. Not guaranteed: changes outside the Spark session, such as modules, environment
variables, or objects in the driver's memory.

Recorded for each component, in ``session`` (see ``checkpoint.state``); ``null`` means that the setting was unset:

=================  ===================================================================================================
``conf``           settings of the session: ``spark.conf.set``, ``SET x = y``, ``SET TIME ZONE``, ``RESET``
``catalog``        the current catalog, with ``database``
``database``       the current database: ``USE``, ``spark.catalog.setCurrentDatabase``
``path``           the SQL path, in which names are looked up: ``SET PATH``
``variables``      session variables: ``DECLARE VARIABLE``, ``SET VAR``; each with ``type``, ``default`` and ``value``
``local``          ``sparkContext.setLocalProperty``, the job group included
``hadoop``         what was set in ``hadoopConfiguration()``
``checkpointDir``  ``sparkContext.setCheckpointDir``
``withheld``       names of settings that are not recorded, because they are secret
=================  ===================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.secrets import is_secret

# Settings in which a library notes what it has done last. Set again, they would name a commit of an earlier attempt.
_NOTES = frozenset({"spark.databricks.delta.lastCommitVersionInSession"})
_MAPS = {"conf": "", "hadoop": "Hadoop's ", "local": "local property ", "variables": "variable "}


class SessionNotRestoredError(SparkPipelineError):
    """A skipped component had set a current catalog, database or path that cannot be set in this attempt's session.

    A retry does not help: the next component would read and write other tables. The message says what to do.
    """

    retry_helps = False


@dataclass(frozen=True)
class SessionState:
    """The state of a Spark session, as :mod:`session_reading` reads it; ``None`` for parts that cannot be read."""

    conf: Mapping[str, str]
    catalog: str
    database: str
    path: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    local: Mapping[str, str] = field(default_factory=dict)
    hadoop: Mapping[str, str] = field(default_factory=dict)
    checkpoint_dir: str | None = None


def difference(
    before: SessionState,
    after: SessionState,
    is_private: Callable[[str], bool] = lambda _: False,
    *,
    withhold: bool = True,
) -> dict[str, Any]:
    """Return the changes, in the form that is recorded.

    :param is_private: function that returns whether a value holds a secret, regardless of its name
    :param withhold: whether to leave out secrets; not if the changes do not leave this process
    """
    changes: dict[str, Any] = {}
    withheld: list[str] = []
    for part, prefix in _MAPS.items():
        old, new = getattr(before, part), getattr(after, part)
        if old == new:
            continue
        keys = sorted((old.keys() | new.keys()) - _NOTES)
        changed = {key: new.get(key) for key in keys if old.get(key) != new.get(key)}
        secret = [
            key
            for key, value in changed.items()
            if withhold and value is not None and (is_secret(key) or _any(value, is_private))
        ]
        withheld += [f"{prefix}{key}" for key in secret]
        kept = {key: value for key, value in changed.items() if key not in secret}
        changes |= {part: kept} if kept else {}
    if (before.catalog, before.database) != (after.catalog, after.database):
        changes |= {"catalog": after.catalog, "database": after.database}
    if before.path != after.path:
        changes["path"] = after.path
    if after.checkpoint_dir != before.checkpoint_dir and after.checkpoint_dir is not None:
        changes["checkpointDir"] = after.checkpoint_dir
    return {**changes, "withheld": withheld} if withheld else changes


def with_recorded(old: SessionState, now: SessionState, changes: Mapping[str, Any]) -> SessionState:
    """Return the old state with the present values of what is recorded as changed.

    Example: {"conf": {"x": "1"}} is recorded. Of a session that had no settings and now has x = 1 and y = 2, the state
    with x = 1 is returned. So y is still found as a change.
    """
    parts: dict[str, Any] = {}
    for part, prefix in _MAPS.items():
        withheld = (name for name in changes.get("withheld", ()) if name.startswith(prefix))
        keys = {*changes.get(part, ()), *(name.removeprefix(prefix) for name in withheld)}
        kept = {key: value for key, value in getattr(old, part).items() if key not in keys}
        parts[part] = kept | {key: value for key, value in getattr(now, part).items() if key in keys}
    if "database" in changes:
        parts |= {"catalog": now.catalog, "database": now.database}
    if "path" in changes:
        parts["path"] = now.path
    if "checkpointDir" in changes:
        parts["checkpoint_dir"] = now.checkpoint_dir
    return replace(old, **parts)


def _any(value: Any, test: Callable[[str], bool]) -> bool:
    return any(test(text) for text in (value.values() if isinstance(value, Mapping) else [value]))


class SettableSession(Protocol):
    """What :func:`set_again` needs of a session; a :class:`session_reading.SessionReader` has it."""

    def state(self) -> SessionState:
        """Return the state of the session."""

    def set_checkpoint_dir(self, directory: str) -> None:
        """Set the checkpoint directory."""

    def use(self, catalog: str, database: str) -> None:
        """Set the current catalog and database."""

    def set_path(self, path: str | None) -> None:
        """Set or unset the current path."""

    def set_variable(self, name: str, variable: Mapping[str, str] | None) -> None:
        """Declare a session variable anew, or drop it."""


def set_again(changes: Mapping[str, Any], reader: SettableSession) -> tuple[list[str], list[str]]:
    """Set what a component changed.

    :return: names of the values that were set now; and the values that the session rejected, each with the reason
    :raises SessionNotRestoredError: the catalog, database or path cannot be set: other tables would be read
    """
    if not changes:
        return [], []
    now, done, refused = reader.state(), list[str](), list[str]()
    for name, is_so, change in _steps(changes, now, reader):
        if is_so:
            continue
        try:
            change()
        except Exception as error:  # any error of Spark
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            if name.startswith("current "):
                raise SessionNotRestoredError(f"{name} cannot be set again: {line}") from error
            refused.append(f"{name} ({line})")
        else:
            done.append(name)
    return done, refused


def _steps(
    changes: Mapping[str, Any], now: SessionState, reader: SettableSession
) -> Iterator[tuple[str, bool, Callable[[], object]]]:
    """Yield for each change its name, whether the session already has it, and a function that sets it."""
    for part in ("conf", "hadoop", "local"):
        for key, value in changes.get(part, {}).items():
            have = getattr(now, part).get(key)
            yield f"{_MAPS[part]}{key}", have == value, _bound(getattr(reader, f"set_{part}"), key, value)
    if directory := changes.get("checkpointDir"):
        yield "the checkpoint directory", now.checkpoint_dir == directory, _bound(reader.set_checkpoint_dir, directory)
    if "database" in changes:
        catalog, database = changes.get("catalog", now.catalog), changes["database"]
        name = f"current database {database} of catalog {catalog}"
        yield name, (now.catalog, now.database) == (catalog, database), _bound(reader.use, catalog, database)
    if "path" in changes:
        yield f"current path {changes['path']}", now.path == changes["path"], _bound(reader.set_path, changes["path"])
    for key, value in changes.get("variables", {}).items():
        yield f"variable {key}", now.variables.get(key) == value, _bound(reader.set_variable, key, value)


def _bound(call: Callable[..., object], *arguments: Any) -> Callable[[], object]:
    return lambda: call(*arguments)
