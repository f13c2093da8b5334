"""The operator without a Spark: what Airflow sees of it, what it decides, and what it submits."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import DAG

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.checkpoint.key import unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Failure
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.secrets import set_more_names
from tests.airflows import DagSerialization, needs_store
from tests.unit.operators.shop import CONF, NAMES, UNIT, Shop, StateStore

# ---- what Airflow sees


def test_all_template_fields_of_the_provider_are_rendered_except_those_set_here() -> None:
    theirs = set(SparkSubmitOperator.template_fields) - {"application", "java_class", "application_args"}
    assert theirs <= set(SparkPipelineOperator.template_fields)
    assert {"pipeline", "checkpoint_location"} <= set(SparkPipelineOperator.template_fields)
    assert "application" not in SparkPipelineOperator.template_fields
    assert "application_args" not in SparkPipelineOperator.template_fields


def test_every_template_field_is_an_attribute(shop: Shop) -> None:
    """Airflow refuses the DAG otherwise."""
    operator = shop.operator()
    assert [name for name in operator.template_fields if not hasattr(operator, name)] == []
    assert set(operator.template_fields_renderers) <= set(operator.template_fields)


def test_no_suffix_makes_airflow_read_the_file_while_the_dag_is_parsed() -> None:
    assert not SparkPipelineOperator.template_ext


def test_arguments_are_rendered(shop: Shop) -> None:
    operator = shop.operator(
        pipeline="{{ params.shop }}.conf",
        checkpoint_location="/checkpoints/{{ ds }}",
        py_files=["{{ params.shop }}.py"],
        conf={"spark.app.day": "{{ ds }}"},
        name="{{ ds }}",
    )
    context = shop.context(operator)
    context["params"] = {"shop": "shop"}
    operator.render_template_fields(context)
    assert operator.pipeline == "shop.conf"
    assert operator.checkpoint_location == "/checkpoints/2026-01-31"
    assert list(operator.py_files or ()) == ["shop.py"]
    assert operator.conf == {"spark.app.day": "2026-01-31"}
    assert operator.name == "2026-01-31"


def test_text_keeps_the_comments_that_jinja_would_take_for_its_own(shop: Shop) -> None:
    part = "{ instance-type = m.C, instance-config { at = {{ ds }} } }"
    text = f"pipeline {{# the shop of {{{{ ds }}}}\n  pipeline-name = Shop, pipeline-components = [{part}] }}"
    operator = shop.operator(pipeline=text)
    operator.render_template_fields(shop.context(operator))
    assert operator.pipeline == text.replace("at = {{ ds }}", 'at = "2026-01-31"')


def test_rendered_text_is_not_rendered_again(shop: Shop) -> None:
    name = 'pipeline-name = "{{ params.name }}"'
    operator = shop.operator(pipeline=CONF.replace("pipeline-name = Shop", name))
    context = shop.context(operator)
    context["params"] = {"name": "{{ ds }}"}
    operator.render_template_fields(context)
    assert json.loads(operator.resolved_pipeline or "")["pipeline"]["pipeline-name"] == "{{ ds }}"


def test_the_task_log_warns_of_probable_mistakes(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    text = CONF.replace("pipeline-name = Shop", 'include "local"\npipeline-name = "Shop ${city}"')
    operator = shop.operator(pipeline=text)
    operator.render_template_fields(shop.context(operator))
    said = capsys.readouterr().out
    assert "/local` is included, but does not exist; it is skipped" in said
    assert "pipeline.pipeline-name: `${city}` is inside quotes" in said


def test_the_resolved_description_is_shown_with_its_secrets_masked(shop: Shop) -> None:
    operator = shop.operator()
    operator.render_template_fields(shop.context(operator))
    shown = operator.resolved_pipeline or ""
    components = json.loads(shown)["pipeline"]["pipeline-components"]
    assert components[0]["instance-config"] == {"input-path": "/in/2026-01-31", "api-token": "***"}
    assert json.loads(shown)["spark"]["config"] == {
        "spark.sql.shuffle.partitions": "7",
        "spark.hadoop.fs.s3a.secret.key": "***",
    }
    assert "hunter2" not in shown
    assert "swordfish" not in shown


def test_rendering_leaves_a_mistake_to_execute(shop: Shop) -> None:
    """Otherwise Airflow would show it as a template error, without the fields that it did render."""
    operator = shop.operator(pipeline="missing.conf", name="{{ ds }}")
    operator.render_template_fields(shop.context(operator))
    assert operator.name == "2026-01-31"
    with pytest.raises(SparkPipelineError, match=r"missing\.conf: there is no such file"):
        operator.execute(shop.context(operator))


def test_default_args_reach_the_operator(tmp_path: Path) -> None:
    default_args = {
        "checkpoint_location": "/checkpoints",
        "checkpoint_conn_id": "lake",
        "auto_resume": False,
        "conn_id": "spark_prod",
        "py_files": ["libs"],
        "executor_memory": "2g",
        "retries": 5,
        "durable": False,
    }
    with DAG("shop", schedule=None, default_args=default_args):
        operator = SparkPipelineOperator(task_id="etl", pipeline="shop.conf")
    assert operator.checkpoint_location == "/checkpoints"
    assert operator.checkpoint_conn_id == "lake"
    assert operator.auto_resume is False
    assert operator.conn_is_named
    assert operator._conn_id == "spark_prod"
    assert list(operator.py_files or ()) == ["libs"]
    assert operator._executor_memory == "2g"
    assert operator.retries == 5


def test_an_argument_of_the_task_wins_over_the_default_args() -> None:
    with DAG("shop", schedule=None, default_args={"auto_resume": False, "checkpoint_location": "/a"}):
        operator = SparkPipelineOperator(task_id="etl", pipeline="x", auto_resume=True, checkpoint_location="/b")
    assert (operator.auto_resume, operator.checkpoint_location) == (True, "/b")


def test_default_args_of_a_spark_submit_task_beside_it_do_not_break_it() -> None:
    """A shared ``default_args`` with an ``application`` is refused with an error, like the argument itself."""
    with (
        DAG("shop", schedule=None, default_args={"application": "etl.py"}),
        pytest.raises(ValueError, match="sets application itself"),
    ):
        SparkPipelineOperator(task_id="etl", pipeline="shop.conf")


def test_the_operator_can_be_mapped(shop: Shop) -> None:
    with DAG("shop", schedule=None) as dag:
        SparkPipelineOperator.partial(task_id="etl", checkpoint_location="/x").expand(pipeline=["a.conf", "b.conf"])
    assert dag.get_task("etl").is_mapped


# ---- what it costs to parse a DAG file


def run_python(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    words: list[str] = json.loads(done.stdout.splitlines()[-1])
    return words


def test_importing_the_operator_imports_no_package_that_the_providers_operator_does_not() -> None:
    code = (
        "import json, sys\n"
        "import {module}\n"
        "print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    theirs = set(run_python(code.format(module="airflow.providers.apache.spark.operators.spark_submit")))
    ours = set(run_python(code.format(module="airflow_spark_pipeline.operators.spark_pipeline")))
    assert ours - theirs - set(sys.stdlib_module_names) <= {"airflow_spark_pipeline"}


def test_a_dag_file_is_parsed_and_serialized_without_opening_what_its_tasks_read(tmp_path: Path) -> None:
    """A DAG file is parsed every few seconds, and by processes that have no business with the data of a task."""
    (tmp_path / "shop.conf").write_text(CONF, encoding="utf-8")
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "shop_etl.py").touch()
    (tmp_path / "dag.py").write_text(
        "from airflow.sdk import DAG\n"
        "from airflow_spark_pipeline import SparkPipelineOperator\n"
        "with DAG('shop', schedule=None) as dag:\n"
        "    SparkPipelineOperator(task_id='etl', pipeline='shop.conf', py_files=['libs'],\n"
        f"                          checkpoint_location={str(tmp_path / 'checkpoints')!r})\n",
        encoding="utf-8",
    )
    code = f"""
