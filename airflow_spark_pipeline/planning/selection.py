"""The user's selection by component name: where to start and stop, what to run alone, what to repeat.

A selection is applied once: it is recorded with the claim, and a retry with the same selection continues with the rest,
instead of running a forced component a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_spark_pipeline.binding.suggestions import suggest
from airflow_spark_pipeline.exceptions import SelectionError
from airflow_spark_pipeline.pipeline.spec import PipelineSpec


@dataclass(frozen=True, slots=True)
class Selection:
    """Which components are to run.

    :param start_from: name of a component; it and all later ones run, done or not; earlier ones that are not done are
        left out
    :param only: names of the components to run, done or not; all others that are not done are left out
    :param force: names of components to run although they are done; nothing changes for the others
    :param stop_after: name of a component; later ones that are not done are left out
    """

    start_from: str | None = None
    only: tuple[str, ...] = ()
    force: tuple[str, ...] = ()
    stop_after: str | None = None

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any] | None) -> Selection:
        """Return the selection from the form that :meth:`to_dict` returned; ``None`` is the empty selection."""
        raw = raw or {}
        return cls(raw.get("startFrom"), tuple(raw.get("only", ())), tuple(raw.get("force", ())), raw.get("stopAfter"))

    def to_dict(self) -> dict[str, Any] | None:
        """Return the JSON form that a claim records, or ``None`` for the empty selection."""
        if self == Selection():
            return None
        stop = {} if self.stop_after is None else {"stopAfter": self.stop_after}
        return {"startFrom": self.start_from, "only": list(self.only), "force": list(self.force), **stop}

    @property
    def names_components(self) -> bool:
        """Whether it asks for components that run although they may be done."""
        return bool(self.start_from or self.only or self.force)

    def forced(self, spec: PipelineSpec) -> dict[str, str]:
        """Return the components that run although they may be done, and why."""
        return {
            **(dict.fromkeys(self._between(spec), f"start_from is {self.start_from}") if self.start_from else {}),
            **dict.fromkeys(self.only, f"only {', '.join(self.only)}"),
            **dict.fromkeys(self.force, "forced"),
        }

    def left_out(self, spec: PipelineSpec) -> dict[str, str]:
        """Return the components that do not run although they may not be done, and why."""
        names = [component.instance_name for component in spec.components]
        if self.only:
            reasons = dict.fromkeys((name for name in names if name not in self.only), f"only {', '.join(self.only)}")
        else:
            kept = self._between(spec)
            reasons = {
                **dict.fromkeys(names, f"stop_after is {self.stop_after}"),
                **dict.fromkeys(names[: names.index(kept[0])], f"start_from is {self.start_from}"),
            }
            reasons = {name: reason for name, reason in reasons.items() if name not in kept}
        return {name: reason for name, reason in reasons.items() if name not in self.force}

    def _between(self, spec: PipelineSpec) -> list[str]:
        """Return the components from ``start_from`` to ``stop_after``, both included."""
        names = [component.instance_name for component in spec.components]
        first = 0 if self.start_from is None else names.index(self.start_from)
        last = len(names) if self.stop_after is None else names.index(self.stop_after) + 1
        return names[first:last]

    def check(self, spec: PipelineSpec) -> None:
        """Compare the names with the description.

        :raises SelectionError: a selected component does not exist, or two arguments contradict each other
        """
        if self.start_from is not None and self.only:
            raise SelectionError("start_from and only exclude each other: use one of them.")
        if self.stop_after is not None and self.only:
            raise SelectionError("stop_after and only exclude each other: use one of them.")
        names = [component.instance_name for component in spec.components]
        disabled = {component.instance_name for component in spec.components if not component.enabled}
        start, stop = (() if name is None else (name,) for name in (self.start_from, self.stop_after))
        asked = {"start_from": start, "stop_after": stop, "only": self.only, "force": self.force}
        wrong = [(argument, name) for argument, given in asked.items() for name in given if name not in names]
        if wrong:
            raise SelectionError(
                "; ".join(f"{argument} names {name!r}, {_hint(str(name), names)}" for argument, name in wrong)
                + f". The components of {spec.pipeline_name!r} are: {', '.join(names)}."
            )
        if start and stop and names.index(start[0]) > names.index(stop[0]):
            raise SelectionError(
                f"start_from is {self.start_from!r} and stop_after is {self.stop_after!r}, which comes before it: "
                "nothing is left to run. Swap them, or remove one."
            )
        unable = [name for name in (*self.only, *self.force) if name in disabled]
        if unable:
            raise SelectionError(
                f"{', '.join(unable)} cannot run: enabled = false in the description. Enable what only and force name, "
                "or do not name it."
            )


def _hint(name: str, names: list[str]) -> str:
    near = suggest(name, names)
    return "which does not exist" + (f" (did you mean {near!r}?)" if near else "")
