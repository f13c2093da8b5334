"""The command line of spark-submit: master, settings and their order, Python, and log levels."""

from __future__ import annotations

import inspect
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators import spark_submit
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.sdk import AirflowException

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.exceptions import SparkInstallationError
from airflow_spark_pipeline.hooks import spark_pipeline
from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.launch.provider import hook_arguments

QUIET = {"spark.log.level": "WARN", "spark.ui.showConsoleProgress": "false"}


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Spark and a Java that are found, whatever this machine has; nothing else is set."""
    for name in ("SPARK_HOME", "SPARK_CONF_DIR", "SPARK_SUBMIT_OPTS", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    binary = tmp_path / "spark" / "bin" / "spark-submit"
    monkeypatch.setattr(
        spark_pipeline, "find_spark_submit", lambda: (str(binary), {"SPARK_HOME": str(tmp_path / "spark")})
    )
    monkeypatch.setattr(spark_pipeline, "require_java", lambda: None)
    return binary


def make_hook(
    *,
    fallback: str | None = "local[*]",
    spark_config: dict[str, str] | None = None,
    before: Callable[[SparkPipelineSubmitHook], list[str]] = lambda hook: [],
    **arguments: Any,
) -> SparkPipelineSubmitHook:
    return SparkPipelineSubmitHook(
        fallback_master=fallback,
        spark_config=spark_config or {},
        runtime=Path("/runtime.zip"),
        before_submit=before,
        **{"private": {}, "directory": Path("/nowhere"), **arguments},
    )


def command(hook: SparkPipelineSubmitHook) -> list[str]:
    hook.prepare()
    return hook._build_spark_submit_command("launcher.py")


def after(option: str, line: list[str]) -> list[str]:
    return [line[index + 1] for index, word in enumerate(line) if word == option]


# ---- the master


def test_without_a_connection_the_fallback_is_the_master() -> None:
    hook = make_hook()
    assert hook.master == "local[*]"
    assert hook.runs_driver_here
    assert after("--master", command(hook)) == ["local[*]"]


def test_the_master_of_the_file_is_a_fallback() -> None:
    assert make_hook(fallback="spark://host:7077").master == "spark://host:7077"


def test_a_connection_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", "spark://master:7077?deploy-mode=cluster&queue=night")
    hook = make_hook(fallback="local[2]")
    assert hook.master == "spark://master:7077"
    assert not hook.runs_driver_here
    assert after("--queue", command(hook)) == ["night"]


def test_a_named_connection_that_does_not_exist_is_an_error() -> None:
    """The provider would run on YARN instead, without a word."""
    with pytest.raises(SparkInstallationError, match=r"'spark_prod' does not exist\. Create it, or correct conn_id"):
        make_hook(fallback=None, conn_id="spark_prod")


# ---- the settings


def test_settings_of_the_operator_win_over_the_files_and_the_files_over_ours() -> None:
    hook = make_hook(
        spark_config={"spark.a": "file", "spark.b": "file", "spark.log.level": "INFO"}, conf={"spark.b": "operator"}
    )
    assert hook.conf == {**QUIET, "spark.log.level": "INFO", "spark.a": "file", "spark.b": "operator"}
    assert sorted(after("--conf", command(hook))) == sorted(f"{name}={value}" for name, value in hook.conf.items())


def test_a_properties_file_is_not_overruled_by_our_defaults() -> None:
    """A ``--conf`` wins over the file: what the user has written there must not be overruled by a default of ours."""
    assert make_hook(properties_file="/etc/spark.properties", spark_config={"spark.a": "1"}).conf == {"spark.a": "1"}


def test_the_runtime_is_shipped_before_the_modules_of_the_user() -> None:
    assert after("--py-files", command(make_hook(py_files="/a.py,/b.zip"))) == ["/runtime.zip,/a.py,/b.zip"]
    assert after("--py-files", command(make_hook())) == ["/runtime.zip"]


def test_a_file_is_sent_in_addition_to_the_users_files() -> None:
    hook = make_hook(files="/a.json")
    hook.ship(Path("/request.json"))
    assert after("--files", command(hook)) == ["/a.json,/request.json"]
    hook = make_hook()
    hook.ship(Path("/request.json"))
    assert after("--files", command(hook)) == ["/request.json"]


# ---- the installation


def test_the_installation_that_was_found_is_used(installation: Path) -> None:
    hook = make_hook()
    assert command(hook)[0] == str(installation)
    assert hook._env is not None
    assert hook._env["SPARK_HOME"] == str(installation.parent.parent)


def test_a_binary_that_the_user_named_is_looked_up_in_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("spark2-submit", "spark3-submit"):
        (tmp_path / name).touch(mode=0o755)
    hook = make_hook(spark_binary="spark3-submit")
    assert command(hook)[0] == "spark3-submit"
    assert not hook._env
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", "spark://master:7077?spark-binary=spark2-submit")
    hook = make_hook()
    assert command(hook)[0] == "spark2-submit"
    assert not hook._env


def test_a_missing_binary_that_the_user_named_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    hook = make_hook(spark_binary="spark3-submit")
    with pytest.raises(SparkInstallationError, match="spark3-submit does not exist or cannot be run"):
        hook.prepare()


def test_the_driver_runs_on_the_workers_python_and_local_executors_too() -> None:
    hook = make_hook()
    command(hook)
    assert hook._env is not None
    assert hook._env["PYSPARK_DRIVER_PYTHON"] == hook._env["PYSPARK_PYTHON"] == sys.executable


def test_executors_elsewhere_run_on_their_own_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", "spark://master:7077")
    hook = make_hook()
    command(hook)
    assert hook._env is not None
    assert hook._env["PYSPARK_DRIVER_PYTHON"] == sys.executable
    assert "PYSPARK_PYTHON" not in hook._env


@pytest.mark.parametrize("name", ["PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"])
def test_a_python_that_the_user_has_set_wins(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/opt/python")
    hook = make_hook()
    command(hook)
    assert hook._env is not None
    assert hook._env.get(name, os.environ[name]) == "/opt/python"


def test_a_driver_elsewhere_gets_no_python_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", "spark://master:7077?deploy-mode=cluster")
    hook = make_hook()
    command(hook)
    assert hook._env is not None
    assert set(hook._env) == {"SPARK_HOME"}


def test_variables_of_the_operator_win_over_ours() -> None:
    hook = make_hook(env_vars={"PYSPARK_PYTHON": "/opt/python", "SHOP": "north"})
    command(hook)
    assert hook._env is not None
    assert hook._env["PYSPARK_PYTHON"] == "/opt/python"
    assert hook._env["SHOP"] == "north"
    assert "SPARK_HOME" in hook._env


# ---- what Spark says about itself


def options(hook: SparkPipelineSubmitHook) -> str | None:
    command(hook)
    return (hook._env or {}).get("SPARK_SUBMIT_OPTS")


def test_sparks_own_lines_are_kept_out_of_the_task_log() -> None:
    found = options(make_hook())
    assert found is not None
    assert found.startswith("-Dlog4j2.configurationFile=file:///")
    file = Path(found.partition("file://")[2])
    assert file.name == "log4j2.properties"
    assert file.is_file()


def test_options_of_the_user_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_SUBMIT_OPTS", "-Dhttp.proxyHost=proxy")
    assert (options(make_hook()) or "").startswith("-Dhttp.proxyHost=proxy -Dlog4j2.configurationFile=")


@pytest.mark.parametrize("variable", ["SPARK_CONF_DIR", "SPARK_HOME"])
def test_the_users_own_spark_logging_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    folder = tmp_path / "conf" if variable == "SPARK_HOME" else tmp_path
    folder.mkdir(exist_ok=True)
    (folder / "log4j2.properties").touch()
    assert options(make_hook()) is None


def test_the_users_own_logging_file_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_SUBMIT_OPTS", "-Dlog4j2.configurationFile=/my/log4j2.properties")
    assert options(make_hook()) is None


# ---- the last word


def test_the_claim_is_made_right_before_spark_submit_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[Any] = []

    def before(hook: SparkPipelineSubmitHook) -> list[str]:
        order.append("claim")
        return ["run", "/request.json"]

    class Process:
        def __init__(self, line: list[str], **_: Any) -> None:
            self.stdout = pipe
            order.append(line[-3:])

        def wait(self) -> int:
            return 0

    pipe = io.StringIO("Spark says something")
    monkeypatch.setattr(subprocess, "Popen", Process)
    hook = make_hook(before=before)
    hook.prepare()
    hook.submit("/launcher.py")
    assert order == ["claim", ["/launcher.py", "run", "/request.json"]]
    assert pipe.closed  # the provider's hook leaves it open


def test_nothing_is_started_if_the_claim_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def before(hook: SparkPipelineSubmitHook) -> list[str]:
        raise LookupError("claimed by somebody else")

    monkeypatch.setattr(subprocess, "Popen", None)
    hook = make_hook(before=before)
    hook.prepare()
    with pytest.raises(LookupError, match="somebody else"):
        hook.submit("/launcher.py")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such signal")
def test_a_driver_on_this_machine_dies_with_the_task(tmp_path: Path) -> None:
    """Nobody could take it up again: a new try cannot reconnect to a client-mode driver."""
    script = tmp_path / "task.py"
    script.write_text(
        "import os, signal, subprocess, sys\n"
        "from airflow_spark_pipeline.launch.child_process import die_with_parent\n"
        "child = subprocess.Popen(['sleep', '60'], preexec_fn=die_with_parent())\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    pid = int(done.stdout.split()[-1])
    deadline = 50
    while alive(pid) and deadline:
        deadline -= 1
        subprocess.run(["sleep", "0.1"], check=True)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] != "Z"
    except FileNotFoundError:
        return False


# ---- what the provider's operator would pass


def test_every_parameter_of_the_providers_hook_is_passed_as_the_providers_operator_passes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another version of the provider may have more of them; none may be dropped in silence."""
    names = [name for name in inspect.signature(SparkSubmitHook.__init__).parameters if name != "self"]
    refused = {"java_class", "application_args"}
    settable = set(inspect.signature(SparkSubmitOperator.__init__).parameters) & set(names) - refused
    assert settable == set(names) - refused
    booleans = {
        each.name for each in inspect.signature(SparkSubmitHook.__init__).parameters.values() if each.default is False
    }
    typed = {**dict.fromkeys(booleans, True), "conf": {"spark.a": "b"}, "env_vars": {"A": "b"}}
    values: dict[str, Any] = {name: typed.get(name, f"the {name}") for name in settable}
    operator = SparkPipelineOperator(task_id="etl", pipeline="shop.conf", **values)

    theirs: dict[str, Any] = {}
    monkeypatch.setattr(spark_submit, "SparkSubmitHook", lambda **arguments: theirs.update(arguments))
    SparkSubmitOperator._get_hook(operator)

    assert hook_arguments(operator) == theirs
    assert {name: theirs[name] for name in settable} == values
    assert json.loads(json.dumps(theirs)) == theirs  # none of them was a mock that equals anything


