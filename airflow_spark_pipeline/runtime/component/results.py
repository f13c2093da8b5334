"""What a component reports through its context, collected until it is recorded as done.

Guarantees: everything that is collected is plain JSON of a limited size, so that it fits into a commit and into XCom.
Each try has its own results; those of a try that failed are never recorded.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.runtime.component.driver_only import DriverOnly
from airflow_spark_pipeline.runtime.component.written import asset_uri, check_facts

#: How much JSON the published values of one component may be, in bytes: a commit and XCom hold them.
MOST_BYTES = 16_384
_MOST_URIS = 100  # that one component wrote
_DEEPEST = 20
_LONGEST_REASON = 500  # characters
_WAY_OUT = (
    "Publish text, numbers, booleans, None, lists and dicts of these; convert anything else first, as in str(value)"
)


class Results(DriverOnly):
    """The results of one try of one component."""

    def __init__(self) -> None:
        self._published: dict[str, Any] = {}
        self._written: dict[str, Mapping[str, Any]] = {}
        self._finished: str | None = None
        self._lock = threading.Lock()

    @property
    def published(self) -> Mapping[str, Any]:
        """The published values by name."""
        return dict(self._published)

    @property
    def finished(self) -> str | None:
        """Why the component finishes the run early; ``None`` if it does not."""
        return self._finished

    def finish(self, reason: str) -> None:
        """Finish the run once the component is done.

        :raises TypeError: the reason is not text
        :raises ValueError: the reason is empty, or is not valid Unicode
        """
        if not isinstance(reason, str):
            raise TypeError(f"finish: the reason is of type {_type(reason)}; it must be text, such as 'no new data'")
        text = " ".join(_text(reason, "finish: the reason").split())
        if not text:
            raise ValueError("finish: the reason is empty; say why the run ends early, such as 'no new data'")
        self._finished = text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"

    def publish(self, values: Mapping[str, Any]) -> None:
        """Add values; a later value of the same name replaces the earlier one.

        :raises TypeError: a value is not JSON
        :raises ValueError: a value cannot be stored as JSON, or all values together are too large
        """
        plain = {name: plain_json(value, f"publish: {name}") for name, value in values.items()}
        with self._lock:
            together = {**self._published, **plain}
            size = len(json.dumps(together, ensure_ascii=False).encode())
            if size > MOST_BYTES:
                raise ValueError(
                    f"publish({', '.join(values)}): the published values of this component would be {size:,} bytes of "
                    f"JSON; at most {MOST_BYTES:,} are kept. Write large data to files or tables, and publish their "
                    "names"
                )
            self._published = together

    @property
    def written(self) -> Mapping[str, Mapping[str, Any]]:
        """Facts about what was written, keyed by URI."""
        return dict(self._written)

    def wrote(self, uri: str, facts: Mapping[str, Any]) -> None:
        """Add what was written, in place of what an earlier call said about the same URI.

        :raises TypeError: a fact cannot be written as JSON, or the URI is not text
        :raises ValueError: the URI cannot name an asset, or there is too much
        """
        uri, facts = asset_uri(uri), check_facts(facts)
        with self._lock:
            if uri not in self._written and len(self._written) == _MOST_URIS:
                raise ValueError(
                    f"wrote() takes {_MOST_URIS} URIs of a component; name the data set, not each of its files: {uri}"
                )
            self._written[uri] = facts

    def to_record(self) -> dict[str, Any]:
        """Return the results as fields of the component's record, without those that are empty."""
        fields = {"published": self._published, "finished": self._finished, "wrote": self._written}
        return {name: value for name, value in fields.items() if value}


def plain_json(value: Any, where: str, depth: int = 0) -> Any:
    """Return a copy of a value that consists of JSON's types alone.

    Example: ``(1, {"a": MyIntEnum.B})`` is returned as ``[1, {"a": 2}]``.

    :param where: name of the value, for the error
    :raises TypeError: the value, or a value inside it, is not JSON
    :raises ValueError: it is NaN or infinite, is not valid Unicode, or is nested too deeply
    """
    if depth > _DEEPEST:
        raise ValueError(f"{where} is nested more than {_DEEPEST} levels deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}, which JSON does not have; publish None instead")
        return float(value)
    if isinstance(value, (list, tuple)):
        return [plain_json(each, f"{where}[{index}]", depth + 1) for index, each in enumerate(value)]
    if isinstance(value, Mapping):
        return {_key(key, where): plain_json(each, f"{where}[{key!r}]", depth + 1) for key, each in value.items()}
    raise TypeError(f"{where} is of type {_type(value)}, which is not JSON. {_WAY_OUT}")


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{where} has the key {key!r}; the keys of JSON are text, so use {str(key)!r}")
    return _text(key, where)


def _text(text: str, where: str) -> str:
    try:
        return text.encode().decode()
    except UnicodeEncodeError:
        raise ValueError(f"{where} is not valid Unicode: {text[:60]!a}") from None


def _type(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