import json, runpy, sys
from airflow.serialization import serialized_objects
opened = []
def hook(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "os.mkdir", "subprocess.Popen", "socket.connect"):
        opened.append(f"{{event}} {{arguments[0]}}")
sys.addaudithook(hook)
dag = runpy.run_path({str(tmp_path / "dag.py")!r})["dag"]
getattr(serialized_objects, {DagSerialization.__name__!r}).to_dict(dag)
print(json.dumps([name for name in opened if {str(tmp_path)!r} in name or not name.startswith(("open", "os."))]))
"""
    assert set(run_python(code)) == {f"open {tmp_path / 'dag.py'}"}


# ---- what it decides


def test_a_first_try_runs_everything_and_says_so(shop: Shop) -> None:
    result = shop.run()
    assert result["components_run"] == list(NAMES)
    assert result["components_skipped"] == []
    assert result["attempt"] == 1
    assert result["resumed_from"] is None
    assert result["seconds"] == 3.0
    assert json.loads(json.dumps(result)) == result  # XCom


def test_a_retry_resumes_at_the_component_that_failed(shop: Shop) -> None:
    shop.driver.fails_at = "Clean"
    with pytest.raises(
        SparkPipelineError, match=r"at \[2/3\] Clean in attempt 1 \(1 of 3 done; a retry resumes there\)"
    ):
        shop.run()
    failed = shop.latest().state.run_id

    shop.driver.fails_at = None
    result = shop.run(try_number=2)
    assert result["components_run"] == ["Clean", "Load"]
    assert result["components_skipped"] == ["Extract"]
    assert result["resumed_from"] == failed
    assert result["attempt"] == 2


@pytest.mark.parametrize("where", ["argument", "file"])
def test_with_auto_resume_off_a_retry_starts_from_the_first_component(shop: Shop, where: str) -> None:
    arguments: dict[str, Any] = {"auto_resume": False}
    if where == "file":
        arguments = {"pipeline": f"{CONF}\npipeline.checkpoint.auto-resume = false\n"}
    shop.driver.fails_at = "Load"
    with pytest.raises(SparkPipelineError, match="disk full"):
        shop.run(**arguments)

    shop.driver.fails_at = None
    result = shop.run(try_number=2, **arguments)
    assert result["components_run"] == list(NAMES)
    assert result["resumed_from"] is None
    assert result["attempt"] == 1


def test_the_argument_wins_over_the_file(shop: Shop) -> None:
    pipeline = f"{CONF}\npipeline.checkpoint.auto-resume = false\n"
    shop.driver.fails_at = "Load"
    with pytest.raises(SparkPipelineError):
        shop.run(pipeline=pipeline, auto_resume=True)
    shop.driver.fails_at = None
    assert shop.run(try_number=2, pipeline=pipeline, auto_resume=True)["components_run"] == ["Load"]


def test_an_unreported_success_is_reported_and_not_run_again(shop: Shop) -> None:
    """The worker died between the driver's last commit and the report to Airflow; Airflow tries again."""
    first = shop.run()
    again = shop.run(try_number=2)
    assert again == first
    assert len(shop.driver.requests) == 1


