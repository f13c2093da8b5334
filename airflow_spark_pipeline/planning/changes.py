"""Changes: finds where a description no longer fits the recorded state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_spark_pipeline.checkpoint.state import CheckpointState, ComponentAction, ComponentCheckpoint
from airflow_spark_pipeline.pipeline.fingerprint import VERSION, differences, fingerprint
from airflow_spark_pipeline.pipeline.spec import PipelineSpec


@dataclass(frozen=True, slots=True)
class Change:
    """The first change that matters.

    :param index: index of the component in the current description
    :param what: explanation with the paths, but without values
    :param paths: HOCON paths that differ
    """

    index: int
    what: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """The current code of a component.

    :param files: map from file to digest; empty if the files are not known
    :param version: digest of the version that the class declares; ``None`` if it is not known
    """

    files: Mapping[str, str] = field(default_factory=dict)
    version: str | None = None


_UNKNOWN = Code()
CodeNow = Mapping[str, Code]  # key: name of the component


def changed_files(old: ComponentCheckpoint, code: Code) -> list[str]:
    """Return a component's files that changed since it ran; none if the old or the current code is not known."""
    return differences(old.code, code.files) if old.code and code.files else []


def changed_code(old: ComponentCheckpoint, code: Code) -> tuple[tuple[str, ...], str]:
    """Return the changed files of a component that is not run again, and a text about them for its reason.

    If the current code is not known, as in the API server, these are the files that the last attempt found.
    """
    if not code.files:
        found = old.changed_code
        return found, f"; the last attempt found that its code has changed: {', '.join(found)}" if found else ""
    now = tuple(changed_files(old, code))
    return now, f"; its code has changed since: {', '.join(now)}" if now else ""


def first_change(spec: PipelineSpec, recorded: CheckpointState, code: CodeNow) -> Change | None:
    """Return the first change at or before the last completed component; with ``config-match = strict``, anywhere."""
    strict = spec.checkpoint.config_match == "strict"
    done = set(recorded.completed_components)
    for old in sorted(recorded.components, key=lambda c: c.index):
        if not strict and old.index > recorded.last_checkpointed_index:
            return None
        change = _moved(spec, old, strict=strict) or _enabled(spec, old)
        if change is None and (strict or old.name in done):
            is_done = old.name in done
            change = _edited(spec, old, recorded, is_done=is_done) or _coded(spec, old, code.get(old.name, _UNKNOWN))
        if change is not None:
            return change
    if strict and len(spec.components) > len(recorded.components):
        return _added(spec, len(recorded.components))
    return None


def _moved(spec: PipelineSpec, old: ComponentCheckpoint, *, strict: bool) -> Change | None:
    now = spec.components[old.index].instance_name if old.index < len(spec.components) else None
    if now == old.name:
        return None
    path = _path(spec, old.index)
    why = (
        "with config-match = strict nothing may change"
        if strict
        else "up to the last component that is done, names and order must stay"
    )
    changed = "was removed" if now is None else f"is {now} now"
    return Change(min(old.index, len(spec.components)), f"{path} was {old.name} and {changed}; {why}", (path,))


def _enabled(spec: PipelineSpec, old: ComponentCheckpoint) -> Change | None:
    """Return the change if a component was disabled and now runs, although later ones completed without it."""
    component = spec.components[old.index]
    if old.action is not ComponentAction.DISABLED or not component.enabled:
        return None
    path = f"{component.path}.enabled"
    return Change(
        old.index, f"{old.name} was disabled when later components completed, and is enabled now: {path}", (path,)
    )


def _edited(spec: PipelineSpec, old: ComponentCheckpoint, recorded: CheckpointState, *, is_done: bool) -> Change | None:
    component = spec.components[old.index]
    fields = {path: digest for path, digest in old.fingerprint.items() if path != VERSION}
    changed = differences(fields, fingerprint(component, recorded.fingerprint_salt))
    if not changed:
        return None
    paths = tuple(f"{component.path}.{path}" for path in changed)
    state = "is recorded as done, and" if is_done else "must be unchanged (config-match = strict), but"
    return Change(old.index, f"{old.name} {state} differs now at {', '.join(paths)}", paths)


def _coded(spec: PipelineSpec, old: ComponentCheckpoint, code: Code) -> Change | None:
    component = spec.components[old.index]
    recorded = old.fingerprint.get(VERSION)
    if recorded is not None and code.version is not None and recorded != code.version:
        path = f"{component.instance_type}.version"
        return Change(old.index, f"{old.name} is recorded as done, and {path} has changed", (path,))
    files = changed_files(old, code) if spec.checkpoint.code_match else []
    if not files:
        return None
    what = f"{old.name} is recorded as done, and its code has changed since: {', '.join(files)} (code-match = true)"
    return Change(old.index, what, tuple(files))


def _added(spec: PipelineSpec, index: int) -> Change:
    path = _path(spec, index)
    return Change(index, f"{path} is new, and with config-match = strict nothing may change", (path,))


def _path(spec: PipelineSpec, index: int) -> str:
    """Return where a component is in the file, which can have another order than the pipeline."""
    found = spec.components[index].path if index < len(spec.components) else ""
    return found or f"pipeline.pipeline-components[{index}]"
