"""``python -m airflow_spark_pipeline.runtime (run|check) REQUEST``: the driver's process, started by the launcher."""

from __future__ import annotations

import sys
from pathlib import Path

from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.protocol import EXIT_DEFINITION, DriverRequest
from airflow_spark_pipeline.runtime.console import say
from airflow_spark_pipeline.runtime.driver import check, drive, leave
from airflow_spark_pipeline.runtime.lifeline import end_with_jvm, started_by_spark_submit


def main(arguments: list[str]) -> None:
    """Do what the operator asks for, and end the process."""
    verb, path = arguments
    if started_by_spark_submit():
        end_with_jvm()
    try:
        request = DriverRequest.from_json(Path(path).read_text(encoding="utf-8"))
    except SparkPipelineError as error:
        say(str(error))
        leave(EXIT_DEFINITION)
    leave(check(request) if verb == "check" else drive(request))


if __name__ == "__main__":
    main(sys.argv[1:])
