"""Runs the driver of a request, and turns each error into an exit code and a summary line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_spark_pipeline import protocol
from airflow_spark_pipeline.exceptions import CheckpointError, LeaseLostError, SparkPipelineError, SupersededError
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.runtime.driver.driver import Driver
from airflow_spark_pipeline.runtime.driver.open_log import open_log
from airflow_spark_pipeline.runtime.process.output import mask_output, say
from airflow_spark_pipeline.runtime.process.redaction import redactor_of
from airflow_spark_pipeline.user_errors.text import text_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def drive(request: DriverRequest) -> int:
    """Run the pipeline of a request. Returns the exit code; the last line printed is the summary."""
    code, _ = drive_in(request, None)
    return code


def drive_in(request: DriverRequest, spark: SparkSession | None) -> tuple[int, str]:
    """Run the pipeline of a request. Returns the exit code and the summary, which is the last line printed.

    :param spark: session to use; neither it nor the process is ended
    """
    redactor = redactor_of(request)
    mask_output(redactor.mask)
    try:
        driver = Driver(request, redactor, open_log(request), spark=spark, owns_process=spark is None)
        with driver.logs():
            code, summary = driver.drive()
    except SupersededError as error:
        code, summary = protocol.EXIT_SUPERSEDED, str(error)
    except (CheckpointError, LeaseLostError) as error:
        code = protocol.EXIT_CHECKPOINT
        summary = f"Progress cannot be recorded, so the run stops here: {error}"
    except SparkPipelineError as error:
        code, summary = protocol.EXIT_DEFINITION, str(error)
    except Exception as error:  # Python would print the traceback, with any secrets in its text
        text = text_of(error)
        say(redactor.mask(text.traceback))
        code, summary = protocol.EXIT_COMPONENT_FAILED, f"The driver failed: {text.line}"
    summary = redactor.mask(summary)
    say(summary)
    return code, summary
