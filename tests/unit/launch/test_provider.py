"""What this package knows about the Spark provider's internals, compared with the installed provider."""

from __future__ import annotations

import inspect
import io
import re
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.sdk import AirflowException

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.exceptions import SparkInstallationError
from airflow_spark_pipeline.launch import provider
from airflow_spark_pipeline.launch.provider import (
    HOOK_NAMES,
    OPERATOR_NAMES,
    POD_STATUS,
    ProviderHook,
    exit_code_of,
    given_arguments,
    hook_arguments,
    says_that_nobody_answers,
    says_that_the_job_ended,
)

_HOOKS = "airflow.providers.apache.spark.hooks.spark_submit"
PACKAGE = Path(provider.__file__).parents[1]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> SparkSubmitHook:
    monkeypatch.setenv(
        "AIRFLOW_CONN_SPARK_DEFAULT",
        '{"conn_type": "spark", "host": "yarn", "extra": {"yarn_resourcemanager_webapp_address": "http://rm:8088"}}',
    )
    return SparkSubmitHook(deploy_mode="cluster", yarn_track_via_rm_api=True)


def operator(**arguments: Any) -> SparkPipelineOperator:
    return SparkPipelineOperator(task_id="etl", pipeline="etl.conf", **arguments)


# ---- names


@pytest.mark.parametrize("name", HOOK_NAMES)
def test_the_provider_s_hook_has_what_is_used_of_it(hook: SparkSubmitHook, name: str) -> None:
    assert hasattr(hook, name)


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_the_provider_s_operator_has_what_is_used_of_it(name: str) -> None:
    assert hasattr(SparkSubmitOperator(task_id="etl"), name)


def test_the_provider_s_operator_remembers_the_pod_under_the_known_key() -> None:
    assert POD_STATUS == SparkSubmitOperator._K8S_DRIVER_STATUS_KEY


def test_every_private_name_that_is_used_is_listed() -> None:
    source = inspect.getsource(provider)
    used = set(re.findall(r"(?:self|super\(\)|operator)\.(_[a-z]\w*)", source))
    assert used <= {*HOOK_NAMES, *OPERATOR_NAMES}
    assert {*HOOK_NAMES} <= used


