"""References to secrets in a description, ``${secret:env://NAME}``: where they may be, and their values in the driver.

They may be in ``spark.config`` and in each ``instance-config`` of components and hooks. Other fields are needed by
Airflow, too, which does not have the driver's environment, so references are refused there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.exceptions import Problem
from airflow_spark_pipeline.pipeline.policies import HookSpec
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.secrets.references import Path, resolve, texts, unresolved, wrong

_ELSEWHERE = (
    "a secret of the driver's environment can only be in spark.config and in the instance-config of a component or a "
    "hook; Airflow needs this value, too. Use ${?NAME}, which is read where Airflow runs, or an Airflow connection"
)


def misplaced(spec: PipelineSpec) -> Iterator[tuple[Path, str]]:
    """Yield the path and the message for each reference that is not allowed where it is."""
    config = {key: value for key, value in spec.to_dict().items() if key != "source"}
    elsewhere = [path for path, _ in texts(config) if not _is_allowed(path)]
    yield from ((path, _ELSEWHERE) for path in elsewhere)
    yield from ((path, message) for path, message in wrong(config) if path not in elsewhere)


def _is_allowed(path: Path) -> bool:
    return path[:2] == ("spark", "config") or ("instance-config" in path and path[:2] != ("pipeline", "checkpoint"))


def unknown_variables(spec: PipelineSpec, environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the path and the variable's name of each reference whose variable is not set.

    References of disabled components are not needed.
    """
    enabled = [component for component in spec.components if component.enabled]
    configs = [(component.path, component.instance_config) for component in enabled]
    configs += [(hook.path, hook.instance_config) for hook in spec.hooks]
    configs += [(hook.path, hook.instance_config) for component in enabled for hook in component.hooks]
    return [
        (f"{path}.instance-config.{join_path(below)}", name)
        for path, config in configs
        for below, name in unresolved(config, environment)
    ]


def missing(spec: PipelineSpec, environment: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each reference of a description that cannot be resolved."""
    found = [Problem(message, join_path(path)) for path, message in misplaced(spec)]  # of one that no file holds
    return found + [_problem(path, name) for path, name in unknown_variables(spec, environment)]


def missing_settings(settings: Mapping[str, str], environment: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each reference in Spark's settings that cannot be resolved."""
    found = unresolved(settings, environment)
    return [Problem(why, f"spark.config.{join_path(path)}") for path, why in wrong(settings)] + [
        _problem(f"spark.config.{join_path(path)}", name) for path, name in found
    ]


def resolved(spec: PipelineSpec, environment: Mapping[str, str]) -> PipelineSpec:
    """Return the description with the values of its references, which must never be recorded."""
    components = tuple(
        replace(
            component,
            instance_config=resolve(component.instance_config, environment),
            hooks=_hooks(component.hooks, environment),
        )
        for component in spec.components
    )
    return replace(spec, components=components, hooks=_hooks(spec.hooks, environment))


def _hooks(hooks: tuple[HookSpec, ...], environment: Mapping[str, str]) -> tuple[HookSpec, ...]:
    return tuple(replace(hook, instance_config=resolve(hook.instance_config, environment)) for hook in hooks)


def _problem(path: str, name: str) -> Problem:
    message = (
        f"the environment variable {name} of ${{secret:env://{name}}} is not set where the driver "
        "runs; set it there (for a driver on the worker, with the operator's env_vars)"
    )
    return Problem(message, path)