def test_a_success_that_was_cleared_is_run_from_the_start(shop: Shop) -> None:
    first = shop.run()
    again = shop.run(try_number=2, max_tries=4)  # so Airflow clears a task instance
    assert again["components_run"] == list(NAMES)
    assert again["run_id"] != first["run_id"]
    assert len(shop.driver.requests) == 2


@needs_store
def test_a_job_of_an_earlier_success_is_forgotten_before_a_new_one_starts(shop: Shop) -> None:
    """The provider would find the old job, see that it succeeded, and report that instead of running anything."""
    shop.run()
    shop.store.set(SparkPipelineOperator.external_id_key, "driver-1")
    shop.store.set(SparkPipelineOperator._K8S_DRIVER_STATUS_KEY, "Succeeded")
    shop.run(try_number=2, max_tries=4)
    assert shop.store.get(SparkPipelineOperator.external_id_key) is None
    assert shop.store.get(SparkPipelineOperator._K8S_DRIVER_STATUS_KEY) is None


@needs_store
def test_a_retry_forgets_the_job_of_a_driver_that_recorded_its_end(shop: Shop) -> None:
    """A cluster may call it a success: the parent would then never submit again."""
    shop.driver.fails_at = "Clean"
    with pytest.raises(SparkPipelineError):
        shop.run()
    shop.store.set(SparkPipelineOperator.external_id_key, "driver-1")
    shop.driver.fails_at = None
    shop.run(try_number=2)
    assert shop.store.get(SparkPipelineOperator.external_id_key) is None


