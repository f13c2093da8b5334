"""The files of one try that are uploaded for a platform: launcher, runtime, modules, and the request."""

from __future__ import annotations

import json
from pathlib import Path

from airflow_spark_pipeline.launch.archives import LAUNCHER, SESSION_LAUNCHER, runtime_archive
from airflow_spark_pipeline.launch.py_files import is_url, resolve_py_files
from airflow_spark_pipeline.launch.staging import Staging
from airflow_spark_pipeline.task.job import StagedJob
from airflow_spark_pipeline.task.unit import Unit


class StagedFiles:
    """The uploaded files of one try.

    :param settings: Spark settings for the job's arguments, and those for the request
    :param name: name of the Spark application
    :param started_by: ``spark-submit`` or ``session``, see :class:`~airflow_spark_pipeline.task.job.Platform`
    """

    def __init__(
        self,
        unit: Unit,
        staging: Staging,
        settings: tuple[dict[str, str], dict[str, str]],
        *,
        name: str,
        started_by: str,
    ) -> None:
        self._unit = unit
        self._staging = staging
        self._shown, self._private = settings
        self._name = name
        self._in_session = started_by == "session"
        self._main = ""
        self._modules: tuple[str, ...] = ()

    def upload(self) -> None:
        """Upload everything except the request; existing files are not uploaded again.

        :raises PipelineDefinitionError: a module does not exist
        :raises CheckpointError: a file could not be uploaded
        """
        if self._main:
            return
        arguments = self._unit.arguments
        modules = resolve_py_files(arguments.py_files, arguments.dag_dir)
        # Some platforms join the modules with commas, as spark-submit does.
        uploaded = [
            name if is_url(name) else self._staging.file(Path(name), Path(name).name.replace(",", "_"))
            for name in modules
        ]
        self._modules = (self._staging.file(runtime_archive()), *uploaded)
        # No import can name a file with a dash, so that the launcher hides no module of the user.
        self._main = self._staging.file(SESSION_LAUNCHER if self._in_session else LAUNCHER, "spark-pipeline.py")

    def claimed(self) -> StagedJob:
        """Claim the unit of work, upload the request, and return the job.

        :raises SupersededError: a newer try is running
        :raises AlreadyCompletedError: there is nothing left to run
        """
        # A given session starts before the job's arguments are known, so the driver applies the settings.
        settings = {**self._shown, **self._private} if self._in_session else self._private
        request = self._unit.claim(spark_config=settings, local=False, carries_keys=False)
        url = self._staging.request(self._unit.path, request)
        token = request.token
        assert token is not None  # noqa: S101  # of a claim
        return self._job(url, token.attempt_id)

    def claimed_before(self, attempt_id: str) -> StagedJob | None:
        """Return the job of an earlier claim if its request still exists and equals the one of this try."""
        request = self._staging.staged_request(self._unit.path, attempt_id)
        if request is None or request.pipeline != json.loads(json.dumps(self._unit.spec.to_dict())):
            return None
        return self._job(self._staging.request_url(self._unit.path, attempt_id), attempt_id)

    def _job(self, request: str, token: str) -> StagedJob:
        arguments = ("run-inside", request, *self._modules) if self._in_session else ("run-staged", request)
        return StagedJob(self._main, arguments, self._modules, self._shown, self._name, token)
