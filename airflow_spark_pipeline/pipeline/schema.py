"""Check a resolved description and turn it into a `PipelineSpec`.

It promises that every field is either used or an error: unknown keys and wrong types are all named, in one go.
"""

from __future__ import annotations

from typing import Any

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.binding.suggestions import did_you_mean, suggest
from airflow_spark_pipeline.exceptions import Problem
from airflow_spark_pipeline.pipeline.checker import Checker, kind_of
from airflow_spark_pipeline.pipeline.connect_string import SESSION_ID, ConnectString
from airflow_spark_pipeline.pipeline.hocon.scalars import Address, Places
from airflow_spark_pipeline.pipeline.schema_policies import read_hooks, read_milliseconds, read_retry_policy
from airflow_spark_pipeline.pipeline.secret_references import misplaced
from airflow_spark_pipeline.pipeline.spec import (
    LOG_LEVELS,
    CheckpointSpec,
    ComponentSpec,
    PipelineSpec,
    SparkSpec,
    StoreSpec,
)

FIELDS = {
    "spark": ("app-name", "master", "connect-string", "config"),
    "pipeline": (
        "pipeline-name",
        "fail-fast",
        "log-level",
        "save-outputs",
        "replay-on-resume",
        "retry-policy",
        "hooks",
        "checkpoint",
        "pipeline-components",
    ),
    "checkpoint": (
        "enabled",
        "location",
        "auto-resume",
        "cleanup-on-success",
        "on-change",
        "config-match",
        "code-match",
        "store",
    ),
    "store": ("instance-type", "instance-config"),
    "component": (
        "instance-type",
        "instance-name",
        "instance-config",
        "save-outputs",
        "replay-on-resume",
        "depends-on",
        "enabled",
        "timeout",
        "retry-policy",
        "hooks",
    ),
    "retry-policy": (
        "max-retries",
        "initial-delay-ms",
        "max-delay-ms",
        "backoff-multiplier",
        "jitter-factor",
        "retryable-exceptions",
    ),
    "hook": ("instance-type", "instance-config", "gate"),
}
ON_CHANGE = ("fail", "restart", "rerun-from-change")
CONFIG_MATCH = ("completed", "strict")


def read_description(
    tree: dict[str, Any],
    places: Places,
    source: str | None,
    problems: list[Problem],
    *,
    incomplete: bool = False,
) -> PipelineSpec | None:
    """Return the description, or ``None`` where it is too wrong to build one.

    :param tree: the resolved description: dicts, lists and `Word`
    :param source: the file to name in messages and in the result
    :param problems: gets everything that is wrong; the result counts only if it is empty afterwards
    :param incomplete: something could not be read, so that nothing can be said of what is missing
    """
    checker = Checker(places, source, problems, FIELDS, incomplete=incomplete)
    spark = _spark(checker, tree)
    if "pipeline" not in tree:
        near = suggest("pipeline", [key for key in tree if key != "spark"])
        checker.note_missing((), "'pipeline' is missing" + (f"; did you mean it by {near!r}?" if near else ""))
        return None
    pipeline = checker.block(tree, "pipeline", (), "pipeline")
    if pipeline is None:
        return None
    name = checker.text(pipeline, "pipeline-name", ("pipeline",), required=True)
    fail_fast = checker.flag(pipeline, "fail-fast", ("pipeline",))
    log_level = checker.choice(pipeline, "log-level", ("pipeline",), LOG_LEVELS)
    checkpoint = _checkpoint(checker, pipeline)
    components = _components(checker, pipeline)
    spec = PipelineSpec(
        pipeline_name=name or "",
        components=components,
        spark=spark,
        checkpoint=checkpoint,
        fail_fast=True if fail_fast is None else fail_fast,
        source=source,
        log_level=log_level or "INFO",
        save_outputs=checker.flag(pipeline, "save-outputs", ("pipeline",)),
        replay_on_resume=checker.flag(pipeline, "replay-on-resume", ("pipeline",)),
        retry_policy=read_retry_policy(checker, pipeline, ("pipeline",)),
        hooks=read_hooks(checker, pipeline, ("pipeline",)),
    )
    for address, message in misplaced(spec):
        checker.note(address, message)
    return spec


def _spark(checker: Checker, tree: dict[str, Any]) -> SparkSpec:
    spark = checker.block(tree, "spark", (), "spark") or {}
    here: Address = ("spark",)
    config: dict[str, str] = {}
    checker.spark_config(checker.block(spark, "config", here, None) or {}, ("spark", "config"), config)
    master, connect_string = checker.text(spark, "master", here), _connect_string(checker, spark, here)
    if master is not None and connect_string is not None:
        checker.note((*here, "master"), "with `connect-string` the server has a master already; remove one of the two")
    return SparkSpec(checker.text(spark, "app-name", here), master, config, connect_string)


