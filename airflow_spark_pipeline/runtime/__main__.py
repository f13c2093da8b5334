"""``python -m airflow_spark_pipeline.runtime (run|check|run-staged) REQUEST``: the driver's process.

The launcher starts it. ``REQUEST`` is a file, or for ``run-staged`` the URL of a staged one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.protocol import EXIT_DEFINITION, SUBMIT_PROPERTIES, DriverRequest
from airflow_spark_pipeline.runtime.driver.components_and_hooks import check
from airflow_spark_pipeline.runtime.driver.main import drive
from airflow_spark_pipeline.runtime.driver.staged_request import drive_staged
from airflow_spark_pipeline.runtime.process.lifeline import end_with_parent, leave, started_by_spark_submit
from airflow_spark_pipeline.runtime.process.output import own_output, say
from airflow_spark_pipeline.secrets import set_more_names


def main(arguments: list[str]) -> None:
    """Run or check the pipeline as the operator asked, then end the process."""
    verb, path = arguments
    own_output()
    if started_by_spark_submit():
        end_with_parent()
    if verb == "run-staged":
        leave(drive_staged(path))
    file = Path(path)
    try:
        request = DriverRequest.from_json(file.read_text(encoding="utf-8"))
    except SparkPipelineError as error:
        say(str(error))
        leave(EXIT_DEFINITION)
    set_more_names(request.secret_names)
    if verb == "run" and request.connect is not None:
        end_with_parent()  # the task's process, which started this one and reads its output
    if verb == "run" and file.is_absolute():
        # A full path means the operator's own file, which may hold secrets: if the task is killed, nothing else removes
        # it. A cluster manager's copy has a bare name, and is needed again if the manager restarts the driver.
        file.unlink()
        file.with_name(SUBMIT_PROPERTIES).unlink(missing_ok=True)
    leave(check(request) if verb == "check" else drive(request))


if __name__ == "__main__":
    main(sys.argv[1:])
