"""Masking of secrets in configs and texts, in every spelling."""

from __future__ import annotations

import base64
import html
import json
import re
import time
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from airflow_spark_pipeline.secrets import (
    Redactor,
    leaves,
    mask,
    mask_text,
    secrets_in,
    secrets_of_environment,
    spellings,
)

SECRETS = [
    "swordfish-42",
    "quo\"te's \\ and / + &<>",
    "p@ss wörd €5",
    "ключ-от-дома",
    "tab\tand space",
    "emoji-\U0001f511-key",
    "a=b;c&d?e#f%g",
]
SPELLED: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "repr": repr,
    "repr of a repr": lambda s: repr(repr(s)),
    "JSON": json.dumps,
    "JSON, not only ASCII": lambda s: json.dumps(s, ensure_ascii=False),
    "JSON in JSON": lambda s: json.dumps(json.dumps({"x": s})),
    "percent-encoded": lambda s: quote(s, safe=""),
    "percent-encoded in small letters": lambda s: re.sub("%..", lambda match: match[0].lower(), quote(s, safe="")),
    "form-encoded": quote_plus,
    "percent-encoded twice": lambda s: quote(quote(s, safe=""), safe=""),
    "HTML": html.escape,
    "XML": lambda s: s.replace("&", "&amp;").replace('"', "&quot;").replace("'", "&apos;").replace("<", "&lt;"),
    "numbered entities": lambda s: "".join(c if c.isalnum() and c.isascii() else f"&#{ord(c)};" for c in s),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 without its padding": lambda s: base64.b64encode(s.encode()).decode().rstrip("="),
    "URL-safe base64": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "Basic": lambda s: "Basic " + base64.b64encode(f"etl:{s}".encode()).decode(),
    "Basic of a longer user": lambda s: base64.b64encode(f"etl-7:{s}@host".encode()).decode(),
    "hexadecimal": lambda s: s.encode().hex(),
    "bytes": lambda s: repr(s.encode()),
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("way", SPELLED)
def test_a_secret_is_masked_however_it_is_written(secret: str, way: str) -> None:
    written = SPELLED[way](secret)
    shown = Redactor({"password": secret}).mask(f"before {written} after")
    assert written not in shown
    assert "***" in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@pytest.mark.parametrize("broken", ["swordfi\nsh-42", "swordfi\r\n    sh-42", "swo\nrdfi\nsh-42", "swordfi\\nsh-42"])
def test_a_secret_is_masked_across_the_end_of_a_line(broken: str) -> None:
    assert Redactor({"password": "swordfish-42"}).mask(f"x\n{broken} y") == "x\n*** y"


def test_a_line_of_many_spaces_is_read_quickly() -> None:
    text = f"a{' ' * 200_000}b\nhunter2-hun{' ' * 200_000}\n{' ' * 200_000}ter2"
    assert Redactor({"password": "hunter2-hunter2"}).mask(text) == f"a{' ' * 200_000}b\n***"


@pytest.mark.parametrize("begins", ["curl ", "curl https://h/mycurl ", "?a={ ", "aws.", "aws_secret ", "sk-"])
def test_text_like_the_beginning_of_a_secret_is_masked_quickly(begins: str) -> None:
    text = begins * 20_000
    assert mask_text(text) == text


def test_base64_is_masked_across_lines() -> None:
    secret = "a-rather-long-secret-" * 6
    encoded = base64.encodebytes(secret.encode()).decode()
    assert encoded.count("\n") > 1
    shown = Redactor({"token": secret}).mask(encoded)
    assert not any(line in shown for line in encoded.split())


