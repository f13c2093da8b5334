"""Temporary credentials may expire during a long run, so the driver's own identity comes first."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.stores import credentials
from airflow_spark_pipeline.checkpoint.stores.credentials import prefer_own_identity
from airflow_spark_pipeline.exceptions import CheckpointLocationError
from tests.fakes import DictStore

KEYS = {"key": "AKIA", "secret": "s", "client_kwargs": {"region_name": "eu-west-1"}}
TEMPORARY = {**KEYS, "token": "t"}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of every store that was opened."""
    seen: list[dict[str, Any]] = []

    def open_store(location: str, options: dict[str, Any]) -> DictStore:
        assert location == "s3://lake/checkpoints"
        seen.append(options)
        return DictStore()

    monkeypatch.setattr(credentials, "open_store", open_store)
    return seen


def prefer(options: dict[str, Any]) -> Any:
    return prefer_own_identity("s3://lake/checkpoints", options, "p/u")


def test_keys_of_a_connection_are_used_as_they_are(opened: list[dict[str, Any]]) -> None:
    assert prefer(KEYS) == KEYS
    assert opened == []


def test_an_identity_that_reaches_the_location_wins_over_temporary_credentials(opened: list[dict[str, Any]]) -> None:
    assert prefer(TEMPORARY) == {"client_kwargs": {"region_name": "eu-west-1"}}
    assert opened == [{"client_kwargs": {"region_name": "eu-west-1"}}]


def test_without_such_an_identity_the_temporary_credentials_are_better_than_none(
    opened: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(store: DictStore, directory: str) -> Any:
        raise CheckpointLocationError("403", path=directory)

    monkeypatch.setattr(DictStore, "list_objects", refuse)
    assert prefer(TEMPORARY) == TEMPORARY
    assert len(opened) == 1
