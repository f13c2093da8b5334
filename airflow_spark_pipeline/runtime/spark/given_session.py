"""Applies a description's Spark settings to a session that the caller opened, such as a notebook's or a test's.

Guarantees: the settings apply while the pipeline runs, and are restored afterwards, even if the run fails. A setting
that a running session no longer accepts is never ignored silently: it is an error before anything runs if it would
change results (a static Spark SQL setting, modules and jars), and a warning if it only changes speed or place of the
work (memory, cores, the master). Views, tables and settings that components make stay.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.secret_references import missing_settings
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.process.redaction import redaction_of_session
from airflow_spark_pipeline.runtime.spark.connect import is_connect
from airflow_spark_pipeline.runtime.spark.versions import settings_of
from airflow_spark_pipeline.secrets import Redactor
from airflow_spark_pipeline.secrets.references import resolve, values_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_HADOOP = "spark.hadoop."
_CHANGES_RESULTS = ("spark.sql.", "spark.jars", "spark.submit.pyFiles", "spark.files", "spark.archives")
# A session accepts these and ignores them: they are read once, when the application starts. Spark rejects only those
# whose definition it has loaded.
_APPLICATIONS = (
    *(
        "spark.jars",
        "spark.submit.",
        "spark.files",
        "spark.archives",
        "spark.kubernetes.",
        "spark.yarn.",
        "spark.mesos.",
    ),
    *("spark.executor", "spark.driver.", "spark.dynamicAllocation.", "spark.memory.", "spark.shuffle.", "spark.cores."),
    *(
        "spark.ui.",
        "spark.eventLog.",
        "spark.task.",
        "spark.serializer",
        "spark.kryo",
        "spark.python.",
        "spark.pyspark.",
    ),
)


@contextlib.contextmanager
def configured(spark: SparkSession | None, spec: PipelineSpec) -> Iterator[None]:
    """Apply the settings of a description to a session while the block runs.

    :param spark: session to change; ``None`` if the driver opens one
    :raises PipelineDefinitionError: the session does not accept a setting that would change results, or a referenced
        environment variable is not set
    """
    if spark is None:
        yield
        return
    if problems := missing_settings(spec.spark.config, os.environ):
        raise PipelineDefinitionError(problems)
    before: dict[str, str | None] = {}
    try:
        refused = _set(spark, _with_secrets(spark, spec.spark.config), before)
        _tell(spark, spec, refused)
        yield
    finally:
        with contextlib.suppress(Exception):  # a session that is gone has no settings
            for key, value in before.items():
                spark.conf.unset(key) if value is None else spark.conf.set(key, value)


def _with_secrets(spark: SparkSession, config: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with resolved references, and the setting that hides secrets in Spark's event log."""
    settings: dict[str, str] = resolve(config, os.environ)
    secrets = Redactor(settings, {"secret": values_of(os.environ, config)})
    names = {name.removeprefix(_HADOOP): value for name, value in settings.items()}
    return {**settings, **redaction_of_session(spark, names, secrets)}


def _set(spark: SparkSession, config: Mapping[str, str], before: dict[str, str | None]) -> list[str]:
    """Set the settings that can be set. Returns the others; ``before`` receives the old values."""
    from pyspark.errors import PySparkException

    # Only settings that were set explicitly: a default is restored by unsetting.
    now = settings_of(spark)
    refused: list[str] = []
    for key, value in config.items():
        # A session reads Hadoop's settings by Hadoop's names.
        name = key.removeprefix(_HADOOP)
        if now.get(key) == value or now.get(name) == value:
            continue
        if name.startswith(_APPLICATIONS):
            refused.append(key)
            continue
        try:
            spark.conf.set(name, value)
        except PySparkException:
            refused.append(key)
        else:
            before[name] = now.get(name)
    return refused


def _tell(spark: SparkSession, spec: PipelineSpec, refused: list[str]) -> None:
    problems = [
        Problem(
            "the given Spark session is already running and cannot change this setting, which may "
            "change results: set it where that session is started, or let the pipeline start its own "
            "session",
            path=join_path(("spark", "config", key)),
            file=spec.source,
        )
        for key in refused
        if key.startswith(_CHANGES_RESULTS)
    ]
    if problems:
        raise PipelineDefinitionError(problems)
    master = spec.spark.master if is_connect(spark) else spark.sparkContext.master
    if spec.spark.master is not None and master != spec.spark.master:
        refused = [f"spark.master (it is {master})", *refused]
    if refused:
        say(
            "Warning: the given Spark session is already running, so the description's "
            f"{', '.join(refused)} {'has' if len(refused) == 1 else 'have'} no effect; set "
            f"{'it' if len(refused) == 1 else 'them'} where that session is started"
        )
