"""``${secret:env://NAME}``: where it is allowed, how it is compared, and the errors if it cannot be resolved."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.pipeline.fingerprint import differences, fingerprint
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.pipeline.secret_references import missing, resolved
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.secrets import mask, secrets_in

DB, TWO = "${secret:env://DB}", "${secret:env://USER_1}:${secret:env://DB}@h"


def parse(config: str, more: str = "") -> PipelineSpec:
    component = f"{{ instance-type = a.B, instance-config {{ {config} }} }}"
    return parse_pipeline(f"{more}\npipeline {{ pipeline-name = P, pipeline-components = [ {component} ] }}")


def refusal(config: str, more: str = "") -> str:
    with pytest.raises(PipelineDefinitionError) as caught:
        parse(config, more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (DB, "s3cret"),
        (
            f"jdbc:postgresql://h/d?user=u&password={DB}&ssl=true",
            "jdbc:postgresql://h/d?user=u&password=s3cret&ssl=true",
        ),
        (f"jdbc:mysql://{TWO}/d", "jdbc:mysql://me:s3cret@h/d"),
        ("before ${secret:env://DB} and ${secret:env://DB}", "before s3cret and s3cret"),
        ("$" + DB, "$s3cret"),
    ],
)
def test_a_reference_is_resolved_anywhere_in_a_text(text: str, value: str) -> None:
    spec = parse(f'url = "{text}", deep {{ list = ["{text}"] }}')
    config = resolved(spec, {"DB": "s3cret", "USER_1": "me"}).components[0].instance_config
    assert config == {"url": value, "deep": {"list": [value]}}
    assert spec.components[0].instance_config["url"] == text


@pytest.mark.parametrize("text", [DB, f"jdbc:postgresql://h/d?password={DB}&ssl=true", f"jdbc:mysql://{TWO}/d"])
@pytest.mark.parametrize("key", ["password", "url"])
def test_a_reference_is_shown_as_it_is_written(key: str, text: str) -> None:
    shown = mask({key: text})[key]
    assert DB in shown
    assert key == "password" or shown == text
    assert "s3cret" not in " ".join(secrets_in({key: text}))


def test_text_around_a_reference_under_a_secret_name_is_masked() -> None:
    assert mask({"password": f"salt-{DB}-pepper"}) == {"password": f"***{DB}***"}


@pytest.mark.parametrize("key", ["password", "url"])
def test_a_different_reference_is_a_change_but_a_different_secret_behind_it_is_not(key: str) -> None:
    def prints(value: Any) -> dict[str, str]:
        return fingerprint(ComponentSpec("a.B", "B", {key: value}, "p"), "salt")

    assert differences(prints(DB), prints(DB)) == []
    assert differences(prints(DB), prints("${secret:env://OTHER}")) == [f"instance-config.{key}"]
    assert differences(prints(f"x{DB}"), prints(f"x{DB}")) == []
    assert differences(prints(f"u:{DB}"), prints("u:${secret:env://OTHER}")) == [f"instance-config.{key}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${secret:aws://prod/db#password}", "only env:// is, not aws://"),
        ("${secret:vault://kv/data/db}", "only env:// is, not vault://"),
        ("${secret:file:///run/secrets/db}", "only env:// is, not file://"),
        ("${secret:gcp://x}", "only env:// is, not gcp://"),
        ("${secret:DB}", "write ${secret:env://NAME}"),
        ("${secret:env://}", "where NAME is an environment variable"),
        ("${secret:env://A-B}", "where NAME is an environment variable"),
        ("jdbc:x://u:${secret:vault://kv}@h and ${secret:env://DB}", "`${secret:vault://kv}` is not resolved here"),
    ],
)
@pytest.mark.parametrize("place", ["component", "spark"])
def test_an_unresolvable_reference_is_refused_with_the_way_out(text: str, said: str, place: str) -> None:
    config, more = (f'p = "{text}"', "") if place == "component" else ("", f'spark.config {{ "spark.x" = "{text}" }}')
    message = refusal(config, more)
    assert said in message
    assert ("instance-config.p" if place == "component" else 'spark.config."spark.x"') in message
    assert "line " in message


@pytest.mark.parametrize(
    "more",
    [
        f'pipeline.checkpoint.location = "s3a://{DB}/x"',
        f'pipeline.checkpoint.store {{ instance-type = a.S, instance-config {{ password = "{DB}" }} }}',
        f'spark.app-name = "{DB}"',
        f'spark.connect-string = "sc://h/;token={DB}"',
    ],
)
def test_a_reference_is_refused_if_airflow_needs_the_value_too(more: str) -> None:
    message = refusal("", more)
    assert "spark.config and in the instance-config" in message
    assert "${?NAME}" in message


@pytest.mark.parametrize(
    "text",
    [
        "${?secret:env://hunter2}",
        "${ ? secret:env://hunter2}",
        "${secret:env://hunter2",
        "jdbc:x://u:${secret:env://hunter2@h and ${secret:env://DB}",
        "${SECRET:env://hunter2}",
        "${Secret:hunter2}",
        "${secret :env://hunter2}",
        "${secrets:env://hunter2}",
        "$secret:env://hunter2",
        "$secret://hunter2",
        "$(secret:env://hunter2)",
        "$[secret:hunter2]",
        "$ {secret:env://hunter2}",
        "${env://hunter2}",
        "${secret:{env://hunter2}}",
    ],
)
@pytest.mark.parametrize("place", ["component", "spark", "hook"])
def test_text_that_resembles_a_reference_is_refused_and_never_used_as_text(text: str, place: str) -> None:
    more = {
        "component": "",
        "spark": f'spark.config {{ "spark.x" = "{text}" }}',
        "hook": f'pipeline.hooks = [{{ instance-type = a.H, instance-config {{ p = ["{text}"] }} }}]',
    }[place]
    message = refusal(f'p = "{text}"' if place == "component" else "", more)
    assert "looks like a reference to a secret, but is not one; write ${secret:env://NAME}" in message
    assert "hunter2" not in message
    assert "line " in message


@pytest.mark.parametrize(
    "text",
    [
        "select '${city}', `$secret` from t where a = '${spark.secret:x}'",
        "select $secret::text, $secrets: 5",
        "costs $secret: 5",
        "${env:HOME}/${env.HOME}",
        "the secret: ${x}",
        "s3a://secret:env/x",
        "$${x} ${secretary:x} ${mysecret:x}",
        "export A=${SECRET:-none} B=${SECRET:?must be set} C=${SECRET:0:4} D=${SECRET:+x} E=${SECRET:=x}",
        "curl $SECRET://host/x",
        "sasl.jaas.config=${secrets:kafka/login:config}",
    ],
)
def test_an_ordinary_text_is_not_a_reference(text: str) -> None:
    assert parse(f'sql = """{text}"""').components[0].instance_config == {"sql": text}


@pytest.mark.parametrize("reference", [DB, "${?secret:env://DB}", "${SECRET:x}"])
@pytest.mark.parametrize(
    ("config", "more"),
    [
        ('"a.%s" = 1', ""),
        ('deep { list = [{ "%s" = 1 }] }', ""),
        ("", 'spark.config { "a.%s" = 1 }'),
    ],
)
def test_a_reference_in_a_key_is_refused(config: str, more: str, reference: str) -> None:
    assert "cannot be in a key" in refusal(config.replace("%s", reference), more.replace("%s", reference))


@pytest.mark.parametrize(
    "value",
    ["${secret:env://DB}", "${?secret:env://DB}", '"a"${secret:env://DB}', "${SECRET:x}", "${ secrets:env://x}"],
)
def test_an_unquoted_reference_is_refused_with_the_quoted_form(value: str) -> None:
    assert 'is quoted: "${secret:env://NAME}"' in refusal(f"password = {value}")


def test_a_missing_variable_is_named_with_the_field_unless_the_component_is_not_enabled() -> None:
    spec = parse(f'db {{ password = "{DB}" }}')
    (problem,) = missing(spec, {})
    assert problem.path == "pipeline.pipeline-components[0].instance-config.db.password"
    assert "the environment variable DB of ${secret:env://DB} is not set" in problem.message
    assert missing(spec, {"DB": ""}) == []
    off = parse_pipeline(
        "pipeline { pipeline-name = P, pipeline-components = [ { instance-type = a.A },"
        f' {{ instance-type = a.B, enabled = false, instance-config {{ p = "{DB}" }} }} ] }}'
    )
    assert missing(off, {}) == []
