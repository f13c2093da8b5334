"""Load the ``hooks`` of a description; all problems are reported at once, as for components."""

from __future__ import annotations

import inspect
from collections.abc import Container

from airflow_spark_pipeline.binding.bind import bind
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.policies import HookSpec
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.component.loading import UnloadableError, checked, find_class
from airflow_spark_pipeline.runtime.lifecycle.base import PipelineHooks, flatten
from airflow_spark_pipeline.runtime.lifecycle.calls import ActiveHook
from airflow_spark_pipeline.runtime.lifecycle.checkpoints import CheckpointHooks
from airflow_spark_pipeline.runtime.lifecycle.checks import CheckHook


def load_hooks(spec: PipelineSpec, *more: PipelineHooks, made_up: Container[str] = ()) -> list[ActiveHook]:
    """Return the hooks of a description, the pipeline's first, then those that are passed from code.

    :param made_up: paths of configs that hold made-up values: only their types are checked
    :raises PipelineDefinitionError: lists the problems of all hooks
    """
    found: list[ActiveHook] = []
    problems: list[Problem] = []
    listed = [(hook, None) for hook in spec.hooks]
    listed += [(hook, c.instance_name) for c in spec.components if c.enabled for hook in c.hooks]  # type: ignore[misc]
    for hook, component in listed:
        try:
            found.append(_load(hook, component, construct=hook.path not in made_up))
        except UnloadableError as error:
            problems.append(Problem(str(error), f"{hook.path}.instance-type", missing_module=error.missing_module))
        except PipelineDefinitionError as error:
            problems.extend(error.problems)
    if problems:
        raise PipelineDefinitionError(problems)
    return found + [ActiveHook(part, part.gate) for hook in more for part in flatten(hook)]


def _load(hook: HookSpec, component: str | None, *, construct: bool) -> ActiveHook:
    cls = find_class(hook.instance_type)
    if inspect.isclass(cls) and issubclass(cls, CheckpointHooks):
        raise UnloadableError(
            "a description turns checkpoints on with checkpoint.enabled; CheckpointHooks are for code"
        )
    path = f"{hook.path}.instance-config"
    if inspect.isclass(cls) and issubclass(cls, Component):
        check = checked(cls, hook.instance_type, Component, "component")  # type: ignore[type-abstract]  # its subclasses
        return _check(hook, bind(check, hook.instance_config, path, construct=construct), component)
    kind = checked(cls, hook.instance_type, PipelineHooks, "hook")
    loaded: PipelineHooks = bind(kind, hook.instance_config, path, construct=construct)
    if not construct:
        return ActiveHook(loaded, bool(hook.gate), component)  # its `gate` may depend on what __post_init__ sets
    return ActiveHook(loaded, loaded.gate if hook.gate is None else hook.gate, component)


def _check(hook: HookSpec, check: Component, component: str | None) -> ActiveHook:
    if component is None:
        raise UnloadableError(
            f"{hook.instance_type} is a component; list it among the hooks of the component that it checks"
        )
    if hook.gate is False:
        raise UnloadableError("a check is a gate; remove gate = false")
    return ActiveHook(CheckHook(check, type(check).__name__), True, component)
