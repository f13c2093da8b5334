"""The user's selection by component name: where to start, what alone to run, what to repeat.

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
    """

    start_from: str | None = None
    only: tuple[str, ...] = ()
    force: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any] | None) -> Selection:
        """Return the selection from the form that :meth:`to_dict` returned; ``None`` is the empty selection."""
        raw = raw or {}
        return cls(raw.get("startFrom"), tuple(raw.get("only", ())), tuple(raw.get("force", ())))

    def to_dict(self) -> dict[str, Any] | None:
        """Return the JSON form that a claim records, or ``None`` for the empty selection."""
        if self == Selection():
            return None
        return {"startFrom": self.start_from, "only": list(self.only), "force": list(self.force)}

    def forced(self, spec: PipelineSpec) -> dict[str, str]:
        """Return the components that run although they may be done, and why."""
        names = [component.instance_name for component in spec.components]
        after = names[names.index(self.start_from) :] if self.start_from is not None else []
        return {
            **dict.fromkeys(after, f"start_from is {self.start_from}"),
            **dict.fromkeys(self.only, f"only {', '.join(self.only)}"),
            **dict.fromkeys(self.force, "forced"),
        }

    def left_out(self, spec: PipelineSpec) -> dict[str, str]:
        """Return the components that do not run although they may not be done, and why."""
        names = [component.instance_name for component in spec.components]
        if self.start_from is not None:
            names, reason = names[: names.index(self.start_from)], f"start_from is {self.start_from}"
        elif self.only:
            names, reason = [name for name in names if name not in self.only], f"only {', '.join(self.only)}"
        else:
            return {}
        return {name: reason for name in names if name not in self.force}

    def check(self, spec: PipelineSpec) -> None:
        """Compare the names with the description.

        :raises SelectionError: a selected component does not exist, or two arguments contradict each other
        """
        if self.start_from is not None and self.only:
            raise SelectionError("start_from and only exclude each other: use one of them.")
        names = [component.instance_name for component in spec.components]
        disabled = {component.instance_name for component in spec.components if not component.enabled}
        start: tuple[str, ...] = () if self.start_from is None else (self.start_from,)
        asked = {"start_from": start, "only": self.only, "force": self.force}
        wrong = [(argument, name) for argument, given in asked.items() for name in given if name not in names]
        if wrong:
            raise SelectionError(
                "; ".join(f"{argument} names {name!r}, {_hint(str(name), names)}" for argument, name in wrong)
                + f". The components of {spec.pipeline_name!r} are: {', '.join(names)}."
            )
        unable = [name for name in (*self.only, *self.force) if name in disabled]
        if unable:
            raise SelectionError(f"{', '.join(unable)} cannot run: enabled = false in the description.")


def _hint(name: str, names: list[str]) -> str:
    near = suggest(name, names)
    return "which does not exist" + (f" (did you mean {near!r}?)" if near else "")
