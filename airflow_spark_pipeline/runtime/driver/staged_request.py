"""A driver whose request was staged for a platform: reads it from a store, and removes it at its end.

The request stays while the driver runs: a platform may restart a job whose driver died, and the new driver reads the
same request. After an end the request is gone, so that a job that Airflow has judged already cannot start again.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_spark_pipeline.checkpoint.staged import split_url
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CheckpointError, SparkPipelineError
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.protocol import (
    EXIT_CHECKPOINT,
    EXIT_COMPLETED,
    EXIT_DEFINITION,
    EXIT_SUPERSEDED,
    DriverRequest,
)
from airflow_spark_pipeline.runtime.driver.main import drive_in
from airflow_spark_pipeline.runtime.process.lifeline import say_inside_a_session
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.spark.given_session import configured
from airflow_spark_pipeline.secrets import set_more_names

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def drive_staged(url: str) -> int:
    """Run the pipeline of a staged request in a process that belongs to the driver. Returns the exit code.

    :param url: of the request
    """
    return _drive(url, None)[0]


def drive_inside(url: str, spark: SparkSession) -> None:
    """Run the pipeline of a staged request in a session that is given; it is not stopped, and no process is ended.

    :param url: of the request
    :raises RuntimeError: the pipeline is not completed; the text says why
    """
    say_inside_a_session()
    with _streams_of_the_platform():
        code, summary = _drive(url, spark)
    if code != EXIT_COMPLETED:
        raise RuntimeError(summary)


@contextlib.contextmanager
def _streams_of_the_platform() -> Iterator[None]:
    """Put standard output and error back, which the driver wraps to mask secrets."""
    before = {"stdout": sys.stdout, "stderr": sys.stderr}
    try:
        yield
    finally:
        for name, stream in before.items():
            ours = getattr(sys, name)
            setattr(sys, name, stream)
            if ours is not stream:
                with contextlib.suppress(Exception):  # whatever a component may have put there
                    ours.detach()  # or its end would close the platform's stream as well


def _drive(url: str, spark: SparkSession | None) -> tuple[int, str]:
    try:
        store, name, request = _read(url)
        set_more_names(request.secret_names)
        with configured(spark, _with_settings(request)):
            answer = drive_in(request, spark)
    except ObjectNotFoundError:
        return _said(EXIT_SUPERSEDED, f"The request {url} is gone: its attempt has ended, or another one replaced it.")
    except CheckpointError as error:
        return _said(EXIT_CHECKPOINT, f"The request {url} cannot be read: {error}")
    except SparkPipelineError as error:
        return _said(EXIT_DEFINITION, str(error))
    with contextlib.suppress(CheckpointError):  # Airflow removes it as well
        store.delete(name)
    return answer


def _with_settings(request: DriverRequest) -> PipelineSpec:
    """Return the description with the operator's Spark settings, which win over the file's."""
    spec = PipelineSpec.from_dict(request.pipeline)
    return replace(spec, spark=replace(spec.spark, config={**spec.spark.config, **request.spark_config}))


def _read(url: str) -> tuple[CheckpointStore, str, DriverRequest]:
    location, name = split_url(url)
    store = open_store(location)
    return store, name, DriverRequest.from_json(store.read(name).decode("utf-8"))


def _said(code: int, message: str) -> tuple[int, str]:
    say(message)
    return code, message
