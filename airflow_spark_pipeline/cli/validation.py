"""Checks a pipeline's file: its structure and its classes. Problems are sorted by line.

Names without a value, and those that every DAG run has (``ds`` and similar names), get made-up values. Configs with
such values are only checked against the types of their class. To find them, the file is read twice, with different
values: the parts that differ contain made-up values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_spark_pipeline.cli.description import OTHER_SAMPLES, SAMPLES, Settings, read_with_samples
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.parse_result import Reading
from airflow_spark_pipeline.pipeline.policies import HookSpec
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.runtime.driver.components_and_hooks import LOCATION, problems_of


@dataclass(frozen=True)
class Checked:
    """The result of a check.

    :param problems: problems, sorted by line
    :param spec: description as far as it could be read; ``None`` if it could not be read
    :param unchecked: names without a value, which could not be checked
    :param warnings: probable mistakes
    """

    problems: list[Problem]
    spec: PipelineSpec | None = None
    unchecked: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()


def check_file(file: str, settings: Settings, values: Mapping[str, Any], *, classes: bool) -> Checked:
    """Check a file.

    :param classes: whether to import the classes in the file
    """
    settings = list(settings)
    try:
        first, missing, has_templates = read_with_samples(file, settings, values, SAMPLES)
    except PipelineDefinitionError as error:
        return Checked(list(error.problems))
    if not has_templates:  # nothing is made up
        one = _as_operator(first)
        return Checked(problems_of(one, classes=classes), one.spec, (), one.warnings)
    try:
        others = {**OTHER_SAMPLES, **{name: f"{name}_" for name in missing}}
        second, *_ = read_with_samples(file, settings, values, others)
    except PipelineDefinitionError:
        second = Reading(None)
    one, two = _as_operator(first), _as_operator(second)
    made_up = _differing(one.spec, two.spec)
    problems = problems_of(one, made_up=made_up, classes=classes)
    if made_up or one.problems:
        again = {(each.path, each.message) for each in problems_of(two, made_up=_Everything(), classes=classes)}
        problems = [
            each
            for each in problems
            if two.spec is None
            or (each.path, each.message) in again
            or not (each in first.problems or _is_below(each.path, made_up))
        ]
    return Checked(problems, one.spec, tuple(missing), one.warnings)


class _Everything:
    """A container of all paths."""

    def __contains__(self, path: object) -> bool:
        return True


def _as_operator(reading: Reading) -> Reading:
    """Return the description as for the operator, for which a view that a resume would miss is a problem."""
    if reading.spec is None:
        return reading
    checkpoint = reading.spec.checkpoint.with_defaults(enabled=True, auto_resume=True)
    return replace(reading, spec=replace(reading.spec, checkpoint=checkpoint))


def _differing(one: PipelineSpec | None, two: PipelineSpec | None) -> frozenset[str]:
    """Return the paths of what contains made-up values: components, hooks, the checkpoint location."""
    known = {} if two is None else {each.path: each for each in _configured(two)}
    paths = {each.path for each in _configured(one) if known.get(each.path) != each}
    if one is not None and (two is None or one.checkpoint.location != two.checkpoint.location):
        paths.add(LOCATION)
    return frozenset(paths)


def _configured(spec: PipelineSpec | None) -> Iterable[ComponentSpec | HookSpec]:
    if spec is not None:
        yield from spec.hooks
        for component in spec.components:
            # The hooks of a component are compared separately.
            yield replace(component, hooks=())
            yield from component.hooks


def _is_below(path: str, above: Iterable[str]) -> bool:
    return any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in above)