def _connect_string(checker: Checker, spark: dict[str, Any], parent: Address) -> str | None:
    text = checker.text(spark, "connect-string", parent)
    if text is None:
        return None
    try:
        if SESSION_ID in ConnectString.parse(text).parameters:
            message = f"remove {SESSION_ID}: each attempt has a session of its own"
            checker.note((*parent, "connect-string"), message)
    except ValueError as error:
        checker.note((*parent, "connect-string"), str(error))
    return text


def _checkpoint(checker: Checker, pipeline: dict[str, Any]) -> CheckpointSpec:
    here: Address = ("pipeline", "checkpoint")
    block = checker.block(pipeline, "checkpoint", ("pipeline",), "checkpoint") or {}
    values = {
        "enabled": checker.flag(block, "enabled", here),
        "location": checker.text(block, "location", here),
        "auto_resume": checker.flag(block, "auto-resume", here),
        "cleanup_on_success": checker.flag(block, "cleanup-on-success", here),
        "on_change": checker.choice(block, "on-change", here, ON_CHANGE),
        "config_match": checker.choice(block, "config-match", here, CONFIG_MATCH),
        "code_match": checker.flag(block, "code-match", here),
        "store": _store(checker, block, here),
    }
    return CheckpointSpec().with_overrides(**values)


def _store(checker: Checker, block: dict[str, Any], parent: Address) -> StoreSpec | None:
    node, here = checker.block(block, "store", parent, "store"), (*parent, "store")
    if node is None:
        return None
    kind = checker.python_name(node, "instance-type", here)
    config = checker.block(node, "instance-config", here, None) or {}
    plain = checker.plain(config, (*here, "instance-config"))
    return None if kind is None else StoreSpec(kind, plain)


def _components(checker: Checker, pipeline: dict[str, Any]) -> tuple[ComponentSpec, ...]:
    here: Address = ("pipeline", "pipeline-components")
    node = checker.get(pipeline, "pipeline-components", ("pipeline",), required=True)
    if node is None:
        return ()
    if not isinstance(node, list):
        checker.note(here, f"expected a list of components, found {kind_of(node)}")
        return ()
    if not node:
        checker.note(here, "the list is empty; a pipeline needs at least one component")
    components: list[ComponentSpec] = []
    for index, item in enumerate(node):
        component = _component(checker, item, (*here, index))
        if component is None:
            continue
        twin = next((other for other in components if other.instance_name == component.instance_name), None)
        if twin is not None:
            message = (
                f"`{component.instance_name}` is also the name of {twin.path}; checkpoints know components by name, "
                "so set `instance-name` in one of them to a name of its own"
            )
            checker.note((*here, index, "instance-name"), message)
        _check_dependencies(checker, component, components, (*here, index, "depends-on"))
        components.append(component)
    if components and not any(component.enabled for component in components):
        checker.note(here, "no component is enabled; a pipeline needs at least one that runs")
    return tuple(components)


def _check_dependencies(
    checker: Checker, component: ComponentSpec, earlier: list[ComponentSpec], here: Address
) -> None:
    by_name = {other.instance_name: other for other in earlier}
    for position, name in enumerate(component.depends_on):
        if name not in by_name:
            message = f"there is no earlier component {name!r}{did_you_mean(name, by_name)}"
            checker.note((*here, position), message)
        elif component.enabled and not by_name[name].enabled:
            message = f"`{name}` is not enabled, so this would never run; set enabled = false here, too"
            checker.note((*here, position), message)


def _component(checker: Checker, item: Any, here: Address) -> ComponentSpec | None:
    node = checker.known(item, here, "component")
    if node is None:
        return None
    kind = checker.python_name(node, "instance-type", here)
    name = checker.text(node, "instance-name", here)
    config = checker.block(node, "instance-config", here, None) or {}
    plain = checker.plain(config, (*here, "instance-config"))
    if kind is None:
        return None
    return ComponentSpec(
        kind,
        name or kind.rpartition(".")[2],
        plain,
        join_path(here),
        save_outputs=checker.flag(node, "save-outputs", here),
        replay_on_resume=checker.flag(node, "replay-on-resume", here),
        depends_on=checker.texts(node, "depends-on", here),
        enabled=checker.flag(node, "enabled", here) is not False,
        timeout_ms=read_milliseconds(checker, node, "timeout", here),
        retry_policy=read_retry_policy(checker, node, here),
        hooks=read_hooks(checker, node, here),
    )
