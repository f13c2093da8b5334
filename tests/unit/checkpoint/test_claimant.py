"""What a commit records about the claimant of the unit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.claimant import Caller, Claimant, claimer, is_claim_of, to_record
from airflow_spark_pipeline.checkpoint.decoding import decode
from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.key import NO_KEY, UnitKey
from tests.fakes import KEY, make_state

_OTHER = UnitKey("default", "other", "manual__2026", "load", 3, 1)
_OWN = {"maxTries": 2, "retries": 2, "tryNumber": 1, "identity": "run-1", "taskInstanceId": "0190"}
_GUEST = {"namespace": "default", "dagId": "other", "runId": "manual__2026", "taskId": "load", "mapIndex": 3}
_CALLER = Caller(2, 2, 1, "run-1", "0190")


def _written(record: Claimant | None) -> Any:
    return json.loads(encode(make_state(caller=record), 0))["caller"]


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (to_record(None, None), None),
        (to_record(_CALLER, None), _OWN),
        (to_record(Caller(0, 0, 1), None), {"maxTries": 0, "retries": 0, "tryNumber": 1, "identity": None}),
        (
            to_record(replace(_CALLER, guest=_OTHER), to_record(_CALLER, None)),
            {**_OWN, "taskInstance": {**_GUEST, "iteration": 1}, "owner": _OWN},
        ),
        (to_record(None, to_record(_CALLER, None)), {"taskInstance": {}, "owner": _OWN}),
        (
            to_record(replace(_CALLER, guest=_OTHER), None),
            {**_OWN, "taskInstance": {**_GUEST, "iteration": 1}, "owner": None},
        ),
    ],
    ids=["outside Airflow", "owner", "unknown ids", "guest", "guest outside Airflow", "guest of a run outside Airflow"],
)
def test_the_claimant_is_written_in_the_documented_form_and_read_back(record: Claimant | None, text: Any) -> None:
    assert _written(record) == text
    assert decode(encode(make_state(caller=record), 0), "x").caller == record


def test_members_of_the_claimant_that_this_version_does_not_know_are_written_back() -> None:
    raw = {**_OWN, "bundleVersion": "abc", "taskInstance": {}, "owner": {**_OWN, "team": "data"}}
    assert Claimant.from_dict(raw).to_dict() == raw


def test_a_guest_outside_airflow_claims_without_a_key_and_any_process_outside_may_resume() -> None:
    record = to_record(None, to_record(_CALLER, None))
    assert claimer(KEY, record) == NO_KEY
    assert is_claim_of(None, record)
    assert not is_claim_of(_CALLER, record)


def test_the_key_of_nobody_is_an_empty_object() -> None:
    assert NO_KEY.to_dict() == {}
    assert UnitKey.from_dict({}) == NO_KEY
