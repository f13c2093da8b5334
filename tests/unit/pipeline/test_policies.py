"""``retry-policy``, ``hooks``, ``timeout`` and ``enabled`` in a description."""

from __future__ import annotations

import json

import pytest

from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.pipeline.fingerprint import differences, fingerprint
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.pipeline.policies import HookSpec, RetryPolicy
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec

HOOK = '{ instance-type = "my.Hook", instance-config { path = /a }, gate = yes }'


def parse(more: str = "", component: str = "", second: str = "") -> PipelineSpec:
    return parse_pipeline(
        f"""pipeline {{ pipeline-name = p
        {more}
        pipeline-components = [ {{ instance-type = m.A, {component} }}, {{ instance-type = m.B, {second} }} ] }}"""
    )


def problems(*args: str) -> list[str]:
    with pytest.raises(PipelineDefinitionError) as caught:
        parse(*args)
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def test_every_field_of_a_retry_policy_is_read_and_the_others_keep_their_defaults() -> None:
    spec = parse(
        "retry-policy { max-retries = 5, initial-delay-ms = 10, max-delay-ms = 99, backoff-multiplier = 1.5\n"
        "jitter-factor = 0, retryable-exceptions = [ConnectionError, java.net.SocketException] }",
        component="retry-policy { max-retries = 0 }",
    )
    assert spec.retry_policy == RetryPolicy(5, 10, 99, 1.5, 0.0, ("ConnectionError", "java.net.SocketException"))
    assert spec.components[0].retry_policy == RetryPolicy(max_retries=0)
    assert RetryPolicy() == RetryPolicy(3, 1000, 30000, 2.0, 0.1, ())
    assert spec.components[1].retry_policy is None


def test_without_the_block_nothing_is_retried() -> None:
    assert parse().retry_policy is None


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [("500", 500), ("90 s", 90_000), ("1.5h", 5_400_000), ("30 minutes", 1_800_000), ('"2 days"', 172_800_000)],
)
def test_a_timeout_is_a_duration_as_hocon_writes_it(written: str, milliseconds: int) -> None:
    assert parse(component=f"timeout = {written}").components[0].timeout_ms == milliseconds


def test_hooks_are_read_for_the_pipeline_and_for_a_component() -> None:
    spec = parse(f"hooks = [ {HOOK} ]", component=f"hooks = [ {HOOK}, {{ instance-type = my.Other }} ]")
    assert spec.hooks == (HookSpec("my.Hook", {"path": "/a"}, "pipeline.hooks[0]", gate=True),)
    assert [hook.path for hook in spec.components[0].hooks] == [
        "pipeline.pipeline-components[0].hooks[0]",
        "pipeline.pipeline-components[0].hooks[1]",
    ]
    assert spec.components[0].hooks[1].gate is None


def test_hooks_policies_and_timeouts_reach_the_driver() -> None:
    spec = parse(
        f"hooks = [ {HOOK} ], retry-policy {{}}", "enabled = no, timeout = 3 s, retry-policy {}", f"hooks = [ {HOOK} ]"
    )
    assert PipelineSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("retry-policy = 3", "pipeline.retry-policy: expected an object, found a whole number (3)"),
        ("retry-policy { max-retries = 1.5 }", "expected a whole number, found a number (1.5)"),
        ("retry-policy { max-retries = many }", 'expected a whole number, found text ("many")'),
        ("retry-policy { max-retry = 1 }", "unknown key 'max-retry'; did you mean 'max-retries'?"),
        ("retry-policy { backoff-multiplier = 0.5 }", "0.5 is out of range; expected 1 or more"),
        ("retry-policy { jitter-factor = 2 }", "2 is out of range; expected between 0 and 1"),
        ('retry-policy { retryable-exceptions = ["a b"] }', "retryable-exceptions[0]: 'a b' is not a class name"),
        ("retry-policy { retryable-exceptions = OSError }", 'expected a list, found text ("OSError")'),
        ("hooks = my.Hook", 'pipeline.hooks: expected a list, found text ("my.Hook")'),
        ("hooks = [ my.Hook ]", "pipeline.hooks[0]: expected an object, found text"),
        ("hooks = [ {} ]", "pipeline.hooks[0].instance-type: missing; expected text"),
        ("hooks = [ { instance-type = my.Hook, gates = true } ]", "unknown key 'gates'; did you mean 'gate'?"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(more: str, said: str) -> None:
    (found,) = problems(more)
    assert said in found


@pytest.mark.parametrize("written", ["soon", "5 parsecs", "5 min", "[1]", "5 s 3"])
def test_a_timeout_that_is_no_duration_is_refused(written: str) -> None:
    (found,) = problems("", f"timeout = {written}")
    assert found.startswith("pipeline.pipeline-components[0].timeout: expected a duration, such as 90 s")


def test_dependents_of_a_disabled_component_must_be_disabled_too() -> None:
    (found,) = problems("", "enabled = false", "depends-on = [A]")
    assert found == (
        "pipeline.pipeline-components[1].depends-on[0]: `A` is not enabled, so this would never run; set enabled = "
        "false here, too"
    )


def test_a_pipeline_whose_components_are_all_disabled_is_refused() -> None:
    (found,) = problems("", "enabled = false", "enabled = off")
    assert "no component is enabled" in found


def test_policies_and_hooks_are_no_part_of_a_fingerprint_and_enabled_is() -> None:
    plain = ComponentSpec("m.A", "A", {"x": 1}, "p[0]")
    tuned = ComponentSpec(
        "m.A", "A", {"x": 1}, "p[0]", timeout_ms=5, retry_policy=RetryPolicy(), hooks=(HookSpec("my.Hook"),)
    )
    off = ComponentSpec("m.A", "A", {"x": 1}, "p[0]", enabled=False)
    assert differences(fingerprint(plain, "salt"), fingerprint(tuned, "salt")) == []
    assert differences(fingerprint(plain, "salt"), fingerprint(off, "salt")) == ["enabled"]
