"""Load everything that a description names, or report all of its problems at once."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Container
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_spark_pipeline import protocol
from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import check_location
from airflow_spark_pipeline.exceptions import CheckpointLocationError, PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.parse_result import Reading
from airflow_spark_pipeline.pipeline.secret_references import missing, resolved
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import conflicts
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.component.loading import UnloadableError, checked, find_class, load_components
from airflow_spark_pipeline.runtime.component.views import (
    known_views,
    refuse_views_of_overlapping_components,
    refuse_views_that_a_resume_would_miss,
)
from airflow_spark_pipeline.runtime.lifecycle.base import PipelineHooks
from airflow_spark_pipeline.runtime.lifecycle.calls import ActiveHook
from airflow_spark_pipeline.runtime.lifecycle.loading import load_hooks
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.secrets import Redactor
from airflow_spark_pipeline.secrets.references import has_reference, values_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


#: Path of the checkpoint location in a description.
LOCATION = "pipeline.checkpoint.location"


def check(request: DriverRequest) -> int:
    """Load the components and print their problems as one line of JSON; nothing runs, and Spark is not needed."""
    problems = []
    try:
        load(PipelineSpec.from_dict(request.pipeline))
    except PipelineDefinitionError as error:
        problems = [problem.to_dict() for problem in error.problems]
    say(json.dumps({"problems": problems}))
    return protocol.EXIT_DEFINITION if problems else protocol.EXIT_COMPLETED


def load(
    spec: PipelineSpec, recorded: CheckpointState | None = None, *hooks: PipelineHooks
) -> tuple[list[Component], list[ActiveHook]]:
    """Return the components and hooks of a description, ready to use.

    References such as ``${secret:env://NAME}`` are resolved from the environment of this process.

    :param recorded: the state that an earlier attempt recorded, with the views that its components made
    :param hooks: hooks to add to those of the description
    :raises PipelineDefinitionError: lists every problem of the components and the hooks
    """
    problems: list[Problem] = missing(spec, os.environ)
    if problems:  # a field whose value is still missing fits no type
        raise PipelineDefinitionError(problems)
    described, spec = spec, resolved(spec, os.environ)
    components, active = list[Component](), list[ActiveHook]()
    try:
        components = load_components(spec.components)
        refuse_views_of_overlapping_components(spec, components)
        refuse_views_that_a_resume_would_miss(spec, components, recorded)
    except PipelineDefinitionError as error:
        problems.extend(error.problems)
    try:
        active = load_hooks(spec, *hooks)
    except PipelineDefinitionError as error:
        problems.extend(error.problems)
    if problems:
        raise PipelineDefinitionError(_hidden(problems, described))
    return components, active


def problems_of(reading: Reading, *, made_up: Container[str] = (), classes: bool = True) -> list[Problem]:
    """Return all problems of a description and its classes, sorted by file and line. Nothing runs.

    :param reading: as much of the description as could be read; its classes are checked even if it has problems
    :param made_up: paths of components and hooks with made-up values, see `find_problems`, and of a made-up location
    :param classes: whether to import the classes
    """
    problems = [*reading.problems]
    if reading.spec is not None and LOCATION not in made_up:
        problems += [reading.locate(problem) for problem in _location_problems(reading.spec)]
    if reading.spec is not None and classes:
        known = {problem.path for problem in problems if problem.path}
        found = find_problems(reading.spec, made_up=made_up, unreadable=known, is_whole=not problems)
        problems += [reading.locate(problem) for problem in found]
    # The file itself comes before the files it includes; problems without a line come last.
    main = None if reading.spec is None else reading.spec.source
    unknown = float("inf")
    return sorted(
        dict.fromkeys(problems),
        key=lambda each: (each.file != main, each.file or "", each.line or unknown),
    )


def _location_problems(spec: PipelineSpec) -> list[Problem]:
    """Return why no process could use the checkpoint location; a custom store takes any."""
    location = spec.checkpoint.location
    if location is None or spec.checkpoint.store is not None or has_reference(location):
        return []
    try:
        check_location(location)
    except CheckpointLocationError as error:
        return [Problem(StoreLocation.of(location).hide_password(str(error)), LOCATION)]
    return []


def find_problems(
    spec: PipelineSpec,
    *,
    made_up: Container[str] = (),
    unreadable: Collection[str] = (),
    is_whole: bool = True,
) -> list[Problem]:
    """Return all problems of a description's classes and their configs. Nothing runs.

    A reference to a variable that is not set here is not a problem: it may be set in the driver's environment.

    :param made_up: paths of components and hooks whose config holds values that were made up for this check; they are
        checked against the types of the class, but the class's own code does not validate them
    :param unreadable: paths of values that have a problem already: no other problem of them is true
    :param is_whole: whether the description is complete; views are checked only if no part was left out as wrong
    """
    unknown = {*(problem.path for problem in missing(spec, os.environ)), *unreadable}
    found = _find_problems(resolved(spec, os.environ), _MadeUp(made_up, unknown), is_whole=is_whole)
    return _hidden([problem for problem in found if problem.path not in unknown], spec)


def _hidden(problems: list[Problem], spec: PipelineSpec) -> list[Problem]:
    """Return the problems with the values of references masked: the message of a class may quote them."""
    redactor = Redactor({"secret": values_of(os.environ, spec.to_dict())})
    return [replace(problem, message=redactor.mask(problem.message)) for problem in problems]


class _MadeUp:
    """Paths whose config holds made-up or unreadable values, or references to variables that are not set here."""

    def __init__(self, given: Container[str], unknown: Collection[str | None]) -> None:
        self._given = given
        self._unknown = unknown

    def __contains__(self, path: object) -> bool:
        return path in self._given or any(str(each).startswith(f"{path}.") for each in self._unknown)


def _find_problems(spec: PipelineSpec, made_up: Container[str], *, is_whole: bool) -> list[Problem]:
    problems = _store_problems(spec)
    try:
        components = load_components(spec.components, made_up)
    except PipelineDefinitionError as error:
        problems.extend(error.problems)
    else:
        problems.extend(_view_problems(spec, components, made_up) if is_whole else ())
    try:
        load_hooks(spec, made_up=made_up)
    except PipelineDefinitionError as error:
        problems.extend(error.problems)
    return problems


def _store_problems(spec: PipelineSpec) -> list[Problem]:
    store = spec.checkpoint.store
    if store is None:
        return []
    try:
        checked(find_class(store.instance_type), store.instance_type, CheckpointStore, "checkpoint store")  # type: ignore[type-abstract]  # its subclasses are meant
    except UnloadableError as error:
        return [Problem(str(error), "pipeline.checkpoint.store.instance-type", missing_module=error.missing_module)]
    return []


def _view_problems(spec: PipelineSpec, components: list[Component], made_up: Container[str]) -> list[Problem]:
    looked_at = [
        _Unjudged(component) if described.path in made_up else component
        for described, component in zip(spec.components, components, strict=True)
    ]
    problems = conflicts(spec, known_views(looked_at))
    try:
        refuse_views_that_a_resume_would_miss(spec, looked_at, None)
    except PipelineDefinitionError as error:
        problems.extend(error.problems)
    return problems


class _Unjudged(Component):
    """A component that was never initialized; if its view methods fail, its views are unknown."""

    def __init__(self, component: Component) -> None:
        self._component = component

    def run(self, spark: SparkSession) -> None:
        """Refuse."""
        raise RuntimeError("a component that was created only to check a description was run")

    def reads_views(self) -> Collection[str]:
        """Return the component's answer."""
        try:
            return self._component.reads_views()
        except Exception:
            return ()

    def makes_views(self) -> Collection[str]:
        """Return the component's answer."""
        try:
            return self._component.makes_views()
        except Exception:
            return ()

    @property
    def replay_on_resume(self) -> bool:  # type: ignore[override]  # the class's answer
        """Return the class's answer."""
        return type(self._component).replay_on_resume
