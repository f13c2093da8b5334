"""The scalars of a resolved description as plain values, for the binding.

A value for a typed field stays a number only if no digit is lost; otherwise it stays text (``1.50``, ``007``) until the
type of the field is known. An ``instance-config`` has no types here: each scalar becomes its JSON value, a number
with its text, and one that can be read in two ways is a problem.
"""

from __future__ import annotations

from typing import Any

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.binding.written_numbers import as_number
from airflow_spark_pipeline.exceptions import Problem
from airflow_spark_pipeline.pipeline.hocon.scalars import Address, Place, Word
from airflow_spark_pipeline.pipeline.spark_settings import said_elsewhere
from airflow_spark_pipeline.secrets import is_secret

_FREE_FORM = "instance-config"


class PlainValues:
    """Turns parts of a description into plain values.

    :ivar problems: values that cannot be converted, by path
    :ivar broken: paths of values that already have a problem
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.broken: set[str] = set()

    def note(self, address: Address, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(message, join_path(address)))

    def of_fields(self, value: Any, here: Address) -> Any:
        """Return the values that fields are bound from."""
        if isinstance(value, dict):
            return {
                key: self.of_data(child, (*here, key)) if key == _FREE_FORM else self.of_fields(child, (*here, key))
                for key, child in value.items()
            }
        if isinstance(value, list):
            return [self.of_fields(child, (*here, index)) for index, child in enumerate(value)]
        if value.kind == "broken":
            self.broken.add(join_path(here))
        return _as_written(value)

    def of_data(self, value: Any, here: Address) -> Any:
        """Return plain JSON."""
        if isinstance(value, dict):
            return {key: self.of_data(child, (*here, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [self.of_data(child, (*here, index)) for index, child in enumerate(value)]
        if value.kind == "text":
            return value.text
        if value.kind == "boolean":
            return value.text == "true"
        if value.kind == "number":
            return self._number(value.text, here)
        if value.kind == "broken":
            self.broken.add(join_path(here))
        if value.kind == "ambiguous":
            shown = "the value" if any(is_secret(str(part)) for part in here) else f"`{value.text}`"
            message = f"{shown} can be read as text or as a number, boolean or null; quote it, or write it as JSON does"
            self.note(here, message)
        return None

    def of_settings(self, node: dict[str, Any], here: Address, shadowed: dict[Address, Place]) -> dict[str, str]:
        """Return Spark's settings flat: nested keys are joined with dots, values are unchanged.

        :param shadowed: keys that have both a value and keys below them
        """
        found: dict[str, str] = {}
        self._collect(node, here, shadowed, found, "")
        return found

    def _collect(
        self, node: dict[str, Any], here: Address, shadowed: dict[Address, Place], found: dict[str, str], prefix: str
    ) -> None:
        for key, value in node.items():
            name, address = prefix + key, (*here, key)
            if address in shadowed:
                message = f"`{name}` is a setting and a part of other settings' names; put these names in quotes"
                self.note(address, message)
            elif isinstance(value, dict):
                self._collect(value, address, shadowed, found, f"{name}.")
            elif isinstance(value, list):
                self.note(address, "expected text, found a list; write its items as one text, with commas")
            elif name in found:
                self.note(address, f"`{name}` is set twice, quoted and unquoted; remove one of them")
            elif value.kind not in ("null", "broken"):
                if (elsewhere := said_elsewhere(name)) is not None:
                    self.note(address, elsewhere)
                else:
                    found[name] = value.text

    def _number(self, text: str, here: Address) -> int | float | None:
        try:
            return as_number(text)
        except ValueError as error:
            self.note(here, f"{error}; quote it to read it as text")
            return None


def _as_written(scalar: Word) -> Any:
    if scalar.kind in ("null", "broken"):
        return None
    if scalar.kind == "boolean":
        return scalar.text == "true"
    if scalar.kind == "number":
        try:
            number = float(scalar.text) if "." in scalar.text else int(scalar.text)
        except ValueError:  # with an exponent, or of more digits than Python reads
            return scalar.text
        if str(number) == scalar.text:
            return number
    return scalar.text
