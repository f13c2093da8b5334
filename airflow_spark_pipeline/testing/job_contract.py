"""The tests that an operator with :class:`~airflow_spark_pipeline.operators.job.SparkPipelineJob` must pass.

.. code-block:: python

    class OurPlatform(PlatformUnderTest):
        ...                                     # a mock of the platform's API, see docs/invented_platform.py


    class TestOurPlatform(JobContract):
        @pytest.fixture
        def platform(self) -> OurPlatform:
            return OurPlatform()

Neither Spark nor Airflow is started: drivers answer only through the log, and tries run in the test's process. A
platform that passes must still be tested with a real job.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.checkpoint.staged import STAGED
from airflow_spark_pipeline.exceptions import ComponentFailedError, PipelineDefinitionError, SupersededError
from airflow_spark_pipeline.operators.job import StagedJob
from airflow_spark_pipeline.task.remembered_job import JOB
from airflow_spark_pipeline.testing.platform_trial import PlatformUnderTest, StartedJob, Trial
from airflow_spark_pipeline.testing.stand_ins import StandInDriver, WorkerKilledError

__all__ = ["JobContract", "PlatformUnderTest", "StartedJob"]

_SECRET = "swordfish-of-the-contract"  # planted, to be searched for


def kill() -> None:
    """Kill the worker."""
    raise WorkerKilledError


class JobContract:
    """The tests; a subclass defines the fixture ``platform``."""

    @pytest.fixture
    def platform(self) -> PlatformUnderTest:
        """Return the platform under test."""
        raise NotImplementedError("define the fixture `platform`")

    @pytest.fixture
    def trial(self, platform: PlatformUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
        """One task instance; between two checks of the job, the test takes its next step instead of sleeping."""
        trial = Trial(platform, tmp_path)

        def step(_: float) -> None:
            assert trial.steps, "the task waits although everything has happened"
            trial.steps.pop(0)()

        monkeypatch.setattr("airflow_spark_pipeline.task.job_way.pause", step)
        return trial

    def test_a_pipeline_is_one_job_and_leaves_no_request(self, trial: Trial) -> None:
        result = trial.run(trial.completes)
        assert result["components_run"] == ["Extract", "Clean", "Load"]
        assert len(trial.platform.jobs()) == 1
        assert trial.staged_requests() == []

    def test_a_retry_resumes_at_the_component_that_failed_in_a_new_job(self, trial: Trial) -> None:
        with pytest.raises(ComponentFailedError, match=r"failed at \[2/3\] Clean"):
            trial.run(trial.fails_at_clean)
        assert trial.run(trial.completes, try_number=2)["components_run"] == ["Clean", "Load"]
        assert len(trial.platform.jobs()) == 2

    def test_after_the_death_of_a_worker_the_retry_waits_for_the_same_job(self, trial: Trial) -> None:
        drivers: list[StandInDriver] = []
        with pytest.raises(WorkerKilledError):
            trial.run(lambda: drivers.append(trial.driver()), lambda: drivers[0].run_one(), kill)

        def complete() -> None:
            drivers[0].run()
            trial.end(succeeded=True)

        if not AIRFLOW.has_task_state_store and not trial.platform.operator(task_id="o", pipeline="x").deduplicates:
            pytest.skip("this Airflow does not keep the id of a job between tries")
        assert trial.run(complete, try_number=2)["attempt"] == 1
        assert len(trial.platform.jobs()) == 1

    def test_a_job_that_was_submitted_and_not_remembered_does_nothing_twice(self, trial: Trial) -> None:
        """The worker dies between the platform's answer and remembering it."""
        if not AIRFLOW.has_task_state_store:
            pytest.skip("this Airflow does not keep the id of a job between tries")
        trial.store.dies_at = JOB
        with pytest.raises(WorkerKilledError):
            trial.run()
        trial.run(trial.completes, try_number=2)
        assert trial.operator is not None
        if trial.operator.deduplicates:
            assert len(trial.platform.jobs()) == 1
        else:
            assert len(trial.platform.jobs()) == 2
            with pytest.raises(
                (SupersededError, FileNotFoundError, LookupError, Exception), match=r"supersed|not exist"
            ):
                trial.driver(0)

    def test_a_claim_without_a_job_is_followed_by_one_job(self, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
        """The worker dies between the claim and the call to the platform."""
        operator, context = trial.made()
        monkeypatch.setattr(operator, "submit", lambda _: kill())
        with pytest.raises(WorkerKilledError):
            operator.execute(context)
        assert trial.run(trial.completes, try_number=2)["components_run"] == ["Extract", "Clean", "Load"]
        assert len(trial.platform.jobs()) == 1

    @pytest.mark.parametrize("succeeded", [True, False])
    def test_what_the_platform_says_of_a_silent_job_is_never_a_success(self, trial: Trial, *, succeeded: bool) -> None:
        with pytest.raises(ComponentFailedError) as raised:
            trial.run(lambda: trial.end("image not found", succeeded=succeeded), lambda: None)
        if not succeeded:
            assert "image not found" in str(raised.value)
        assert trial.run(trial.completes, try_number=2)["components_run"] == ["Extract", "Clean", "Load"]
        assert trial.staged_requests() == []

    def test_the_reason_of_a_death_is_in_the_error_and_the_retry_resumes(self, trial: Trial) -> None:
        def dies() -> None:
            driver = trial.driver()
            driver.run_one()
            driver.vanish()
            trial.end("memory limit exceeded")

        with pytest.raises(ComponentFailedError, match=r"died.*memory limit exceeded"):
            trial.run(dies, lambda: None)
        assert trial.run(trial.completes, try_number=2)["components_run"] == ["Clean", "Load"]

    def test_a_job_whose_driver_is_dead_is_cancelled_whatever_the_platform_says(self, trial: Trial) -> None:
        with pytest.raises(ComponentFailedError, match="died"):
            trial.run(lambda: trial.driver().vanish())
        assert list(trial.platform.cancelled()) == [trial.platform.jobs()[0].id]
        trial.run(trial.completes, try_number=2)
        assert len(trial.platform.jobs()) == 2

    def test_a_killed_task_cancels_its_job_and_the_next_try_resumes(self, trial: Trial) -> None:
        drivers: list[StandInDriver] = []

        def kill_the_task() -> None:
            assert trial.operator is not None
            trial.operator.on_kill()
            trial.operator.on_kill()  # as a signal that comes twice
            kill()

        with pytest.raises(WorkerKilledError):
            trial.run(lambda: drivers.append(trial.driver()), lambda: drivers[0].run_one(), kill_the_task)
        assert trial.platform.jobs()[0].id in trial.platform.cancelled()
        with pytest.raises(SupersededError):
            drivers[0].run_one()
        assert trial.run(trial.completes, try_number=2)["components_run"] == ["Clean", "Load"]

    def test_cancelling_a_job_that_has_ended_is_no_error(self, trial: Trial) -> None:
        trial.run(trial.completes)
        assert trial.operator is not None
        job = trial.platform.jobs()[0].id
        trial.operator.cancel(job)
        trial.operator.cancel(job)
        assert not trial.operator.job_state(job).is_active

    def test_a_job_that_the_platform_has_forgotten_has_ended(self, trial: Trial) -> None:
        with pytest.raises(WorkerKilledError):
            trial.run(kill)
        assert trial.operator is not None
        job = trial.platform.jobs()[0].id
        trial.platform.forget(job)
        assert not trial.operator.job_state(job).is_active
        assert trial.run(trial.completes, try_number=2)["components_run"] == ["Extract", "Clean", "Load"]

    def test_a_secret_is_refused_before_anything_is_uploaded(self, trial: Trial) -> None:
        with pytest.raises(PipelineDefinitionError, match=r"api-token.*allow_secrets_in_staging"):
            trial.run(secret=f', api-token = "{_SECRET}"')
        assert trial.platform.jobs() == []
        assert trial.staged_requests() == []

    def test_a_secret_that_may_be_staged_is_in_the_request_alone(self, trial: Trial) -> None:
        def look() -> None:
            (job,) = trial.platform.jobs()
            assert job.arguments[1] in job.shown
            assert _SECRET not in job.shown
            (request,) = trial.staged_requests()
            assert _SECRET in request.read_text(encoding="utf-8")

        trial.run(look, trial.completes, secret=f', api-token = "{_SECRET}"', allow_secrets_in_staging=True)
        left = [file for file in trial.folder.rglob("*") if file.is_file() and file.name != "contract.conf"]
        assert [file for file in left if _SECRET.encode() in file.read_bytes()] == []

    def test_no_credentials_travel(self, trial: Trial) -> None:
        trial.run(lambda: _check(trial.driver()), lambda: trial.driver().run(), lambda: trial.end(succeeded=True))

    def test_settings_and_modules_reach_the_job(self, trial: Trial) -> None:
        (trial.folder / "shop_etl.py").write_text("", encoding="utf-8")
        trial.run(trial.completes, py_files=["shop_etl.py"], conf={"spark.contract.setting": "of-the-operator"})
        shown = trial.platform.jobs()[0].shown
        assert "shop_etl.py" in shown
        assert "spark-pipeline-runtime-" in shown
        if trial.operator is not None and trial.operator.started_by == "spark-submit":
            assert "of-the-operator" in shown

    def test_a_job_that_is_placed_replaces_the_one_before(self, trial: Trial) -> None:
        operator, context = trial.made()
        for number in (1, 2):
            url = f"/x/{STAGED}/requests/u/{number}-0123456789ab.json"
            job = StagedJob("/x/main.py", ("run-staged", url), ("/x/a.zip",), {}, "n", f"{number}-0123456789ab")
            operator.place(job)
        operator.submit(context)
        (started,) = trial.platform.jobs()
        assert "2-0123456789ab.json" in started.shown
        assert "1-0123456789ab.json" not in started.shown

    def test_a_task_that_waits_in_the_triggerer_reports_what_the_log_says(self, trial: Trial) -> None:
        with pytest.raises(TaskDeferred) as deferred:
            trial.run(deferrable=True)
        _, arguments = deferred.value.trigger.serialize()
        client = arguments.get("job_client")
        if client is not None:
            assert isinstance(client, str)
        trial.completes()
        operator, context = trial.made(deferrable=True)
        event = {"unit": arguments["unit"], "attempt_id": arguments["attempt_id"], "because": "the run is completed"}
        assert operator.execute_complete(context, event)["components_run"] == ["Extract", "Clean", "Load"]
        assert trial.staged_requests() == []


def _check(driver: StandInDriver) -> None:
    assert dict(driver.request.storage_options) == {}