@needs_store
@pytest.mark.parametrize(("alive", "job"), [(True, "driver-1"), (False, None)])
def test_a_retry_reconnects_to_a_driver_only_while_it_shows_signs_of_life(
    shop: Shop, alive: bool, job: str | None
) -> None:
    shop.driver.silent = True
    with pytest.raises(SparkPipelineError):
        shop.run()
    log, latest = RunLog(open_store(str(shop.folder / "checkpoints")), unit_path("Shop", UNIT)), shop.latest()
    log.append(latest, replace(latest.state, status=CheckpointStatus.RUNNING))
    if alive:
        log.store.write(f"{log.path}/hb-1", b"{}")
    shop.store.set(SparkPipelineOperator.external_id_key, "driver-1")
    shop.driver.silent = False
    shop.run(try_number=2)
    assert shop.store.get(SparkPipelineOperator.external_id_key) == job


def test_a_retry_keeps_the_job_of_a_driver_that_waits_for_the_cluster(shop: Shop) -> None:
    shop.driver.silent = True
    with pytest.raises(SparkPipelineError):
        shop.run()
    shop.store.set(SparkPipelineOperator.external_id_key, "driver-1")
    shop.driver.silent = False
    shop.run(try_number=2)
    assert shop.store.get(SparkPipelineOperator.external_id_key) == "driver-1"


@needs_store
def test_a_dag_run_that_was_created_again_starts_from_the_first_component(shop: Shop) -> None:
    shop.driver.fails_at = "Load"
    with pytest.raises(SparkPipelineError):
        shop.run()
    shop.store = StateStore()  # Airflow deletes it with the DAG run
    shop.driver.fails_at = None
    assert shop.run()["components_run"] == list(NAMES)


def test_another_deployment_at_the_same_location_does_not_take_over(shop: Shop, airflow_config: Any) -> None:
    shop.driver.fails_at = "Load"
    with pytest.raises(SparkPipelineError):
        shop.run()
    airflow_config("spark_pipeline", "namespace", "blue")
    shop.driver.fails_at = None
    assert shop.run(try_number=2)["components_run"] == list(NAMES)


def test_an_operator_can_execute_twice_and_sees_changes_in_between(shop: Shop) -> None:
    """``dag.test()`` runs the tries of a task in one process."""
    operator = shop.operator()
    shop.driver.fails_at = "Clean"
    with pytest.raises(SparkPipelineError, match="disk full"):
        operator.execute(shop.context(operator))

    shop.driver.fails_at = None
    (shop.folder / "shop.conf").write_text(CONF.replace("shop_etl.Load", "shop_etl.Store"), encoding="utf-8")
    result = operator.execute(shop.context(operator, try_number=2))
    assert result["components_run"] == ["Clean", "Store"]
    assert len(shop.driver.requests) == 2


# ---- red and green


def test_an_exit_code_of_zero_is_no_success_if_the_log_has_none(shop: Shop) -> None:
    shop.driver.silent = True
    with pytest.raises(SparkPipelineError) as caught:
        shop.run()
    assert caught.value.retry_helps


def test_an_exit_code_is_no_failure_if_the_log_has_a_success(shop: Shop) -> None:
    shop.driver.answer = AirflowException("Cannot execute: spark-submit. Error code is: 1.")
    assert shop.run()["components_run"] == list(NAMES)


def test_the_reason_of_a_failure_comes_from_the_log_and_not_from_the_exit_code(shop: Shop) -> None:
    shop.driver.fails_at = "Clean"
    shop.driver.answer = AirflowException("Cannot execute: spark-submit --master. Error code is: 1.")
    with pytest.raises(SparkPipelineError, match="OSError: disk full") as caught:
        shop.run()
    assert "spark-submit" not in str(caught.value)


def test_if_no_driver_started_the_providers_error_is_kept(shop: Shop) -> None:
    shop.driver.silent = True
    shop.driver.answer = AirflowException("Cannot execute: spark-submit. Error code is: 1.\nConnection refused")
    with pytest.raises(AirflowException, match="Connection refused"):
        shop.run()


def test_an_error_that_no_retry_helps_ends_the_tries(shop: Shop) -> None:
    def refuse(request: DriverRequest) -> None:
        assert request.token is not None
        log = RunLog(open_store(request.location), request.unit)
        commit = log.adopt(request.token.number, request.token.attempt_id, request.token.nonce)
        failure = Failure(None, None, "PipelineDefinitionError", "no class 'Lode'", retry_helps=False)
        log.append(commit, replace(commit.state, status=CheckpointStatus.FAILED, failure=failure))

    shop.driver.run = refuse  # type: ignore[method-assign]
    with pytest.raises(SparkPipelineError, match="no class 'Lode'"):
        shop.run()


