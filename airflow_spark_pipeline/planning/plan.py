"""The plan: what the next attempt does with each component, from the description and the recorded state.

Guarantees: pure (nothing is read or written); every completed component is skipped or replayed and every other one
runs, or the plan is refused with the path of the difference. The completed components are a set: if ``fail-fast =
false`` left a gap in the middle, only the gap and the components that declare a dependency on it run. The user's
selection by name (see ``selection``) takes precedence.

A description may change after the last completed component: a fix edits, adds or removes components there. At or before
it nothing may be added, removed or moved, and no completed component may be edited, since its result came from the old
config. Enabling or disabling a component there is such an edit, too. ``checkpoint.on-change`` sets what happens then;
with ``config-match = strict`` nothing at all may change.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, ComponentAction
from airflow_spark_pipeline.exceptions import ResumeRefusedError
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.planning.changes import Change, Code, CodeNow, changed_code, first_change
from airflow_spark_pipeline.planning.early_end import EarlyEnd, still_ended
from airflow_spark_pipeline.planning.held_parts import parts_done, why_parts_start_anew
from airflow_spark_pipeline.planning.selection import Selection
from airflow_spark_pipeline.planning.step import Step, StepAction
from airflow_spark_pipeline.planning.summary import all_stopped_at

_ANEW = "its parts start anew, because "
_FIRST = "first attempt"  # reason of every step if nothing is recorded


@dataclass(frozen=True, slots=True)
class Plan:
    """What an attempt does.

    :param resumed_from: id of the run whose progress is taken over; ``None`` if the run starts from the beginning
    :param restart: why a run that could be resumed starts over; ``None`` if it does not
    :param early_end: the early end of the run that holds for this attempt
    """

    steps: tuple[Step, ...]
    resumed_from: str | None = None
    restart: str | None = None
    early_end: EarlyEnd | None = None

    @property
    def to_run(self) -> tuple[Step, ...]:
        """The steps that run, in order."""
        return tuple(step for step in self.steps if step.action is StepAction.RUN)

    @property
    def done(self) -> tuple[Step, ...]:
        """The steps whose components are already done, in order."""
        return tuple(step for step in self.steps if step.action in (StepAction.SKIP, StepAction.REPLAY))

    @property
    def omitted(self) -> tuple[Step, ...]:
        """The steps that are left out, by the user or by the description, in order."""
        return tuple(step for step in self.steps if step.action in (StepAction.OMIT, StepAction.DISABLE))

    def describe(self) -> str:
        """Return the plan in one line, for a log."""
        runs = [step.name for step in self.to_run]
        omits = f"; leaves out {_with_reasons(self.omitted)}" if self.omitted else ""
        if self.resumed_from is None:
            return f"runs {_listed(runs)}{omits}"
        if self.to_run:
            runs[0] += f" ({self.to_run[0].reason})"
        return f"resumes {self.resumed_from}: skips {_with_reasons(self.done)}; runs {_listed(runs)}{omits}"


def make_plan(
    spec: PipelineSpec,
    recorded: CheckpointState | None,
    *,
    selection: Selection | None = None,
    replays: Collection[str] = (),
    lost: Mapping[str, str] | None = None,
    code: CodeNow | None = None,
) -> Plan:
    """Decide what runs.

    :param spec: current description
    :param recorded: state whose progress is taken over; ``None`` to start from the beginning
    :param selection: the user's selection by name; ``None`` continues with the recorded one
    :param replays: names of components whose class sets ``replay_on_resume``
    :param code: current code of the components; components without an entry are not compared
    :param lost: map from completed components whose saved outputs are gone to what is missing
    :raises ResumeRefusedError: a part of the description that must not change was changed, and ``on-change`` is
        ``fail``
    :raises SelectionError: the selection does not fit the description
    """
    served = None if recorded is None else recorded.selection
    asked = Selection.from_dict(served) if selection is None else selection
    asked.check(spec)
    left_out = asked.left_out(spec)
    if recorded is None:
        return _from_the_start(spec, _FIRST, left_out)
    again, forced = dict(lost or {}), dict[str, str]()
    # What a completed run was asked for is served; the same names ask for it again.
    if asked.to_dict() != served or (selection is not None and recorded.status is CheckpointStatus.COMPLETED):
        forced = asked.forced(spec)
        again |= {name: reason for name, reason in forced.items() if name in recorded.completed_components}
        recorded = _without(recorded, forced)
    change = first_change(spec, recorded, code or {})
    if change is not None:
        if spec.checkpoint.on_change == "restart":
            restart = f"{change.what}, and on-change is restart"
            return replace(_from_the_start(spec, restart, left_out), restart=restart)
        if spec.checkpoint.on_change != "rerun-from-change":
            raise _refused(change, recorded)
        reason = f"{change.what}, and on-change is rerun-from-change"
        again |= {c.instance_name: reason for c in spec.components[change.index :]}
    done = _still_done(spec, recorded, again, left_out)
    steps = [_leave_out(step, left_out) for step in _steps(spec, recorded, done, again, replays, code or {})]
    end = still_ended(spec, recorded, done, forced)
    return Plan(tuple(steps if end is None else end.applied_to(steps)), recorded.run_id, early_end=end)


def _from_the_start(spec: PipelineSpec, reason: str, left_out: Mapping[str, str]) -> Plan:
    steps = (
        Step(i, c.instance_name, StepAction.RUN, reason) if c.enabled else _disabled(i, c)
        for i, c in enumerate(spec.components)
    )
    return Plan(tuple(_leave_out(step, left_out) for step in steps))


def _disabled(index: int, component: ComponentSpec) -> Step:
    return Step(index, component.instance_name, StepAction.DISABLE, "enabled = false")


def _leave_out(step: Step, left_out: Mapping[str, str]) -> Step:
    if step.action is not StepAction.RUN or step.name not in left_out:
        return step
    return replace(step, action=StepAction.OMIT, reason=left_out[step.name])


def _without(recorded: CheckpointState, forced: Collection[str]) -> CheckpointState:
    """Return the state without components that run again anyway, so that an edit to them is not refused."""
    kept = tuple(name for name in recorded.completed_components if name not in forced)
    return replace(recorded, completed_components=kept)


def _still_done(
    spec: PipelineSpec, recorded: CheckpointState, again: dict[str, str], left_out: Collection[str]
) -> set[str]:
    """Return the components that stay done; adds to ``again`` those that rerun because a dependency does.

    A dependency that is left out does not run, so what ran without it stays done.
    """
    done = set(recorded.completed_components) - again.keys()
    done -= {component.instance_name for component in spec.components if not component.enabled}
    for component in spec.components:
        name = component.instance_name
        runs = (each for each in component.depends_on or () if each not in done and each not in left_out)
        dirty = next(runs, None)
        if name in done and dirty is not None:
            done.discard(name)
            again[name] = f"depends on {dirty}, which runs again"
    return done


def _steps(
    spec: PipelineSpec,
    recorded: CheckpointState,
    done: set[str],
    again: Mapping[str, str],
    replays: Collection[str],
    code: CodeNow,
) -> list[Step]:
    last_run = max((i for i, c in enumerate(spec.components) if c.enabled and c.instance_name not in done), default=-1)
    interrupted = [c.name for c in all_stopped_at(recorded)] if recorded.status is CheckpointStatus.RUNNING else []
    steps: list[Step] = []
    for index, component in enumerate(spec.components):
        name = component.instance_name
        if not component.enabled:
            steps.append(_disabled(index, component))
            continue
        if name not in done:
            reason = again.get(name)
            if reason is None:
                reason = _why_run(recorded, name, interrupted=name in interrupted)
            steps.append(_with_parts(Step(index, name, StepAction.RUN, reason), spec, recorded, again, code))
            continue
        record = recorded.component(name)
        reason = f"done in attempt {record.attempt if record is not None else None}"
        said = component.replay_on_resume if component.replay_on_resume is not None else spec.replay_on_resume
        replay = said if said is not None else name in replays
        # If nothing runs after it, its views are not needed.
        action = StepAction.REPLAY if replay and index < last_run else StepAction.SKIP
        changed, what = ((), "") if record is None else changed_code(record, code.get(name, Code()))
        reason += what
        if action is StepAction.SKIP and index < last_run and record is not None and record.leaves:
            reason += f"; a new session does not have its {left_behind(record.leaves)}"
        steps.append(Step(index, name, action, reason, changed))
    return steps


def _with_parts(
    step: Step, spec: PipelineSpec, recorded: CheckpointState, again: Mapping[str, str], code: CodeNow
) -> Step:
    """Return a step that runs, with what becomes of the parts that its component has recorded."""
    record = recorded.component(step.name)
    if record is None or not record.parts:  # a claim that dropped them says so in its reason
        _, anew, why_anew = step.reason.partition(_ANEW)
        return replace(step, parts_note=f"{anew}{why_anew}") if anew else step
    component, salt = spec.components[step.index], recorded.fingerprint_salt
    why = why_parts_start_anew(component, record, salt, code.get(step.name, Code()), again)
    note = f"{parts_done(record)} parts are done" if why is None else f"{_ANEW}{why}"
    reason = step.reason if note in step.reason else f"{step.reason}; {note}"
    return replace(step, reason=reason, parts_note=note, keeps_parts=why is None)


def left_behind(leaves: Mapping[str, Any]) -> str:
    """Return a text about what a component left in its session: ``function to_cents and views rates, days``."""
    parts = [
        f"{kind.removesuffix('s') if len(names) == 1 else kind} {', '.join(names)}"
        for kind, names in leaves.items()
        if names
    ]
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def _refused(change: Change, recorded: CheckpointState) -> ResumeRefusedError:
    return ResumeRefusedError(
        f"Cannot resume {recorded.run_id}: {change.what}. Undo the change, start over with "
        "auto_resume=False, or allow the change with checkpoint.on-change = restart | "
        "rerun-from-change.",
        differences=change.paths,
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nothing"


def _with_reasons(steps: tuple[Step, ...]) -> str:
    """Return names and reasons; neighbors with the same reason share it."""
    runs = [list(run) for _, run in itertools.groupby(steps, key=lambda step: step.reason)]
    return _listed([f"{', '.join(step.name for step in run)} ({run[0].reason})" for run in runs])


def _why_run(recorded: CheckpointState, name: str, *, interrupted: bool) -> str:
    record = recorded.component(name)
    if record is None:
        return "new in the description"
    if record.action is ComponentAction.FAILED:
        failure = recorded.failure
        error = f": {failure.error_type}" if failure is not None and failure.component == name else ""
        return f"failed in attempt {record.attempt}{error}"
    if record.action is ComponentAction.UPSTREAM_FAILED:
        return f"not run in attempt {recorded.attempt}: {record.reason}"
    if interrupted:
        return f"attempt {recorded.attempt} died before it was done"
    if record.reason == _FIRST and recorded.status is not CheckpointStatus.SUBMITTED:
        return "not run yet"  # no attempt reached it; the recorded reason is the first plan's
    return record.reason or "not done yet"
