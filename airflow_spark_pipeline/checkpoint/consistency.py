"""Checks that the fields of a commit agree with each other and with the name of the object.

The checksum detects damage; these checks detect other faults: a copy under another name, an edit with a new checksum, a
bug in a writer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_spark_pipeline.checkpoint.key import NO_KEY, parse_run_id, pipeline_slug
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, ComponentAction
from airflow_spark_pipeline.checkpoint.validation import short


def disagreement(
    state: CheckpointState, raw: Mapping[str, Any], unit: str | None = None, number: int | None = None
) -> str | None:
    """Return how a commit contradicts itself or the name of its object; ``None`` if it does not.

    :param raw: stored JSON object
    :param unit: directory of the unit, from the object's name; ``None`` if it is not known
    :param number: number of the commit, from the object's name
    """
    rules: tuple[Callable[[], str | None], ...] = (
        lambda: _of_place(state, raw, unit, number),
        lambda: _of_components(state, raw),
        lambda: _of_progress(state),
        lambda: _of_attempts(state),
        lambda: _of_end(state),
        lambda: _of_outputs(state, raw),
    )
    return next((why for rule in rules if (why := rule()) is not None), None)


def misplaced(run_id: str, raw: Mapping[str, Any], unit: str | None, number: int | None) -> str | None:
    """Return how the run id and number of a commit contradict the name of its object; ``None`` if they do not."""
    recorded = raw.get("number")
    if type(recorded) is not int or recorded < 0:
        return f"number is {short(recorded)}"
    if number is not None and recorded != number:
        return f"it is commit {recorded} of its run, under the name of commit {number}"
    try:
        theirs, _ = parse_run_id(run_id)
    except ValueError:
        return f"runId is {short(run_id)}"
    return None if unit is None or theirs == unit else f"it belongs to the run in {theirs}"


def _of_place(state: CheckpointState, raw: Mapping[str, Any], unit: str | None, number: int | None) -> str | None:
    why = misplaced(state.run_id, raw, unit, number)
    if why is not None:
        return why
    if state.claim_number > raw["number"]:
        return f"claimNumber is {state.claim_number}, and it is commit {raw['number']}"
    if state.decided_on is not None and state.decided_on["number"] >= state.claim_number:
        return f"decidedOn is commit {state.decided_on['number']}, and claimNumber is {state.claim_number}"
    theirs, claim = parse_run_id(state.run_id)
    if claim > state.claim_number:
        return f"runId is that of claim {claim}, and claimNumber is {state.claim_number}"
    if state.resumed_from is not None and not state.resumed_from.startswith(f"{theirs.replace('/', '~')}~"):
        return f"resumedFrom is {short(state.resumed_from)}, which is a run of a different unit of work"
    return _of_key(state, theirs)


def _of_key(state: CheckpointState, unit: str) -> str | None:
    if state.key == NO_KEY:
        return None if state.status is CheckpointStatus.DISCARDED else "it has no key"
    pipeline, _, name = unit.partition("/")
    if state.key.directory != name:
        return "its key is that of another run"
    return None if pipeline_slug(state.pipeline_name) == pipeline else "its pipelineName is that of another pipeline"


def _of_components(state: CheckpointState, raw: Mapping[str, Any]) -> str | None:
    names = [record.name for record in state.components]
    if len(set(names)) != len(names):
        return "two components have the same name"
    if [record.index for record in state.components] != list(range(len(names))):
        return "the indexes of its components do not count up from 0"
    if state.total_components != len(names) and not _is_emptied(state):
        return f"totalComponents is {state.total_components}, and it lists {len(names)}"
    done = state.completed_components
    if len(set(done)) != len(done) or not set(done) <= set(names):
        return "completedComponents names something twice, or what is not a component"
    last = raw.get("lastCheckpointedIndex")
    if type(last) is not int or last != state.last_checkpointed_index:
        return f"lastCheckpointedIndex is {short(last)}, and the last completed one is {state.last_checkpointed_index}"
    return None


_OF_DONE = (ComponentAction.RAN, ComponentAction.REPLAYED, ComponentAction.SKIPPED)
_OF_FAILED = (ComponentAction.FAILED, ComponentAction.UPSTREAM_FAILED)
_OF_OPEN = tuple(action for action in ComponentAction if action not in _OF_DONE)


def _of_progress(state: CheckpointState) -> str | None:
    done = set(state.completed_components)
    # Completed earlier, and failed when it was replayed.
    before = {name for last in state.attempts[-1:] for name in (*last.ran, *last.skipped)}
    for record in state.components:
        fits = record.action in (_OF_DONE if record.name in done else _OF_OPEN)
        if not fits and not (record.action is ComponentAction.FAILED and record.name in before):
            is_done = "is" if record.name in done else "is not"
            return f"{record.name} {is_done} among completedComponents, and its action is {record.action.value}"
        if record.tolerated and record.action not in _OF_FAILED:
            return f"the failure of {record.name} is tolerated, and its action is {record.action.value}"
        if record.finished is not None and record.name not in done:
            return f"{record.name} finished the run early, and it is not done"
        if len(set(record.parts)) != len(record.parts) or (record.parts and record.name in done):
            return f"{record.name} lists parts twice, or although it is done"
        if record.changed_code and not record.code:
            return f"{record.name} has changed code, and no code is recorded"
        if record.attempt is None and record.name in done:
            return f"{record.name} is done, in no attempt"
        if record.attempt is not None and record.attempt > state.attempt:
            return f"{record.name} ran in attempt {record.attempt}, and this is attempt {state.attempt}"
    return None


def _of_attempts(state: CheckpointState) -> str | None:
    if not state.attempt_id.startswith(f"{state.attempt}-"):
        return f"attemptId is {short(state.attempt_id)}, and attempt is {state.attempt}"
    if not state.attempts:
        return None if _is_emptied(state) else "it lists no attempt"
    numbers = [summary.attempt for summary in state.attempts]
    if numbers != sorted(set(numbers)):
        return "its attempts do not count up"
    last = state.attempts[-1]
    if (last.attempt, last.run_id) != (state.attempt, state.run_id):
        return f"its last attempt is {last.attempt} ({short(last.run_id)})"
    return None


def _of_end(state: CheckpointState) -> str | None:
    failure = state.failure
    if failure is not None and failure.component is not None:
        record = state.component(failure.component)
        if record is None or record.index != failure.index:
            return f"it failed at {short(failure.component)}, which is not its component {failure.index}"
    if failure is not None and failure.component is None and failure.index is not None:
        return f"it failed at component {failure.index}, which has no name"
    if state.status is CheckpointStatus.COMPLETED and (failure is not None or not state.all_done):
        return "it is completed, and not every component is done"
    if state.status is CheckpointStatus.DISCARDED and not _is_emptied(state):
        return "it is discarded, and still lists components"
    return None


def _of_outputs(state: CheckpointState, raw: Mapping[str, Any]) -> str | None:
    own, _ = parse_run_id(state.run_id)
    for record in state.components:
        for view, output in record.outputs.items():
            if not _is_saved_output(str(output["path"]), own, int(raw["number"])):
                return f"the saved output {view!r} of {record.name} is not one of this run: {short(output['path'])}"
    return None


def _is_saved_output(path: str, unit: str, number: int) -> bool:
    _, found, rest = path.partition(f"/_outputs/{unit}/")
    parts = rest.split("/")
    claim = parts[0].partition("-")[0]
    inside = ".." not in path.split("/") and len(parts) > 1
    return bool(found) and inside and claim.isdecimal() and claim.isascii() and int(claim) <= number


def _is_emptied(state: CheckpointState) -> bool:
    return state.status is CheckpointStatus.DISCARDED and not state.components and not state.completed_components
