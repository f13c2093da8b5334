"""A user names the run, the scope or the components: what the task then runs, and in whose log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from airflow_spark_pipeline.airflow_features import features_of
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.deployment import task_instance
from airflow_spark_pipeline.exceptions import (
    ComponentFailedError,
    NothingToResumeError,
    SelectionError,
    SparkPipelineError,
    StillRunningError,
)
from tests.airflows import needs_store
from tests.unit.operators.shop import UNIT, Shop, StateStore


@pytest.fixture
def failed(shop: Shop) -> str:
    """The id of a run of 2026-01-31 that failed at its second component."""
    return fail(shop)


@pytest.fixture
def other(shop: Shop) -> Shop:
    """The same task a day later."""
    return shop.in_dag_run("manual__2026-02-01")


def fail(shop: Shop, at: str = "Clean", **arguments: Any) -> str:
    shop.driver.fails_at = at
    with pytest.raises(ComponentFailedError):
        shop.run(**arguments)
    shop.driver.fails_at = None
    return shop.latest().state.run_id


def log_of(shop: Shop, run_id: str = UNIT.run_id) -> RunLog:
    store = open_store(str(shop.folder / "checkpoints"))
    return RunLog(store, unit_path("Shop", replace(UNIT, run_id=run_id)))


# ---- by run id


def test_a_run_is_resumed_by_its_id_in_its_own_log(shop: Shop, other: Shop, failed: str) -> None:
    result = other.run(resume_run_id=failed)
    assert result["components_run"] == ["Clean", "Load"]
    assert result["components_skipped"] == ["Extract"]
    assert result["resumed_from"] == failed
    assert log_of(other, other.run_id).latest() is None
    assert shop.latest().state.status is CheckpointStatus.COMPLETED


def test_the_retry_of_a_task_that_resumes_another_run_goes_on_with_it(other: Shop, failed: str) -> None:
    other.driver.fails_at = "Load"
    with pytest.raises(ComponentFailedError):
        other.run(resume_run_id=failed)
    other.driver.fails_at = None
    assert other.run(try_number=2, resume_run_id=failed)["components_run"] == ["Load"]


def test_an_unreported_success_of_a_task_that_resumed_another_run_is_reported(other: Shop, failed: str) -> None:
    first = other.run(resume_run_id=failed)
    assert other.run(try_number=2, resume_run_id=failed) == first
    assert len(other.driver.requests) == 2


def test_the_owners_retry_reports_what_a_guest_completed_and_its_clear_runs_all_again(
    shop: Shop, other: Shop, failed: str
) -> None:
    other.run(resume_run_id=failed)
    submitted = len(shop.driver.requests)
    assert shop.run(try_number=2)["components_run"] == ["Clean", "Load"]
    assert len(shop.driver.requests) == submitted
    assert shop.run(try_number=3, max_tries=5)["components_run"] == ["Extract", "Clean", "Load"]


def test_the_owners_retry_goes_on_with_what_a_guest_left(shop: Shop, other: Shop, failed: str) -> None:
    other.driver.fails_at = "Load"
    with pytest.raises(ComponentFailedError):
        other.run(resume_run_id=failed)
    other.driver.fails_at = None
    assert shop.run(try_number=2)["components_run"] == ["Load"]


@pytest.mark.parametrize("run_id", ["nonsense", "../../etc/passwd~x~0", "None", "shop-000000000000~x.y-0~0"])
def test_an_invalid_id_is_refused_before_the_store_is_read(shop: Shop, run_id: str) -> None:
    with pytest.raises(NothingToResumeError) as raised:
        shop.run(resume_run_id=run_id)
    assert run_id in str(raised.value)
    assert not raised.value.retry_helps


def test_an_empty_id_counts_as_none(shop: Shop) -> None:
    """``{{ dag_run.conf.get('run_id', '') }}`` of a run that was triggered without a conf."""
    assert shop.run(resume_run_id="")["components_run"] == ["Extract", "Clean", "Load"]


def test_a_run_that_is_not_recorded_is_refused(other: Shop, failed: str) -> None:
    for wrong in (failed[:-1] + "7", failed.replace(failed.rsplit("-", maxsplit=1)[-1], "0123456789abcdef~0")):
        with pytest.raises(NothingToResumeError, match="nothing is recorded under this id"):
            other.run(resume_run_id=wrong)


def test_a_completed_run_is_refused(shop: Shop, other: Shop) -> None:
    shop.run()
    with pytest.raises(NothingToResumeError, match="it was completed at 20"):
        other.run(resume_run_id=shop.latest().state.run_id)


def test_a_discarded_run_is_refused(shop: Shop, other: Shop, failed: str) -> None:
    log_of(shop).discard()
    with pytest.raises(NothingToResumeError, match="its progress was discarded"):
        other.run(resume_run_id=failed)


def test_a_run_of_another_pipeline_is_refused(shop: Shop, other: Shop, failed: str) -> None:
    text = (
        (shop.folder / "shop.conf").read_text(encoding="utf-8").replace("pipeline-name = Shop", "pipeline-name = Bar")
    )
    (shop.folder / "bar.conf").write_text(text, encoding="utf-8")
    with pytest.raises(NothingToResumeError, match="it is not a run of 'Bar'"):
        other.run(pipeline="bar.conf", resume_run_id=failed)


def test_a_run_of_another_deployment_is_refused(
    shop: Shop, other: Shop, failed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__SPARK_PIPELINE__NAMESPACE", "staging")
    with pytest.raises(NothingToResumeError, match="belongs to the namespace 'default', this Airflow is 'staging'"):
        other.run(resume_run_id=failed)


def test_a_run_without_checkpoints_cannot_be_resumed_by_id(shop: Shop, failed: str) -> None:
    text = (shop.folder / "shop.conf").read_text(encoding="utf-8")
    text = text.replace("pipeline-name = Shop", "pipeline-name = Shop\ncheckpoint { enabled = false }")
    (shop.folder / "shop.conf").write_text(text, encoding="utf-8")
    with pytest.raises(NothingToResumeError, match=r"checkpoint\.enabled is false"):
        shop.run(resume_run_id=failed)


def alive(shop: Shop, run_id: str) -> None:
    """Leave the unit as a running driver leaves it."""
    log = log_of(shop)
    latest = log.latest()
    assert latest is not None
    log.append(latest, replace(latest.state, status=CheckpointStatus.RUNNING))
    log.store.write(f"{log.path}/hb-{run_id[-1]}", b"{}")


def test_a_live_run_of_another_task_instance_is_never_superseded(shop: Shop, other: Shop, failed: str) -> None:
    alive(shop, failed)
    before = shop.latest()
    with pytest.raises(StillRunningError) as raised:
        other.run(resume_run_id=failed)
    assert "task shop.etl of DAG run manual__2026-01-31, whose driver is alive" in str(raised.value)
    assert raised.value.retry_helps
    assert shop.latest() == before


def test_the_owner_does_not_supersede_a_guest_that_is_alive(shop: Shop, other: Shop, failed: str) -> None:
    other.driver.fails_at = "Load"
    with pytest.raises(ComponentFailedError):
        other.run(resume_run_id=failed)
    alive(shop, failed)
    with pytest.raises(StillRunningError, match="DAG run manual__2026-02-01, whose driver is alive"):
        shop.run(try_number=2)


@pytest.mark.parametrize("state", ["running", "queued", "deferred"])
def test_a_driver_that_waits_for_the_cluster_is_not_superseded_either(shop: Shop, other: Shop, state: str) -> None:
    """It has shown no sign of life yet; Airflow knows whether somebody still waits for it."""
    shop.driver.silent = True
    with pytest.raises(SparkPipelineError):
        shop.run()
    shop.driver.silent = False
    run_id = shop.latest().state.run_id
    with pytest.raises(StillRunningError, match="was submitted and has not started yet"):
        replace(other, others={shop.run_id: state}).run(resume_run_id=run_id)
    result = replace(other, others={shop.run_id: "failed"}).run(resume_run_id=run_id)
    assert result["components_run"] == ["Extract", "Clean", "Load"]


# ---- by pipeline


def test_in_the_scope_of_a_dag_run_tomorrow_never_takes_over_yesterday(other: Shop, failed: str) -> None:
    assert failed
    assert other.run()["components_run"] == ["Extract", "Clean", "Load"]


def test_in_the_scope_of_the_pipeline_the_last_failed_run_is_taken_over(shop: Shop, other: Shop, failed: str) -> None:
    result = other.run(resume_scope="pipeline")
    assert (result["resumed_from"], result["components_run"]) == (failed, ["Clean", "Load"])
    assert shop.latest().state.status is CheckpointStatus.COMPLETED


@pytest.fixture(params=["the store", "the log"])
def retried(request: pytest.FixtureRequest, other: Shop) -> Shop:
    """The task of the later day while it runs, with Airflow's task state store or without."""
    running = replace(other, others={other.run_id: "running"})
    return running if request.param == "the store" else with_memory(running, None)


