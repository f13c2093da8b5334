"""A pipeline's description as frozen data; standard library only, because the driver reads it as well.

Guarantees exact round trips: ``from_dict(json.loads(json.dumps(spec.to_dict()))) == spec``. The dictionaries have the
structure and the kebab-case keys of the HOCON file, and keys that a file cannot set, because they say where something
came from: ``source``, ``path`` of a component, ``given`` of the checkpoint block; ``numbers``, only if there are some,
has the texts of numbers that JSON would write differently. ``from_dict`` checks nothing: it reads what ``to_dict``
wrote, and ``parser`` has checked that. Mappings are not copied and must not be changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal, get_args

from airflow_spark_pipeline.binding.fields import (
    KEY,
    ORIGIN,
    PATH,
    Rule,
    between,
    not_blank,
    on_one_line,
    python_name,
    without_nulls,
)
from airflow_spark_pipeline.binding.json_form import JsonForm, from_json, to_json
from airflow_spark_pipeline.binding.written_numbers import plain, texts_of, with_texts
from airflow_spark_pipeline.exceptions import Problem
from airflow_spark_pipeline.pipeline.policies import HookSpec, RetryPolicy

#: Key of the texts of numbers, next to ``pipeline`` and in its shape.
NUMBERS = "numbers"

Text = Annotated[str, Rule(not_blank)]
Name = Annotated[str, Rule(not_blank), Rule(on_one_line)]
ClassName = Annotated[str, Rule(not_blank), Rule(python_name)]
Texts = Annotated[tuple[str, ...], Rule(without_nulls, via=tuple[Text | None, ...])]


def _whole_milliseconds(duration: dt.timedelta) -> int:
    if duration <= dt.timedelta():
        raise ValueError(f"the duration is {'negative' if duration else 'zero'}")
    milliseconds, rest = divmod(duration, dt.timedelta(milliseconds=1))
    if rest:
        raise ValueError("the duration is not a whole number of milliseconds")
    return milliseconds


def _not_empty(components: tuple[ComponentSpec, ...]) -> tuple[ComponentSpec, ...]:
    if not components:
        raise ValueError("the list is empty; a pipeline needs at least one component")
    return components


Milliseconds = Annotated[int, Rule(_whole_milliseconds, via=dt.timedelta)]


@dataclass(frozen=True, slots=True)
class SparkSpec(JsonForm):
    """The ``spark`` block.

    :param app_name: ``app-name``, or ``None`` if the file has none
    :param master: ``master``, used only if neither operator nor connection has one
    :param config: Spark's own settings, flat: ``spark.sql.shuffle.partitions`` to ``"200"``
    :param connect_string: ``connect-string``, of a Spark Connect server; may hold a token
    """

    app_name: Text | None = None
    master: Text | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    connect_string: Text | None = None


@dataclass(frozen=True, slots=True)
class StoreSpec(JsonForm):
    """A custom store: a Python class and its config.

    :param instance_type: dotted name of a subclass of ``CheckpointStore``
    :param instance_config: plain JSON, passed to its ``from_config``
    """

    instance_type: ClassName
    instance_config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckpointSpec(JsonForm):
    """The ``checkpoint`` block; the defaults are those of the reference page.

    :param keep_for_ms: milliseconds for which a completed run keeps its state and its saved outputs, so that it can run
        again from a component on; ``None`` keeps them until it completes
    :param on_change: what a resume does when a completed component was edited: ``fail``, ``restart`` from the first
        component, or ``rerun-from-change``
    :param config_match: what must be unchanged to resume: ``completed`` components, or everything (``strict``)
    :param code_match: whether a completed component whose code has changed counts as edited
    :param store: a place for checkpoints that is not one of the built-in ones
    :param given: the (Python) names of the fields that were stated, in the file or as an override; only the
        others give way to `with_defaults`
    """

    enabled: bool = False
    location: Text | None = None
    auto_resume: bool = False
    cleanup_on_success: bool = True
    keep_for_ms: Milliseconds | None = field(default=None, metadata={KEY: "keep-for"})
    on_change: Literal["fail", "restart", "rerun-from-change"] = "fail"
    config_match: Literal["completed", "strict"] = "completed"
    code_match: bool = False
    store: StoreSpec | None = None
    given: frozenset[str] = field(default=frozenset(), metadata={ORIGIN: True})

    def with_defaults(self, **values: Any) -> CheckpointSpec:
        """Return a copy with ``values`` in the fields that were not stated.

        :param values: by Python field name, for example ``enabled=True``
        :raises TypeError: a name is not a field of the block
        """
        _refuse_unknown(values)
        return replace(self, **{name: value for name, value in values.items() if name not in self.given})

    def with_overrides(self, **values: Any) -> CheckpointSpec:
        """Return a copy with these values; ``None`` means "not stated" and is ignored.

        :param values: by Python field name; the fields count as given from here on
        :raises TypeError: a name is not a field of the block
        """
        _refuse_unknown(values)
        stated = {name: value for name, value in values.items() if value is not None}
        return replace(self, **stated, given=self.given.union(stated))


CHECKPOINT_FIELDS = tuple(each.name for each in fields(CheckpointSpec) if ORIGIN not in each.metadata)


def _refuse_unknown(values: Iterable[str]) -> None:
    unknown = sorted(set(values) - set(CHECKPOINT_FIELDS))
    if unknown:
        raise TypeError(
            f"the checkpoint block has no field {', '.join(unknown)}; it has {', '.join(CHECKPOINT_FIELDS)}"
        )


@dataclass(frozen=True, slots=True)
class ComponentSpec(JsonForm):
    """One component: a Python class and its config.

    :param instance_type: dotted name of the class, ``package.module.Class``
    :param instance_name: unique in its pipeline; the identity under which checkpoints know the component
    :param instance_config: plain JSON, free-form
    :param path: path in the description, ``pipeline.pipeline-components[0]``, for messages
    :param save_outputs: save the frames that it returns in the checkpoint location; ``None`` leaves it to the pipeline
    :param replay_on_resume: run it again on resume, since it only defines views; ``None`` leaves it to the pipeline,
        and then to the class
    :param depends_on: names of components that run before it: if one of them runs again, so does this one; with
        ``parallelism`` it starts when they have ended. ``None``: it starts when all before it have ended
    :param enabled: ``False`` leaves it out of the run; it is neither loaded nor recorded as done
    :param optional: whether the run continues, and can complete, although this component failed
    :param timeout_ms: milliseconds that one try of it may take
    :param retry_policy: in place of the pipeline's, as a whole; ``None`` leaves it to the pipeline
    :param hooks: those of this component alone
    """

    instance_type: ClassName
    instance_name: Name = ""
    instance_config: Mapping[str, Any] = field(default_factory=dict)
    path: str = field(default="", metadata={ORIGIN: PATH})
    save_outputs: bool | None = None
    replay_on_resume: bool | None = None
    depends_on: Texts | None = None
    enabled: bool = True
    optional: bool = False
    timeout_ms: Milliseconds | None = field(default=None, metadata={KEY: "timeout"})
    retry_policy: RetryPolicy | None = None
    hooks: tuple[HookSpec, ...] = ()


Components = Annotated[tuple[ComponentSpec, ...], Rule(_not_empty)]
Parallelism = Annotated[int, Rule(between(1))]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LOG_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)


@dataclass(frozen=True, slots=True)
class PipelineSpec(JsonForm):
    """A whole description: components in the order in which they start.

    :param fail_fast: stop at the first component that fails
    :param source: the file it came from, or ``None`` for text
    :param log_level: from which on the driver shows what components log
    :param save_outputs: for every component that does not say
    :param replay_on_resume: the same
    :param retry_policy: the same; ``None`` retries nothing inside the job
    :param hooks: called around the pipeline and each component, in this order
    :param parallelism: how many components may run at the same time
    :param warnings: what is probably a mistake, for people; it changes nothing, is not
        compared, and does not travel to the driver
    """

    pipeline_name: Name
    components: Components = field(metadata={KEY: "pipeline-components"})
    spark: SparkSpec = field(default_factory=SparkSpec, metadata={ORIGIN: True})
    checkpoint: CheckpointSpec = field(default_factory=CheckpointSpec)
    fail_fast: bool = True
    source: str | None = field(default=None, metadata={ORIGIN: True})
    log_level: LogLevel = "INFO"
    save_outputs: bool | None = None
    replay_on_resume: bool | None = None
    retry_policy: RetryPolicy | None = None
    hooks: tuple[HookSpec, ...] = ()
    parallelism: Parallelism = 1
    warnings: tuple[Problem, ...] = field(default=(), compare=False, repr=False, metadata={ORIGIN: True})

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain JSON, in the structure of the HOCON file, plus ``source`` and ``numbers``."""
        pipeline: dict[str, Any] = to_json(self)
        spark, source, _ = (pipeline.pop(key) for key in ("spark", "source", "warnings"))
        pipeline["pipeline-components"] = pipeline.pop("pipeline-components")  # last, as in a file
        texts = texts_of(pipeline)
        numbers = {NUMBERS: texts} if texts else {}
        return {"spark": spark, "pipeline": plain(pipeline) if texts else pipeline, "source": source, **numbers}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PipelineSpec:
        """Read what `to_dict` wrote."""
        pipeline = with_texts(data["pipeline"], data.get(NUMBERS, {}))
        spec: PipelineSpec = from_json(cls, {**pipeline, "spark": data["spark"], "source": data.get("source")})
        return spec