def test_no_other_module_uses_a_private_name_of_the_provider() -> None:
    # Names that our own classes have as well; and the two that are overridden.
    ours = {"_conn_id", "_hook", "external_id_key", "poll_until_complete"}
    known = re.compile(rf"\.(?:{'|'.join({*HOOK_NAMES, *OPERATOR_NAMES} - ours)})\b")
    found = [
        f"{file.name}: {match}"
        for folder in ("hooks", "operators", "triggers", "sensors")
        for file in sorted((PACKAGE / folder).glob("*.py"))
        if file.name != "provider.py"
        for match in known.findall(file.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("name", ["_yarn_application_id", "_run_post_submit_commands", "_conf"])
def test_a_provider_without_a_needed_name_is_refused_with_its_version(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    class Lacking(ProviderHook):
        def __getattribute__(self, asked: str) -> Any:
            if asked == name and hasattr(type(self), "is_made"):
                raise AttributeError(name)
            return super().__getattribute__(asked)

    made = SparkSubmitHook.__init__

    def make(self: SparkSubmitHook, **arguments: Any) -> None:
        made(self, **arguments)
        monkeypatch.setattr(Lacking, "is_made", True, raising=False)

    monkeypatch.setattr(SparkSubmitHook, "__init__", make)
    with pytest.raises(SparkInstallationError, match=rf"apache-spark \d+\.\d+\.\d+ is not .*hook has no {name}\."):
        Lacking()


# ---- signatures


def test_every_argument_of_the_provider_s_hook_is_one_of_its_operator() -> None:
    assert set(hook_arguments(operator())) == set(inspect.signature(SparkSubmitHook.__init__).parameters) - {"self"}


def test_the_operator_passes_what_the_provider_s_own_would(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "airflow.providers.apache.spark.operators.spark_submit.SparkSubmitHook", lambda **passed: given.append(passed)
    )
    task = operator(executor_cores=3, env_vars={"A": "1"}, deploy_mode="cluster", verbose=True)
    SparkSubmitOperator._get_hook(task)
    assert given == [hook_arguments(task)]


def _gains(monkeypatch: pytest.MonkeyPatch, owner: type, argument: str, default: Any) -> None:
    """Let a class of the provider take one more argument, as a newer version might."""
    real, more = provider._parameters, inspect.Parameter(argument, inspect.Parameter.KEYWORD_ONLY, default=default)
    monkeypatch.setattr(provider, "_parameters", lambda of: {**real(of), argument: more} if of is owner else real(of))


@pytest.mark.parametrize("argument", ["krb5_conf", "queue", "log", "priority_weight"])
def test_an_argument_that_a_newer_hook_adds_keeps_its_default(monkeypatch: pytest.MonkeyPatch, argument: str) -> None:
    """Also one that Airflow has as well for all tasks: it means another thing there."""
    before = hook_arguments(operator())
    _gains(monkeypatch, SparkSubmitHook, argument, None)
    assert hook_arguments(operator()) == before


def test_an_argument_that_a_newer_hook_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _gains(monkeypatch, SparkSubmitHook, "cluster_id", inspect.Parameter.empty)
    with pytest.raises(SparkInstallationError, match="its hook needs the arguments cluster_id"):
        hook_arguments(operator())


def test_an_argument_that_a_newer_operator_adds_does_not_count_as_given(monkeypatch: pytest.MonkeyPatch) -> None:
    _gains(monkeypatch, SparkSubmitOperator, "krb5_conf", "/etc/krb5.conf")
    assert given_arguments(operator(verbose=True), without=["durable"]) == ["verbose"]


# ---- messages


class Process:
    """A spark-submit that ended."""

    def __init__(self, code: int) -> None:
        self.stdout = io.StringIO("")
        self.returncode = code

    def wait(self) -> int:
        return self.returncode


@pytest.mark.parametrize("code", [1, 78, -9])
def test_the_exit_code_is_found_in_what_the_provider_raises(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", "spark://local")
    monkeypatch.setattr(f"{_HOOKS}.subprocess.Popen", lambda *_, **__: Process(code))
    with pytest.raises(AirflowException) as raised:
        SparkSubmitHook().submit("driver.py")
    assert exit_code_of(raised.value) == code
    assert not says_that_the_job_ended(raised.value)


@pytest.mark.parametrize(
    "status", [("FINISHED", "FAILED", "exit 1"), ("KILLED", "KILLED", ""), ("FAILED", "FAILED", "")]
)
def test_the_end_of_a_yarn_application_is_known_by_what_the_provider_raises(
    monkeypatch: pytest.MonkeyPatch, hook: SparkSubmitHook, status: tuple[str, str, str]
) -> None:
    monkeypatch.setattr(hook, "_query_yarn_application_status", lambda _: status)
    with pytest.raises(RuntimeError) as raised:
        hook._start_yarn_application_status_tracking("application_1_1")
    assert says_that_the_job_ended(raised.value)
    assert not says_that_nobody_answers(raised.value)
    assert exit_code_of(raised.value) is None


def test_an_unreachable_resource_manager_is_recognised_by_the_providers_error(
    monkeypatch: pytest.MonkeyPatch, hook: SparkSubmitHook
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise requests.exceptions.ConnectionError("no route")

    monkeypatch.setattr(f"{_HOOKS}.requests.get", fail)
    monkeypatch.setattr(f"{_HOOKS}.time.sleep", lambda _: None)
    with pytest.raises(RuntimeError) as raised:
        hook._start_yarn_application_status_tracking("application_1_1")
    assert says_that_nobody_answers(raised.value)
    assert not says_that_the_job_ended(raised.value)
