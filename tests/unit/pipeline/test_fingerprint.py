from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_spark_pipeline.pipeline.fingerprint import differences, fingerprint
from airflow_spark_pipeline.pipeline.spec import ComponentSpec
from airflow_spark_pipeline.secrets import MASK, is_secret, mask


def component(config: dict[str, Any], kind: str = "m.C", name: str = "C", path: str = "x[0]") -> ComponentSpec:
    return ComponentSpec(kind, name, config, path)


def changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return differences(fingerprint(component(old), "salt"), fingerprint(component(new), "salt"))


def test_every_field_has_a_digest_under_its_path() -> None:
    found = fingerprint(component({"input-path": "/x", "columns": ["a", "b"], "d": {"e.f": 1}, "n": [], "o": {}}), "s")
    assert set(found) == {
        "instance-type",
        "instance-config.input-path",
        "instance-config.columns[0]",
        "instance-config.columns[1]",
        'instance-config.d."e.f"',
        "instance-config.n",
        "instance-config.o",
    }
    assert all(len(digest) == 16 and int(digest, 16) >= 0 for digest in found.values())


def test_the_digest_of_a_value_is_pinned_because_stored_checkpoints_hold_it() -> None:
    assert fingerprint(component({"a": 1}), "salt") == {
        "instance-type": "5cb55854cd4b913f",
        "instance-config.a": "43cdc0fa4f5dd62f",
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [(1, "1"), (1, True), (0, False), (None, "null"), ([], {}), ("", None), (1, 1.0), ("a", "a "), ([], [None])],
)
def test_values_of_different_types_differ(old: object, new: object) -> None:
    assert changed({"a": old}, {"a": new})


def test_fields_cannot_run_into_each_other() -> None:
    assert changed({"ab": "c"}, {"a": "bc"}) == ["instance-config.a", "instance-config.ab"]
    assert changed({"a": ["b", "c"]}, {"a": ["bc"]}) == ["instance-config.a[0]", "instance-config.a[1]"]
    assert changed({"a.b": 1}, {"a": {"b": 1}}) == ['instance-config."a.b"', "instance-config.a.b"]


def test_equal_values_in_two_fields_do_not_show_as_equal() -> None:
    found = fingerprint(component({"a": "x", "b": "x"}), "salt")
    assert found["instance-config.a"] != found["instance-config.b"]


def test_the_order_of_keys_does_not_count_and_the_order_of_a_list_does() -> None:
    assert changed({"a": 1, "b": 2}, {"b": 2, "a": 1}) == []
    assert changed({"a": [1, 2]}, {"a": [2, 1]}) == ["instance-config.a[0]", "instance-config.a[1]"]


def test_name_and_position_do_not_count_and_the_class_does() -> None:
    old = fingerprint(component({}), "salt")
    assert differences(old, fingerprint(component({}, name="other", path="x[7]"), "salt")) == []
    assert differences(old, fingerprint(component({}, kind="m.D"), "salt")) == ["instance-type"]


def test_another_salt_gives_other_digests() -> None:
    one, other = fingerprint(component({"a": 1}), "s1"), fingerprint(component({"a": 1}), "s2")
    assert one.keys() == other.keys()
    assert not set(one.values()) & set(other.values())


def test_an_empty_salt_is_refused() -> None:
    with pytest.raises(ValueError, match="salt"):
        fingerprint(component({}), "")


def test_secrets_leave_no_trace() -> None:
    found = fingerprint(component({"db": {"password": "x", "user": "u"}, "api-key": "k", "credentials": {"a": 1}}), "s")
    assert set(found) == {"instance-type", "instance-config.db.user"}


def test_differences_are_sorted_and_name_what_was_added_removed_and_changed() -> None:
    assert differences({"b": "1", "a": "1", "c": "1"}, {"a": "1", "c": "2", "d": "1"}) == ["b", "c", "d"]


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4))
def test_a_fingerprint_of_the_same_config_is_the_same(config: dict[str, Any]) -> None:
    assert changed(config, dict(config)) == []


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "db-password",
        "DB_PASSWD",
        "clientSecret",
        "token",
        "aws-credentials",
        "private_key",
        "privateKey",
        "access-key",
        "accesskey",
        "api-key",
        "apiKey",
        "fs.s3a.access.key",
        "spark.hadoop.fs.s3a.secret.key",
        "access-key-id",
        "access-token",
        "accessToken",
        "authtoken",
        "token-2",
        "instance-config.token[0]",
        "key",
        "tls.key",
        "encryption-key",
        "encryptionKey",
        "signing_key",
        "ssh-key",
        "passphrase",
    ],
)
def test_the_value_of_a_key_that_names_a_secret_is_a_secret(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize(
    "key",
    [
        "input-path",
        "keys",
        "pass-through",
        "api",
        "user",
        "primary-key",
        "primary.key",
        "primaryKey",
        "key-columns",
        "partition-key",
        "sort_key",
        "join-key",
        "keyspace",
        "monkey",
        "tokenizer-path",
        "max-tokens",
        "maxTokens",
        "broken",
    ],
)
def test_other_keys_are_not_secret(key: str) -> None:
    assert not is_secret(key)


def test_masking_reaches_every_level_and_changes_nothing_in_place() -> None:
    config = {"a": [{"password": "x", "b": 1}], "token": {"deep": "x"}, "c": None}
    assert mask(config) == {"a": [{"password": MASK, "b": 1}], "token": MASK, "c": None}
    assert config["token"] == {"deep": "x"}


def test_a_password_in_a_url_is_masked_for_display_whatever_its_key_is() -> None:
    assert mask({"source": ["jdbc:postgresql://me:hunter2@host/db", "s3://bucket/x"]}) == {
        "source": ["jdbc:postgresql://me:***@host/db", "s3://bucket/x"]
    }
