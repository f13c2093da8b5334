"""The same pipeline on each platform that the tests have started, on a worker and deferred, and a task that dies."""

from __future__ import annotations

import json
import os
import pkgutil
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

_STEPS = Path(__file__).parents[3] / "acceptance" / "dags" / "steps"
_LONGER_THAN_ANY_TEST = 900.0


def dying(operator: Any) -> Any:
    """Return an operator that waits to be killed, in its first try, at the moment that the DAG run's conf names."""

    class Dies(operator):  # type: ignore[misc]
        def submit(self, context: Any) -> Any:
            self._wait_to_be_killed("before it submits", context)
            job = super().submit(context)
            self._wait_to_be_killed("before the id is stored", context)
            return job

        def _wait_to_be_killed(self, moment: str, context: Any) -> None:
            conf = context["dag_run"].conf or {}
            if conf.get("dies") == moment and context["ti"].try_number == 1:
                marker = Path(os.environ["LEDGERS"], f"{context['run_id']}.dying")
                marker.write_text(str(os.getpid()), encoding="utf-8")
                threading.Event().wait(_LONGER_THAN_ANY_TEST)

    return Dies


for name, (path, arguments) in json.loads(os.environ.get("PLATFORMS", "{}")).items():
    made = pkgutil.resolve_name(path)
    for kind, operator, more in (
        ("", made, {}),
        ("_deferred", made, {"deferrable": True}),
        ("_dying", dying(made), {}),
    ):
        with DAG(f"steps_on_{name}{kind}", schedule=None):
            operator(
                task_id="pipeline",
                pipeline="steps.conf",
                py_files=[str(_STEPS)],
                allow_secrets_in_staging=True,  # they are planted, and searched for where they must not be
                job_poll_interval=1,
                retries=3,
                retry_delay=timedelta(seconds=1),
                **more,
                **arguments,
            )
