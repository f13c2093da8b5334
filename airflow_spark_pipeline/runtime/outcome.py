"""What a component left when it was done, in the form in which its record holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What a component left.

    :param views: names of the views that it made
    :param outputs: its saved outputs, keyed by view
    :param session: changes that it made to the Spark session
    :param leaves: what it left in the session that a resume cannot restore
    :param reported: what it reported through its context, as fields of its record
    :param parts_total: how many parts it has; 0 if it has none
    """

    views: tuple[str, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    session: Mapping[str, Any] = field(default_factory=dict)
    leaves: Mapping[str, Any] = field(default_factory=dict)
    reported: Mapping[str, Any] = field(default_factory=dict)
    parts_total: int = 0