def test_in_the_scope_of_the_pipeline_a_retry_goes_on_with_the_run_that_was_taken_over(
    shop: Shop, retried: Shop, failed: str
) -> None:
    assert failed
    retried.driver.fails_at = "Load"
    for try_number in (1, 2):
        with pytest.raises(ComponentFailedError):
            retried.run(try_number=try_number, resume_scope="pipeline")
    retried.driver.fails_at = None
    assert retried.run(try_number=3, resume_scope="pipeline")["components_run"] == ["Load"]
    assert shop.latest().state.status is CheckpointStatus.COMPLETED
    assert log_of(retried, retried.run_id).latest() is None


def test_in_the_scope_of_the_pipeline_a_retry_leaves_what_failed_since_alone(
    shop: Shop, retried: Shop, failed: str
) -> None:
    assert failed
    retried.driver.fails_at = "Load"
    with pytest.raises(ComponentFailedError):
        retried.run(resume_scope="pipeline")
    failed_since = shop.in_dag_run("manual__2026-02-02")
    fail(failed_since)
    untouched = failed_since.latest()
    assert retried.run(try_number=2, resume_scope="pipeline")["components_run"] == ["Load"]
    assert failed_since.latest() == untouched


def test_in_the_scope_of_the_pipeline_an_unreported_success_is_reported(retried: Shop, failed: str) -> None:
    assert failed
    first = retried.run(resume_scope="pipeline")
    assert retried.run(try_number=2, resume_scope="pipeline") == first