# ---- the end


def sleeper(script: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


WAIT = "print('ready', flush=True); import threading; threading.Event().wait(60)"


@pytest.mark.parametrize(
    ("script", "signal_number"),
    [
        pytest.param(WAIT, signal.SIGTERM, id="it stops"),
        pytest.param(f"import signal; signal.signal(15, signal.SIG_IGN); {WAIT}", signal.SIGKILL, id="it does not"),
    ],
)
def test_a_driver_gets_a_moment_to_clean_up_before_it_is_killed(script: str, signal_number: int) -> None:
    hook = make_hook()
    with sleeper(script) as process:
        hook._submit_sp = process
        hook.on_kill()
        assert process.wait(10) == -signal_number


def test_yarns_cluster_mode_needs_a_way_to_ask_for_the_earlier_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "spark", "host": "yarn", "extra": {"deploy-mode": "cluster"}}
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(connection))
    with pytest.raises(SparkInstallationError, match="yarn_track_via_rm_api=True"):
        make_hook(conn_id="spark_default").require_a_way_to_reconnect()
    make_hook(conn_id="spark_default", yarn_track_via_rm_api=True).require_a_way_to_reconnect()


def test_on_kubernetes_spark_submit_that_is_let_go_succeeds_once_the_job_is_accepted(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's hook takes a driver whose exit code it never saw for a failure."""
    # The package that brings it is not installed here; the provider asks whether it is, and does not use it here.
    monkeypatch.setattr("airflow.providers.apache.spark.hooks.spark_submit.kube_client", object(), raising=False)
    extra = {"deploy-mode": "cluster", "namespace": "etl"}
    connection = {"conn_type": "spark", "host": "k8s://https://cluster:6443", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(connection))
    installation.parent.mkdir(parents=True)
    installation.write_text("#!/bin/sh\necho 'submission ID etl:shop-driver into K8s'\nexit 0\n", encoding="utf-8")
    installation.chmod(0o755)

    hook = make_hook()
    hook.prepare()
    with pytest.raises(AirflowException, match="spark exit code is: None"):
        hook.submit("app.py")

    hook = make_hook()
    hook.prepare()
    hook.let_go()
    hook.submit("app.py")
    assert "spark.kubernetes.submission.waitAppCompletion=false" in hook._build_spark_submit_command("app.py")
    assert hook._kubernetes_driver_pod == "shop-driver"  # the parent looks for a namespace called spark