# ---- what it submits


def test_no_secret_of_the_file_is_in_the_command_line_and_the_driver_gets_them_all(shop: Shop) -> None:
    shop.run()
    (command,), (request,) = shop.driver.commands, shop.driver.requests
    line = " ".join(command)
    assert "hunter2" not in line
    assert "swordfish" not in line
    assert "spark.sql.shuffle.partitions=7" in command
    assert request.spark_config == {"spark.hadoop.fs.s3a.secret.key": "hunter2"}
    assert request.pipeline["pipeline"]["pipeline-components"][0]["instance-config"]["api-token"] == "swordfish"


def test_no_secret_of_the_arguments_is_in_the_command_line_or_the_log(shop: Shop, caplog: Any) -> None:
    conf = {
        "spark.sql.catalog.k.token": "planted-token",
        "spark.hadoop.fs.s3a.bucket.b.access.key": "planted-key",
        "spark.sql.catalog.k.uri": "jdbc:mysql://u:planted-pw@h/d",
        "spark.ssl.keyPassword": "planted-ssl",
        "spark.executor.cores": 2,
    }
    files: list[str] = []
    submit = shop.driver.submit

    def spy(hook: SparkPipelineSubmitHook, application: str = "", **_: Any) -> None:
        submit(hook, application)
        command = shop.driver.commands[-1]
        files.append(Path(command[command.index("--properties-file") + 1]).read_text(encoding="utf-8"))

    shop.driver.submit = spy  # type: ignore[method-assign]
    shop.run(conf=conf, repositories="https://u:planted-nexus@nexus/maven")
    (command,), (request,) = shop.driver.commands, shop.driver.requests
    assert "planted" not in " ".join(command)
    assert "planted" not in caplog.text
    assert "spark.executor.cores=2" in command
    assert "--load-spark-defaults" in command
    assert {name: request.spark_config[name] for name in conf if name != "spark.executor.cores"} == {
        name: value for name, value in conf.items() if name != "spark.executor.cores"
    }
    assert files == ["spark.ssl.keyPassword=planted-ssl\nspark.jars.repositories=https://u:planted-nexus@nexus/maven\n"]


@pytest.mark.parametrize("has_defaults", [True, False])
def test_spark_3_gets_its_defaults_in_the_one_file_that_it_reads(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, has_defaults: bool
) -> None:
    home = shop.folder / "spark"
    for folder in ("bin", "jars", "conf"):
        (home / folder).mkdir(parents=True)
    (home / "bin" / "spark-submit").touch(mode=0o755)
    (home / "jars" / "spark-core_2.12-3.5.9.jar").touch()
    if has_defaults:
        (home / "conf" / "spark-defaults.conf").write_text("spark.mine 1", encoding="utf-8")
    monkeypatch.setenv("SPARK_HOME", str(home))
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    texts: list[str] = []
    submit = shop.driver.submit

    def spy(hook: SparkPipelineSubmitHook, application: str = "", **_: Any) -> None:
        submit(hook, application)
        command = shop.driver.commands[-1]
        texts.append(Path(command[command.index("--properties-file") + 1]).read_text(encoding="utf-8"))

    shop.driver.submit = spy  # type: ignore[method-assign]
    shop.run(conf={"spark.ssl.keyPassword": "planted"})
    assert texts == [("spark.mine 1\n" if has_defaults else "") + "spark.ssl.keyPassword=planted\n"]
    assert "--load-spark-defaults" not in shop.driver.commands[0]


def test_a_properties_file_of_the_user_keeps_its_settings(shop: Shop) -> None:
    given = shop.folder / "mine.conf"
    given.write_text("spark.mine 1\n", encoding="utf-8")
    texts: list[str] = []
    submit = shop.driver.submit

    def spy(hook: SparkPipelineSubmitHook, application: str = "", **_: Any) -> None:
        submit(hook, application)
        command = shop.driver.commands[-1]
        texts.append(Path(command[command.index("--properties-file") + 1]).read_text(encoding="utf-8"))

    shop.driver.submit = spy  # type: ignore[method-assign]
    shop.run(conf={"spark.ssl.keyPassword": "planted"}, properties_file=str(given))
    assert texts == ["spark.mine 1\n\nspark.ssl.keyPassword=planted\n"]
    assert "--load-spark-defaults" not in shop.driver.commands[0]


