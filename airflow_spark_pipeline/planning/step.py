"""A step of a plan: what an attempt does with one component, and why."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class StepAction(enum.Enum):
    """What the attempt does with a component."""

    RUN = "run"
    SKIP = "skip"
    REPLAY = "replay"  # completed, and run again because it only defines views
    OMIT = "omit"  # not completed and not run: the user left it out
    DISABLE = "disable"  # not run, because the description has enabled = false


@dataclass(frozen=True, slots=True)
class Step:
    """What the attempt does with one component, and why.

    :param parts_note: what becomes of the parts of the component that are recorded; empty if there are none
    :param keeps_parts: whether the parts of the component that are recorded still count
    :param changed_code: files of a component that is not run again which have changed since it ran
    """

    index: int
    name: str
    action: StepAction
    reason: str
    changed_code: tuple[str, ...] = ()
    parts_note: str = ""
    keeps_parts: bool = False
