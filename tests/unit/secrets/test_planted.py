"""The rules alone find every planted secret: in a description, in arguments, and in texts that contain them."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from airflow_spark_pipeline.launch.private_settings import hidden
from airflow_spark_pipeline.secrets import Redactor, mask, secrets_of_environment
from tests import planted

ALL = {place: planted.values(place) for place in (planted.CONFIG, planted.SPARK, planted.CONF, planted.HOOK)}


def test_there_are_many_planted_secrets() -> None:
    assert len(list(planted.secrets())) >= 60


@pytest.mark.parametrize("place", ALL)
def test_a_config_shows_none(place: str) -> None:
    shown = json.dumps(mask(ALL[place]))
    assert planted.found_in(shown.encode()) == []


def test_no_setting_of_spark_stays_for_the_command_line() -> None:
    settings = {**ALL[planted.SPARK], **ALL[planted.CONF]}
    assert set(hidden(settings)) == set(settings)


@pytest.mark.parametrize("secret", list(planted.secrets()), ids=lambda secret: f"{secret.place} {secret.name}")
def test_each_secret_is_masked_alone_and_in_its_value_in_every_spelling(secret: planted.Secret) -> None:
    config = {secret.name: secret.value}
    redactor = Redactor(secrets_of_environment(config) if secret.place == planted.VARIABLE else config)
    if secret.name != "SHOP_REFERENCED":  # its name says nothing: the reference does
        texts = [secret.value, repr(secret.value), json.dumps(json.dumps(secret.value)), quote(secret.value, safe="")]
        texts += [f"the password is {secret.core}, it says" if secret.value == secret.core else secret.value]
        assert planted.found_in("\n".join(map(redactor.mask, texts)).encode()) == []