def test_airflows_masker_gets_each_secret_before_anything_is_submitted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, airflow_config: Any
) -> None:
    told: set[str] = set()
    monkeypatch.setattr("airflow.sdk.log.mask_secret", lambda found, name=None: told.update(found), raising=False)
    airflow_config("core", "sensitive_var_conn_names", "iban, tax-number")
    monkeypatch.setenv(
        "AIRFLOW_CONN_LAKE", '{"conn_type": "generic", "extra": {"storage_options": {"secret": "hunter3"}}}'
    )
    conf = shop.folder / "shop.conf"
    conf.write_text(CONF.replace("swordfish", '"s \\" fish", IBAN = DE021200'), encoding="utf-8")
    operator = shop.operator(
        conf={"spark.x.token": "token-1"}, env_vars={"DB_PASSWORD": "planted-env"}, checkpoint_conn_id="lake"
    )
    context = shop.context(operator)
    operator.render_template_fields(context)
    assert told >= {"hunter2", 's " fish', 's \\" fish', "s%20%22%20fish", "DE021200", "token-1", "planted-env"}
    assert '"IBAN": "***"' in (operator.resolved_pipeline or "")
    operator.execute(context)
    assert "hunter3" in told
    assert shop.driver.requests[0].secret_names == ("iban", "tax_number")
    set_more_names(())


def test_credentials_of_the_location_travel_in_the_request_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = '{"storage_options": {"secret": "hunter3"}}'
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", f'{{"conn_type": "generic", "extra": {extra}}}')
    shop.run(checkpoint_conn_id="lake")
    assert shop.driver.requests[0].storage_options == {"secret": "hunter3"}
    assert "hunter3" not in " ".join(shop.driver.commands[0])


@pytest.mark.parametrize("end", ["success", "failure"])
def test_the_request_is_gone_when_the_task_ends(shop: Shop, end: str) -> None:
    files: list[Path] = []
    submit = shop.driver.submit

    def spy(hook: SparkPipelineSubmitHook, application: str = "", **_: Any) -> None:
        files.append(Path(application))
        submit(hook, application)

    shop.driver.submit = spy  # type: ignore[method-assign]
    if end == "success":
        shop.run()
    else:
        shop.driver.fails_at = "Clean"
        with pytest.raises(SparkPipelineError):
            shop.run()
    (launcher,) = files
    assert not launcher.exists()
    assert not launcher.parent.parent.exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "Shop of 2026-01-31"),
        ({"name": "Night {{ ds }}"}, "Night 2026-01-31"),
        ({"pipeline": CONF.replace("app-name", "# app-name")}, "Shop"),
    ],
    ids=["of the file", "of the task", "of the pipeline"],
)
def test_the_application_has_a_name(shop: Shop, arguments: dict[str, Any], expected: str) -> None:
    shop.run(**arguments)
    (command,) = shop.driver.commands
    assert command[command.index("--name") + 1] == expected


@pytest.mark.parametrize(
    ("spark", "connection", "conf", "master"),
    [
        ("", None, {}, "local[*]"),
        ("spark.master = local[3]", None, {}, "local[3]"),
        ("spark.master = local[3]", "spark://prod:7077", {}, "spark://prod:7077"),
    ],
    ids=["nobody", "file", "connection"],
)
def test_the_master_is_the_connections_else_the_files_else_local(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, spark: str, connection: str | None, conf: dict[str, str], master: str
) -> None:
    if connection is not None:
        monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", connection)
    shop.run(pipeline=CONF + spark.replace("local[3]", '"local[3]"'), conf=conf)
    (command,) = shop.driver.commands
    assert command[command.index("--master") + 1] == master


def test_killing_a_task_that_has_not_submitted_yet_does_nothing(shop: Shop) -> None:
    """Airflow calls ``on_kill`` whenever it stops a task, also while the description is read."""
    shop.operator().on_kill()


def test_killing_a_task_stops_its_driver(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[SparkPipelineSubmitHook] = []

    def on_kill(hook: SparkPipelineSubmitHook) -> None:
        killed.append(hook)

    monkeypatch.setattr(SparkPipelineSubmitHook, "on_kill", on_kill)
    operator = shop.operator()
    operator.execute(shop.context(operator))
    operator.on_kill()
    assert killed == [operator._hook]