def test_in_the_scope_of_the_pipeline_the_clear_of_a_success_starts_anew(other: Shop, failed: str) -> None:
    assert failed
    other.run(resume_scope="pipeline")
    result = other.run(try_number=2, max_tries=4, resume_scope="pipeline")
    assert result["components_run"] == ["Extract", "Clean", "Load"]
    assert other.latest().state.status is CheckpointStatus.COMPLETED


def with_memory(shop: Shop, store: StateStore | None) -> Shop:
    """The same task where Airflow's task state store holds this; ``None``: there is no store."""
    return replace(shop, store=cast("Any", store))


@pytest.fixture(params=["keeps", "empties", "none"])
def after_a_clear(request: pytest.FixtureRequest, other: Shop, monkeypatch: pytest.MonkeyPatch) -> tuple[Shop, Shop]:
    """The task before and after a clear: with the state that Airflow keeps or empties, or without a store."""
    monkeypatch.setattr(task_instance, "AIRFLOW", features_of("3.4"))
    before = with_memory(other, None) if request.param == "none" else other
    return before, with_memory(other, StateStore()) if request.param == "empties" else before


def test_the_run_that_was_taken_over_is_found_again_by_its_log(
    shop: Shop, failed: str, after_a_clear: tuple[Shop, Shop]
) -> None:
    before, after = after_a_clear
    shop.driver.fails_at = "Load"
    with pytest.raises(ComponentFailedError):
        before.run(resume_scope="pipeline")
    shop.driver.fails_at = None
    result = after.run(try_number=2, max_tries=4, resume_scope="pipeline")
    assert (result["components_run"], result["components_skipped"]) == (["Load"], ["Extract", "Clean"])
    assert shop.latest().state.status is CheckpointStatus.COMPLETED
    assert failed


def test_a_success_in_the_run_that_was_taken_over_is_reported_to_a_retry_and_starts_anew_after_a_clear(
    shop: Shop, failed: str, after_a_clear: tuple[Shop, Shop]
) -> None:
    """Another failed run is there to be taken over: neither may touch it."""
    before, after = after_a_clear
    first = before.run(resume_scope="pipeline")
    yesterdays = shop.in_dag_run("manual__2026-01-30")
    fail(yesterdays)
    untouched = yesterdays.latest()
    assert before.run(try_number=2, resume_scope="pipeline") == first
    cleared = after.run(try_number=3, max_tries=5, resume_scope="pipeline")
    assert cleared["components_run"] == ["Extract", "Clean", "Load"]
    assert yesterdays.latest() == untouched
    assert failed


def test_in_the_scope_of_the_pipeline_own_progress_comes_first(shop: Shop, other: Shop) -> None:
    own = fail(other)
    fail(shop)
    assert other.run(try_number=2, resume_scope="pipeline")["resumed_from"] == own


@pytest.mark.parametrize("state", ["up_for_retry", "running"])
def test_in_the_scope_of_the_pipeline_a_run_whose_own_retry_will_come_is_left_to_it(
    other: Shop, failed: str, state: str
) -> None:
    assert failed
    result = replace(other, others={UNIT.run_id: state}).run(resume_scope="pipeline")
    assert result["components_run"] == ["Extract", "Clean", "Load"]


def test_in_the_scope_of_the_pipeline_a_live_run_is_left_alone(shop: Shop, other: Shop, failed: str) -> None:
    alive(shop, failed)
    assert other.run(resume_scope="pipeline")["resumed_from"] is None


def test_without_auto_resume_the_scope_does_not_matter(other: Shop, failed: str) -> None:
    assert failed
    assert other.run(resume_scope="pipeline", auto_resume=False)["resumed_from"] is None


