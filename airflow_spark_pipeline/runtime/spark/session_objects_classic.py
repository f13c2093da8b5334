"""The temporary views and functions of a session whose JVM is in this process, each with an identity.

Guarantees: the identity changes if the object is replaced. Reading costs a few calls to the JVM after a component that
made nothing, and one for each object it made: not one for each object of the session, which would make the thousandth
component of a pipeline wait for the views of all before it. Only if an object was replaced or dropped, all are asked.

Example: of 1,000 views, a component has made ``orders``. The registry without ``orders`` has the fingerprint of the
last reading, so the identities of the other 999 are known.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

SEPARATOR = "\x1e\x1f"  # never part of a name or a value


@dataclass(frozen=True)
class _Views:
    """The views of the last reading.

    :param registry: copy of Spark's map; it keeps the views alive, so that no other object gets an identity of theirs
    :param fingerprint: number that changes if any of the views is replaced
    :param identities: identity by name
    """

    registry: Any
    fingerprint: int
    identities: dict[str, int]


@dataclass(frozen=True)
class _Functions:
    """The functions of the last reading.

    :param state: names, and the fingerprints of Spark's maps; ``None`` if these could not be read
    :param infos: Spark's objects by name, kept alive like the views
    :param identities: identity by name
    """

    state: tuple[Any, ...] | None
    infos: dict[str, Any]
    identities: dict[str, int]


class ObjectsReader:
    """Reader of temporary views and functions.

    :param jvm: the session's view of the JVM
    """

    def __init__(self, jvm: Any) -> None:
        self._jvm = jvm
        self._views: _Views | None = None
        self._functions: _Functions | None = None

    def views(self, registry: Any) -> dict[str, int]:
        """Return the identities of the temp views by name.

        :param registry: the ``tempViews`` of Spark's catalog, a mutable map
        """
        known = self._views
        # compares references first, so an unchanged view costs nothing
        if known is None or not known.registry.equals(registry):
            # A copy: other components may create views during the reading.
            self._views = known = self._read(registry.clone(), known)
        return dict(known.identities)

    def _read(self, registry: Any, known: _Views | None) -> _Views:
        names = split(registry.keys().mkString(SEPARATOR))
        identities: dict[str, int] = {}
        if known is not None:
            rest = registry.clone()
            for name in (name for name in names if name not in known.identities):
                rest.remove(name)
            if rest.size() == len(known.identities) and self._fingerprint(rest) == known.fingerprint:
                identities = known.identities
        new = {name: self._identity(registry.apply(name)) for name in names if name not in identities}
        return _Views(registry, self._fingerprint(registry), {**identities, **new})

    def functions(self, catalog: Any, registries: tuple[Any, ...]) -> dict[str, int]:
        """Return the identities of the temporary functions by name.

        :param catalog: Spark's catalog
        :param registries: its registries of functions and of table functions
        """
        found = catalog.listTemporaryFunctions()
        text = found.mkString(SEPARATOR)
        if not text:
            return {}
        state = self._state_of(text, registries)
        known = self._functions
        if known is None or state is None or known.state != state:
            infos = {name: catalog.lookupFunctionInfo(found.apply(n)) for n, name in enumerate(split(text))}
            self._functions = known = _Functions(
                state, infos, {name: self._identity(info) for name, info in infos.items()}
            )
        return dict(known.identities)

    def _state_of(self, names: str, registries: tuple[Any, ...]) -> tuple[Any, ...] | None:
        # The builtin functions are in the same maps: a function that replaces one of them has an effect here, too.
        try:
            return (names, *(self._fingerprint(private(registry, "functionBuilders")) for registry in registries))
        except Exception:  # another kind of registry, or another component registers a function right now
            return None

    def _fingerprint(self, registry: Any) -> int:
        """Return a number made of the identities of all keys and values, in one go."""
        as_java, by_identity = self._map_tools
        fingerprint: int = by_identity(as_java(registry)).hashCode()
        return fingerprint

    # Looking a class up costs calls to the JVM, too.
    @functools.cached_property
    def _map_tools(self) -> tuple[Any, Any]:
        converters = self._jvm.scala.collection.JavaConverters  # the name that both Scala 2.12 and 2.13 have
        return converters.mapAsJavaMap, self._jvm.java.util.IdentityHashMap

    @functools.cached_property
    def _identity(self) -> Any:
        return self._jvm.java.lang.System.identityHashCode


def private(owner: Any, name: str) -> Any:
    """Return a private field of a JVM object."""
    kind = owner.getClass()
    member = kind.getDeclaredField(name)
    member.setAccessible(True)
    return member.get(owner)


def split(text: str) -> list[str]:
    """Return the parts of a text that were joined by ``SEPARATOR``."""
    return text.split(SEPARATOR) if text else []