def test_a_private_key_is_masked_line_by_line() -> None:
    lines = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "Bg0qhkiG9w0BAQEFAASCBKcwggSjAgEA"]
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])
    redactor = Redactor({"text": f'{{"private_key": {json.dumps(key)}}}'})
    assert [redactor.mask(f"| {line}") for line in lines] == ["| ***", "| ***"]


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        ({"a": [{"password": "x", "b": 1}], "c": None}, {"a": [{"password": "***", "b": 1}], "c": None}),
        ({"token": {"deep": "x"}}, {"token": "***"}),
        (
            {"auth": {"type": "basic", "value": "x", "user": "u"}},
            {"auth": {"type": "basic", "value": "***", "user": "u"}},
        ),
        ({"auth": ["u", "x"]}, {"auth": ["***", "***"]}),
        ({"use-token": True, "password": None, "secret": ""}, {"use-token": True, "password": None, "secret": ""}),
        ({"pin": 1234}, {"pin": "***"}),
        ({"keytab": "/etc/etl.keytab"}, {"keytab": "/etc/etl.keytab"}),
        ({"keytab": "hdfs://nn/etl.keytab"}, {"keytab": "hdfs://nn/etl.keytab"}),
        ({"keytab": "BQIAAAA="}, {"keytab": "***"}),
        ({"auth": "kerberos", "authorization": "Basic"}, {"auth": "kerberos", "authorization": "Basic"}),
        ({"private": "yes", "password": "off"}, {"private": "yes", "password": "off"}),
        ({"authorization": {"provider": "a.B"}}, {"authorization": {"provider": "a.B"}}),
    ],
)
def test_a_config_is_masked_by_its_names(config: Any, shown: Any) -> None:
    assert mask(config) == shown


def test_a_secret_is_recognised_in_all_its_forms() -> None:
    config = {
        "basic.auth.user.info": "etl:registry-pass",
        "service-account": '{"client_email": "a@b.c", "token_uri": "https://t", "client_secret": "inner"}',
        "a": {"authorization": "Bearer header-token"},
        "pin": 90210,
    }
    assert secrets_in(config) >= {"registry-pass", "inner", "header-token", "90210"}
    assert not secrets_in(config) & {"a@b.c", "https://t", "etl"}


def test_the_walk_marks_each_secret_leaf() -> None:
    found = {leaf.path: leaf.secret for leaf in leaves({"a": {"password": ["x"], "b": []}, "c.d": 1})}
    assert found == {("a", "password", 0): True, ("a", "b"): False, ("c.d",): False}


def test_a_secret_that_also_has_a_harmless_name_is_masked_there_too() -> None:
    redactor = Redactor({"password": "hunter2"})
    assert redactor.mask_config({"note": "it is hunter2", "n": 1}) == {"note": "it is ***", "n": 1}


def test_secrets_of_the_environment_are_found_by_name_and_value() -> None:
    environment = {
        "DB_PASSWORD": "hunter2",
        "PWD": "/opt/airflow",
        "OLDPWD": "/opt/airflow",
        "DATABASE_URL": "postgresql://u:hunter3@h/db",
        "HOME": "/root",
        "USE_TOKEN": "true",
        "AIRFLOW_CONN_DB": '{"conn_type": "postgres", "password": "hunter4"}',
    }
    found = secrets_of_environment(environment)
    assert set(found) == {"DB_PASSWORD", "DATABASE_URL", "AIRFLOW_CONN_DB"}
    assert secrets_in(found) >= {"hunter2", "hunter3", "hunter4"}


def test_a_chain_of_errors_is_masked_whole_with_text_that_no_encoding_takes() -> None:
    try:
        try:
            raise ValueError("cannot read \udce9 with hunter2")
        except ValueError as inner:
            raise RuntimeError("it was aHVudGVyMi1sb25n") from inner
    except RuntimeError as error:
        text = "".join(traceback.format_exception(error))
    shown = Redactor({"password": "hunter2-long", "token": "hunter2"}).mask(text)
    assert "hunter2" not in shown
    assert "aHVudGVyMi1sb25n" not in shown
    assert "\udce9" in shown


def test_the_spellings_hold_the_usual_ones() -> None:
    found = spellings('a"b c/d')
    assert {'a"b c/d', 'a\\"b c/d', "a%22b%20c%2Fd", "a%22b+c%2fd", "a&quot;b c/d", "YSJiIGMvZA=="} <= set(found)


def test_masking_costs_little_with_many_secrets() -> None:
    redactor = Redactor({f"password-{i}": f"planted-secret-number-{i}" for i in range(200)})
    line = "26/11/26 16:33:08 INFO DAGScheduler: Job 7 finished: count at Load.scala:12, took 0.123 s"
    started = time.process_time()
    for _ in range(200):
        assert redactor.mask(line) == line
    assert time.process_time() - started < 2.0
