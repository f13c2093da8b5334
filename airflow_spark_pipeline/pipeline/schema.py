"""Binds a resolved description to a `PipelineSpec`, and checks the rules that types cannot express.

Guarantees: every field is either used or an error; all unknown keys and wrong types are reported together. The
dataclasses in ``spec`` and ``policies`` define the fields and their types, and the code that binds them also binds the
configs of components.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from airflow_spark_pipeline.binding.bind import bind_what_fits
from airflow_spark_pipeline.binding.fields import key_of, keys_of
from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.binding.suggestions import did_you_mean, suggest
from airflow_spark_pipeline.exceptions import Problem
from airflow_spark_pipeline.pipeline.connect_string import SESSION_ID, ConnectString
from airflow_spark_pipeline.pipeline.hocon.scalars import Places
from airflow_spark_pipeline.pipeline.order import circle, ordered
from airflow_spark_pipeline.pipeline.parse_result import Reading
from airflow_spark_pipeline.pipeline.plain_values import PlainValues
from airflow_spark_pipeline.pipeline.policies import HookSpec, RetryPolicy
from airflow_spark_pipeline.pipeline.secret_references import misplaced
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec, StoreSpec

_SPARK = "spark"
_PIPELINE = "pipeline"
_TOP = (_PIPELINE, _SPARK)
_BLOCKS = {
    _SPARK: SparkSpec,
    _PIPELINE: PipelineSpec,
    "checkpoint": CheckpointSpec,
    "store": StoreSpec,
    "component": ComponentSpec,
    "retry-policy": RetryPolicy,
    "hook": HookSpec,
}
#: The keys of each block; the reference page has a table for each.
FIELDS = {block: keys_of(cls) for block, cls in _BLOCKS.items()}


def read_description(
    tree: dict[str, Any],
    places: Places,
    source: str | None,
    problems: list[Problem],
    warnings: list[Problem],
    *,
    used: Collection[str] = (),
    incomplete: bool = False,
) -> PipelineSpec | None:
    """Return the description, or ``None`` if it is too wrong to build one.

    :param tree: the resolved description: dicts, lists and `Word`
    :param source: the file to name in messages and in the result
    :param problems: gets everything that is wrong; the result counts only if it is empty afterwards
    :param warnings: gets what is probably a mistake
    :param used: the keys at the top that substitutions of other keys need
    :param incomplete: parts could not be read, so a missing key is not reported
    """
    values = PlainValues()
    spark, pipeline = _blocks(tree, values, places)
    bound, wrong = bind_what_fits(SparkSpec, spark, "spark")
    spec = None
    if pipeline is None:
        wrong += [] if incomplete else [Problem(_no_pipeline(tree))]
    else:
        stated, more = bind_what_fits(PipelineSpec, pipeline, "pipeline")
        wrong += more
        if isinstance(pipeline, dict):
            whole = {"pipeline_name": "", "components": (), **stated, "spark": SparkSpec(**bound), "source": source}
            spec = _complete(PipelineSpec(**whole), pipeline)
            wrong += _rules(spec)
            spec = replace(spec, components=ordered(spec.components))
    unused = {} if incomplete else {name: value for name, value in tree.items() if name not in {*_TOP, *used}}
    for name, problem in _astray(unused):
        # A file that many descriptions include may hold variables that this one does not need.
        (wrong if places.of[name,].file == source else warnings).append(problem)
    at = Reading(None, places={join_path(address): place for address, place in places.of.items()})
    found = [
        at.locate(replace(problem, file=source))
        for problem in (*wrong, *values.problems)
        # Unreadable parts have their own problem already; what is missing in them is not known.
        if problem.path not in values.broken and not (incomplete and problem.path and problem.path not in at.places)
    ]
    warnings[:] = [at.locate(warning) for warning in warnings]
    problems += sorted(found, key=lambda each: (each.file != source, each.file or "", each.line or 0))
    return spec


def _blocks(tree: dict[str, Any], values: PlainValues, places: Places) -> tuple[Any, Any]:
    """Return the two blocks as plain values; ``None`` if there is no pipeline."""
    written = {key: tree[key] for key in ("spark", "pipeline") if key in tree}
    spark, settings = written.get("spark"), None
    if isinstance(spark, dict) and isinstance(spark.get("config"), dict):
        settings = values.of_settings(spark["config"], ("spark", "config"), places.shadowed)
        written["spark"] = {key: value for key, value in spark.items() if key != "config"}
    plain = values.of_fields(written, ())
    if settings is not None:
        plain["spark"]["config"] = settings
    return {} if plain.get("spark") is None else plain["spark"], plain.get("pipeline")


def _no_pipeline(tree: dict[str, Any]) -> str:
    near = None if _PIPELINE in tree else suggest(_PIPELINE, [key for key in tree if key != _SPARK])
    return f"{_PIPELINE!r} is missing" + (f"; did you misspell it as {near!r}?" if near else "")


def _astray(unused: Mapping[str, Any]) -> Iterator[tuple[str, Problem]]:
    """Yield the keys at the top that look like a part of the description, with what is wrong.

        sparc { master = yarn }     did you mean 'spark'?
        fail-fast = false           it is a key of 'pipeline'

    :param unused: the values of the keys that no substitution needs
    """
    for name, value in unused.items():
        blocks = " and ".join(f"'{block}'" for block, keys in FIELDS.items() if name in keys)
        near = suggest(name, _TOP)
        if blocks:
            message = f"this is a key of {blocks}, and nothing uses it here; move it there, or remove it"
        elif near is not None and isinstance(value, dict) and not value.keys().isdisjoint(FIELDS[near]):
            message = f"nothing uses this key; did you mean {near!r}? Otherwise, remove it"
        else:
            continue
        yield name, Problem(message, join_path((name,)))


def _complete(spec: PipelineSpec, pipeline: dict[str, Any]) -> PipelineSpec:
    """Return the description with derived values: component names, and which checkpoint fields were stated."""
    block = pipeline.get("checkpoint")
    stated = {key for key, value in block.items() if value is not None} if isinstance(block, dict) else set()
    given = frozenset(each.name for each in fields(CheckpointSpec) if key_of(each) in stated)
    components = tuple(
        replace(each, instance_name=each.instance_name or each.instance_type.rpartition(".")[2])
        for each in spec.components
    )
    return replace(spec, components=components, checkpoint=replace(spec.checkpoint, given=given))


def _rules(spec: PipelineSpec) -> Iterator[Problem]:
    """Yield the problems of fields that are valid one by one, but not together."""
    if spec.spark.connect_string is not None:
        yield from _connect_string(spec.spark.connect_string)
        if spec.spark.master is not None:
            message = "with `connect-string` the server has a master already; remove one of the two"
            yield Problem(message, "spark.master")
    earlier: dict[str, ComponentSpec] = {}
    known = {component.instance_name: component for component in spec.components}
    for component in spec.components:
        yield from _name(component, earlier)
        yield from _dependencies(component, earlier, spec, known)
        earlier.setdefault(component.instance_name, component)
    if spec.components and not any(component.enabled for component in spec.components):
        message = "no component is enabled; a pipeline needs at least one that runs"
        yield Problem(message, "pipeline.pipeline-components")
    for address, message in misplaced(spec):
        yield Problem(message, join_path(address))


def _connect_string(text: str) -> Iterator[Problem]:
    try:
        if SESSION_ID in ConnectString.parse(text).parameters:
            yield Problem(f"remove {SESSION_ID}: each attempt has its own session", "spark.connect-string")
    except ValueError as error:
        yield Problem(str(error), "spark.connect-string")


def _name(component: ComponentSpec, earlier: dict[str, ComponentSpec]) -> Iterator[Problem]:
    if (twin := earlier.get(component.instance_name)) is not None:
        message = (
            f"`{component.instance_name}` is also the name of {twin.path}; checkpoints identify "
            "components by name, so set a different `instance-name` in one of them"
        )
        yield Problem(message, f"{component.path}.instance-name")


def _dependencies(
    component: ComponentSpec,
    earlier: Mapping[str, ComponentSpec],
    spec: PipelineSpec,
    known: Mapping[str, ComponentSpec],
) -> Iterator[Problem]:
    for position, name in enumerate(component.depends_on or ()):
        path = f"{component.path}.depends-on[{position}]"
        if name not in known:
            others = [each for each in known if each != component.instance_name]
            yield Problem(f"there is no component {name!r}{did_you_mean(name, others)}", path)
        # every circle leads at least once to a component that is not earlier in the file
        elif name not in earlier and (found := circle(component.instance_name, name, spec.components)) is not None:
            yield Problem(_circular(found, known), path)
        elif component.enabled and not known[name].enabled:
            yield Problem(f"`{name}` is not enabled, so this would never run; set enabled = false here, too", path)


def _circular(names: Sequence[str], known: Mapping[str, ComponentSpec]) -> str:
    """Return what to say of components that wait for each other.

    :param names: the components along the circle; the first is also the last
    """
    message = f"they depend on each other ({' -> '.join(names)})"
    silent = next((name for name in names if known[name].depends_on is None), None)
    if silent is None:
        return f"{message}; remove one of these dependencies"
    return f"{message}: `{silent}` has no depends-on, so it waits for all before it in the file; set depends-on there"
