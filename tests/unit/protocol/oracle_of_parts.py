"""The oracle's second half: the promises about parts of components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_spark_pipeline.checkpoint.state import Commit, ComponentCheckpoint
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from tests.unit.protocol.processes import PARTS, Process

if TYPE_CHECKING:
    from tests.unit.protocol.simulation import World


@dataclass(frozen=True)
class PartFinish:
    """The work of a part ended, with the config ``n`` of its component."""

    process: str
    epoch: int
    name: str
    key: str
    n: int


class PartsOracle:
    """Sees when the work of each part begins and ends, and what is recorded.

    * a part that is recorded is not given in that epoch, by a retry in the job neither;
    * a part that is recorded has run to its end in this epoch, with the config of whoever counts it;
    * recorded parts are kept until their component is done, unless its config is another one;
    * a component that is recorded as done has done all of its parts in this epoch, with the same config;
    * a driver that has lost its lease begins no part.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.finishes: list[PartFinish] = []
        self.begun = 0

    def begins(self, process: Process, name: str, key: str) -> None:
        self.begun += 1
        self.world.note(f"{process.name} begins part {key} of {name}")
        process.note_lease()
        if process.lost:
            self._violate(f"{process.name} begins part {key} of {name} after its lease had run out")
        truth = self.world.oracle.truth
        if truth is None or truth.state.epoch != self.world.epoch_of(process):
            return
        record = truth.state.component(name)
        if record is not None and key in record.parts:
            self._violate(f"{process.name} does part {key} of {name}, which is recorded")

    def ends(self, process: Process, name: str, key: str, n: int) -> None:
        if not process.dead:
            self.finishes.append(PartFinish(process.name, self.world.epoch_of(process), name, key, n))

    def compare(self, process: Process | None, who: str, before: Commit | None, after: Commit) -> None:
        """Compare the parts of a commit with those of the commit before it."""
        if process is None or process.spec is None:
            return
        epoch = after.state.epoch
        old = {} if before is None or before.state.epoch != epoch else {c.name: c for c in before.state.components}
        configs = _configs(process.spec)
        for record in after.state.components:
            n, parts = configs[record.name]
            found = [f for f in self.finishes if (f.name, f.epoch, f.n) == (record.name, epoch, n)]
            keys = {f.key for f in found}
            mine = {f.key for f in found if f.process == who}
            previous = old.get(record.name)
            earlier = set() if previous is None else set(previous.parts)
            done = record.name in after.state.completed_components
            self._compare(after.number, record, earlier, keys, mine)
            if (lost := (earlier & keys) - set(record.parts)) and not done:
                self._violate(f"{after.number} gives up parts {','.join(sorted(lost))} of {record.name}")
            if done and (missing := parts - keys):
                self._violate(f"{after.number}: {record.name} is done without its parts {','.join(sorted(missing))}")

    def _compare(
        self, number: int, record: ComponentCheckpoint, earlier: set[str], keys: set[str], mine: set[str]
    ) -> None:
        recorded = set(record.parts)
        if len(recorded) != len(record.parts):
            self._violate(f"{number} counts a part of {record.name} twice: {','.join(record.parts)}")
        if wrong := (recorded - earlier) - mine:
            self._violate(f"{number}: parts {','.join(sorted(wrong))} of {record.name} are recorded, and did not run")
        if wrong := (recorded & earlier) - keys:
            self._violate(f"{number}: parts {','.join(sorted(wrong))} of {record.name} ran with another config")

    def _violate(self, what: str) -> None:
        self.world.violate(what)


def _configs(spec: PipelineSpec) -> dict[str, tuple[int, set[str]]]:
    """Return the config ``n`` of each component, and the keys of its parts."""
    configs = {component.instance_name: component.instance_config for component in spec.components}
    return {name: (config["n"], set(PARTS[: config["parts"]])) for name, config in configs.items()}