def test_another_scope_is_an_error_when_the_dag_is_parsed(shop: Shop) -> None:
    with pytest.raises(ValueError, match="resume_scope is 'dag'; it must be one of dag_run, pipeline"):
        shop.operator(resume_scope="dag")


# ---- by component


def test_a_task_starts_from_a_component(shop: Shop) -> None:
    result = shop.run(start_from="Clean")
    assert (result["components_run"], result["components_left_out"]) == (["Clean", "Load"], ["Extract"])


def test_a_task_runs_only_what_is_named(shop: Shop) -> None:
    assert shop.run(only="Clean")["components_run"] == ["Clean"]


def test_a_retry_does_not_force_a_component_again(shop: Shop, failed: str) -> None:
    assert failed
    shop.driver.fails_at = "Load"
    with pytest.raises(ComponentFailedError):
        shop.run(try_number=2, force=["Extract"])
    assert shop.latest().state.completed_components == ("Extract", "Clean")
    shop.driver.fails_at = None
    assert shop.run(try_number=3, force=["Extract"])["components_run"] == ["Load"]


@pytest.mark.parametrize("value", ["['Clean', 'Load']", ["Clean", "Load"], ("Clean", "Load"), '["Clean", "Load"]'])
def test_names_may_come_as_the_text_of_a_list(shop: Shop, value: Any) -> None:
    """``only="{{ dag_run.conf['only'] }}"`` renders a list to text."""
    assert shop.run(only=value)["components_run"] == ["Clean", "Load"]


@pytest.mark.parametrize("value", ["", None, [], [""]])
def test_empty_selections_select_nothing(shop: Shop, value: Any) -> None:
    assert shop.run(only=value, force=value)["components_run"] == ["Extract", "Clean", "Load"]


def test_a_component_that_does_not_exist_is_refused_with_the_names_that_do(shop: Shop) -> None:
    with pytest.raises(
        SelectionError, match=r"start_from names 'Claen', which does not exist \(did you mean 'Clean'\?"
    ):
        shop.run(start_from="Claen")


# ---- the plan, without running


def test_the_plan_of_the_next_try_is_shown_without_claiming_anything(shop: Shop, failed: str) -> None:
    before = shop.latest()
    operator = shop.operator()
    plan = operator.plan(shop.context(operator, 2))
    assert plan.resumed_from == failed
    assert [(step.name, step.action.value) for step in plan.steps] == [
        ("Extract", "skip"),
        ("Clean", "run"),
        ("Load", "run"),
    ]
    assert plan.steps[0].reason == "done in attempt 1"
    assert shop.latest() == before


class RecordingStore(StateStore):
    """Tells what was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def set(self, key: str, value: Any, **more: Any) -> None:
        self.written.append(key)
        super().set(key, value, **more)

    def delete(self, key: str) -> None:
        self.written.append(key)
        super().delete(key)


@pytest.mark.parametrize(
    ("number", "how"),
    [
        (1, {}),
        (1, {"resume_run_id": "FAILED"}),
        (1, {"resume_scope": "pipeline"}),
        (2, {"resume_scope": "pipeline"}),
        (2, {"start_from": "Load", "auto_resume": False}),
    ],
)
def test_a_plan_writes_nothing_to_airflow_nor_to_the_checkpoint_location(
    shop: Shop, failed: str, number: int, how: dict[str, Any]
) -> None:
    def files() -> set[str]:
        return {str(path) for path in (shop.folder / "checkpoints").rglob("*") if path.is_file()}

    store = RecordingStore()
    other = replace(shop.in_dag_run("manual__2026-02-01"), store=store)
    before = files()
    operator = other.operator(**{name: failed if value == "FAILED" else value for name, value in how.items()})
    operator.plan(other.context(operator, number))
    assert (store.written, store.values) == ([], {})
    assert files() == before


@needs_store
def test_a_try_stores_its_identity_in_airflow_before_it_claims(shop: Shop) -> None:
    store = RecordingStore()
    fail(replace(shop, store=store))
    about_the_run = [key for key in store.written if key != "spark_pipeline.description"]
    assert about_the_run[0] == "spark_pipeline.dag_run"
    assert store.written.count("spark_pipeline.dag_run") == 1


@needs_store
def test_airflows_task_state_has_the_run_and_its_position(shop: Shop, failed: str) -> None:
    assert shop.store.values["spark_pipeline.run_id"] == failed
    assert shop.store.values["spark_pipeline.position"] == "1 of 3 done, failed at [2/3] Clean"
    shop.run(try_number=2)
    assert shop.store.values["spark_pipeline.position"] == "3 of 3 done, completed"


def test_a_unit_key_survives_json() -> None:
    assert UnitKey.from_dict(UNIT.to_dict()) == UNIT
