"""What a pipeline's description says, as frozen data; standard library only, because the driver reads it as well.

It promises exact round trips: ``from_dict(json.loads(json.dumps(spec.to_dict()))) == spec``. The dictionaries have
the structure and the kebab-case keys of the HOCON file; beside them stand three keys that a file cannot have, because
they say where something came from: ``source``, ``path`` of a component, ``given`` of the checkpoint block. It does
not check: ``parser`` has done that, and ``from_dict`` is for what ``to_dict`` wrote. Mappings inside are not copied
and not to be changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_spark_pipeline.exceptions import Problem
from airflow_spark_pipeline.pipeline.policies import HookSpec, RetryPolicy


@dataclass(frozen=True, slots=True)
class SparkSpec:
    """The ``spark`` block.

    :param app_name: ``app-name``, or ``None`` where the file names none
    :param master: ``master``, used only where neither operator nor connection names one
    :param config: Spark's own settings, flat: ``spark.sql.shuffle.partitions`` to ``"200"``
    :param connect_string: ``connect-string``, of a Spark Connect server; may hold a token
    """

    app_name: str | None = None
    master: str | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    connect_string: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the block as plain JSON."""
        return {
            "app-name": self.app_name,
            "master": self.master,
            "connect-string": self.connect_string,
            "config": dict(self.config),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SparkSpec:
        """Read what `to_dict` wrote."""
        return cls(
            app_name=data.get("app-name"),
            master=data.get("master"),
            config=dict(data.get("config", {})),
            connect_string=data.get("connect-string"),
        )


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """A store of the user's own: a Python class and its config.

    :param instance_type: dotted name of a subclass of ``CheckpointStore``
    :param instance_config: plain JSON, passed to its ``from_config``
    """

    instance_type: str
    instance_config: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the block as plain JSON."""
        return {"instance-type": self.instance_type, "instance-config": dict(self.instance_config)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StoreSpec:
        """Read what `to_dict` wrote."""
        return cls(data["instance-type"], dict(data["instance-config"]))


@dataclass(frozen=True, slots=True)
class CheckpointSpec:
    """The ``checkpoint`` block; the defaults are those of the reference page.

    :param on_change: what a resume does when a completed component was edited: ``fail``, ``restart`` from the first
        component, or ``rerun-from-change``
    :param config_match: what has to be as it was: what is ``completed``, or everything (``strict``)
    :param code_match: whether a completed component whose code has changed counts as edited
    :param store: a place for checkpoints that is not one of the built-in ones
    :param given: the (Python) names of the fields that somebody stated, in the file or as an override; only the
        others give way to `with_defaults`
    """

    enabled: bool = False
    location: str | None = None
    auto_resume: bool = False
    cleanup_on_success: bool = True
    on_change: str = "fail"
    config_match: str = "completed"
    code_match: bool = False
    store: StoreSpec | None = None
    given: frozenset[str] = frozenset()

    def with_defaults(self, **values: Any) -> CheckpointSpec:
        """Return a copy with ``values`` in the fields that nobody stated.

        :param values: by Python field name, for example ``enabled=True``
        :raises TypeError: a name is not a field of the block
        """
        _refuse_unknown(values)
        return replace(self, **{name: value for name, value in values.items() if name not in self.given})

    def with_overrides(self, **values: Any) -> CheckpointSpec:
        """Return a copy with ``values`` in place of whatever was there; ``None`` means "not stated" and is ignored.

        :param values: by Python field name; the fields count as given from here on
        :raises TypeError: a name is not a field of the block
        """
        _refuse_unknown(values)
        stated = {name: value for name, value in values.items() if value is not None}
        return replace(self, **stated, given=self.given | stated.keys())

    def to_dict(self) -> dict[str, Any]:
        """Return the block as plain JSON."""
        return {
            "enabled": self.enabled,
            "location": self.location,
            "auto-resume": self.auto_resume,
            "cleanup-on-success": self.cleanup_on_success,
            "on-change": self.on_change,
            "config-match": self.config_match,
            "code-match": self.code_match,
            "store": None if self.store is None else self.store.to_dict(),
            "given": sorted(self.given),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CheckpointSpec:
        """Read what `to_dict` wrote."""
        return cls(
            enabled=data["enabled"],
            location=data.get("location"),
            auto_resume=data["auto-resume"],
            cleanup_on_success=data["cleanup-on-success"],
            on_change=data["on-change"],
            config_match=data["config-match"],
            code_match=data.get("code-match", False),
            store=None if data.get("store") is None else StoreSpec.from_dict(data["store"]),
            given=frozenset(data.get("given", ())),
        )


CHECKPOINT_FIELDS = (
    "enabled",
    "location",
    "auto_resume",
    "cleanup_on_success",
    "on_change",
    "config_match",
    "code_match",
    "store",
)


def _refuse_unknown(values: Iterable[str]) -> None:
    unknown = sorted(set(values) - set(CHECKPOINT_FIELDS))
    if unknown:
        raise TypeError(
            f"the checkpoint block has no field {', '.join(unknown)}; it has {', '.join(CHECKPOINT_FIELDS)}"
        )


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """One component: a Python class and its config.

    :param instance_type: dotted name of the class, ``package.module.Class``
    :param instance_name: unique in its pipeline; the identity under which checkpoints know the component
    :param instance_config: plain JSON, free-form
    :param path: where it stands, ``pipeline.pipeline-components[0]``, for messages
    :param save_outputs: write the frames that it returns beside the checkpoint; ``None`` leaves it to the pipeline
    :param replay_on_resume: run it again on resume, since it only defines views; ``None`` leaves it to the pipeline,
        and then to the class
    :param depends_on: names of earlier components: where one of them runs again, so does this one
    :param enabled: ``False`` leaves it out of the run; it is neither loaded nor recorded as done
    :param timeout_ms: milliseconds that one try of it may take
    :param retry_policy: in place of the pipeline's, as a whole; ``None`` leaves it to the pipeline
    :param hooks: those of this component alone
    """

    instance_type: str
    instance_name: str
    instance_config: Mapping[str, Any]
    path: str
    save_outputs: bool | None = None
    replay_on_resume: bool | None = None
    depends_on: tuple[str, ...] = ()
    enabled: bool = True
    timeout_ms: int | None = None
    retry_policy: RetryPolicy | None = None
    hooks: tuple[HookSpec, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the component as plain JSON."""
        return {
            "instance-type": self.instance_type,
            "instance-name": self.instance_name,
            "instance-config": dict(self.instance_config),
            "path": self.path,
            "save-outputs": self.save_outputs,
            "replay-on-resume": self.replay_on_resume,
            "depends-on": list(self.depends_on),
            "enabled": self.enabled,
            "timeout": self.timeout_ms,
            "retry-policy": None if self.retry_policy is None else self.retry_policy.to_dict(),
            "hooks": [hook.to_dict() for hook in self.hooks],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ComponentSpec:
        """Read what `to_dict` wrote."""
        return cls(
            instance_type=data["instance-type"],
            instance_name=data["instance-name"],
            instance_config=dict(data["instance-config"]),
            path=data["path"],
            save_outputs=data.get("save-outputs"),
            replay_on_resume=data.get("replay-on-resume"),
            depends_on=tuple(data.get("depends-on", ())),
            enabled=data.get("enabled", True),
            timeout_ms=data.get("timeout"),
            retry_policy=_policy(data),
            hooks=_hooks(data),
        )


LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A whole description: components run one after another, in this order.

    :param fail_fast: stop at the first component that fails
    :param source: the file it came from, or ``None`` for text
    :param log_level: from which on the driver shows what components log
    :param save_outputs: for every component that does not say
    :param replay_on_resume: the same
    :param retry_policy: the same; ``None`` retries nothing inside the job
    :param hooks: called around the pipeline and each component, in this order
    :param warnings: what is probably not meant as it is written, for whoever reads the file; it changes nothing, is not
        compared, and does not travel to the driver
    """

    pipeline_name: str
    components: tuple[ComponentSpec, ...]
    spark: SparkSpec = field(default_factory=SparkSpec)
    checkpoint: CheckpointSpec = field(default_factory=CheckpointSpec)
    fail_fast: bool = True
    source: str | None = None
    log_level: str = "INFO"
    save_outputs: bool | None = None
    replay_on_resume: bool | None = None
    retry_policy: RetryPolicy | None = None
    hooks: tuple[HookSpec, ...] = ()
    warnings: tuple[Problem, ...] = field(default=(), compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain JSON, in the structure of the HOCON file, plus ``source``."""
        return {
            "spark": self.spark.to_dict(),
            "pipeline": {
                "pipeline-name": self.pipeline_name,
                "fail-fast": self.fail_fast,
                "log-level": self.log_level,
                "save-outputs": self.save_outputs,
                "replay-on-resume": self.replay_on_resume,
                "retry-policy": None if self.retry_policy is None else self.retry_policy.to_dict(),
                "hooks": [hook.to_dict() for hook in self.hooks],
                "checkpoint": self.checkpoint.to_dict(),
                "pipeline-components": [component.to_dict() for component in self.components],
            },
            "source": self.source,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PipelineSpec:
        """Read what `to_dict` wrote."""
        pipeline = data["pipeline"]
        return cls(
            pipeline_name=pipeline["pipeline-name"],
            components=tuple(ComponentSpec.from_dict(item) for item in pipeline["pipeline-components"]),
            spark=SparkSpec.from_dict(data["spark"]),
            checkpoint=CheckpointSpec.from_dict(pipeline["checkpoint"]),
            fail_fast=pipeline["fail-fast"],
            source=data.get("source"),
            log_level=pipeline.get("log-level", "INFO"),
            save_outputs=pipeline.get("save-outputs"),
            replay_on_resume=pipeline.get("replay-on-resume"),
            retry_policy=_policy(pipeline),
            hooks=_hooks(pipeline),
        )


def _policy(data: Mapping[str, Any]) -> RetryPolicy | None:
    return None if data.get("retry-policy") is None else RetryPolicy.from_dict(data["retry-policy"])


def _hooks(data: Mapping[str, Any]) -> tuple[HookSpec, ...]:
    return tuple(HookSpec.from_dict(hook) for hook in data.get("hooks", ()))
