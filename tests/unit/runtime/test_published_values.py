"""Values that components publish: which are accepted, and that a resumed run has them."""

from __future__ import annotations

import enum
import math
from collections import OrderedDict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.encoding import to_json
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.planning import published
from airflow_spark_pipeline.runtime.component.base import ComponentContext
from airflow_spark_pipeline.runtime.component.results import MOST_BYTES, Results
from airflow_spark_pipeline.task.result import result
from tests.asking import asks
from tests.jobs import Job
from tests.steps import describe, names


class Level(enum.IntEnum):
    HIGH = 2


class Kind(str, enum.Enum):
    FULL = "full"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (0, 0),
        (2**80, 2**80),
        (-0.5, -0.5),
        ("ä € 🎉\n", "ä € 🎉\n"),
        ((1, (2, 3)), [1, [2, 3]]),
        (OrderedDict(b=1, a=[]), {"b": 1, "a": []}),
        (Level.HIGH, 2),
        (Kind.FULL, "full"),
        (True, True),
    ],
)
def test_json_is_published_as_plain_json(value: Any, kept: Any) -> None:
    context = ComponentContext.standalone("/nowhere")
    context.publish(value=value)
    found = context.results.published["value"]
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (date(2026, 1, 31), TypeError, "value is of type datetime.date, which is not JSON"),
        ([1, {"a": Decimal(1)}], TypeError, "value[1]['a'] is of type decimal.Decimal"),
        (b"x", TypeError, "value is of type bytes"),
        ({1, 2}, TypeError, "value is of type set"),
        ({1: "x"}, TypeError, "value has the key 1; the keys of JSON are text, so use '1'"),
        (math.nan, ValueError, "value is nan, which JSON does not have; publish None instead"),
        ([-math.inf], ValueError, "value[0] is -inf"),
        ("\ud800", ValueError, "value is not valid Unicode: '\\ud800'"),
        ({"\udfff": 1}, ValueError, "value is not valid Unicode"),
        ("x" * MOST_BYTES, ValueError, "at most 16,384 are kept"),
        ("€" * (MOST_BYTES // 2), ValueError, "at most 16,384 are kept"),
    ],
)
def test_a_value_that_is_not_small_json_is_refused_by_name_and_the_whole_call_is_dropped(
    value: Any, error: type[Exception], said: str
) -> None:
    context = ComponentContext.standalone("/nowhere")
    with pytest.raises(error) as refused:
        context.publish(first=1, value=value)
    assert said in str(refused.value)
    assert context.results.published == {}


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ValueError, match="nested more than 20 levels deep"):
        Results().publish({"value": value})


def test_values_that_are_too_large_together_are_refused_at_the_first_one_that_does_not_fit() -> None:
    results = Results()
    results.publish({"a": "x" * (MOST_BYTES // 2)})
    results.publish({"a": "y" * (MOST_BYTES // 2)})  # in place of the first
    with pytest.raises(ValueError, match=r"publish\(b\): the published values of this component would be"):
        results.publish({"b": "x" * (MOST_BYTES // 2)})
    assert list(results.published) == ["a"]


def test_a_resumed_run_returns_the_values_of_skipped_components_too(job: Job) -> None:
    with pytest.raises(ComponentFailedError):
        job.run(asks("a", values="{ rows = 5, newest = [x, null] }"), asks("b", fails="1"), asks("c"))
    report = job.run(asks("a", values="{ rows = 5, newest = [x, null] }"), asks("b", fails="1"), asks("c"))
    assert names(job.ledger) == "abbc"
    assert report.published == {"a": {"rows": 5, "newest": ["x", None]}}
    assert result(report.state)["published"] == report.published


def test_values_published_by_a_failed_try_are_dropped(job: Job) -> None:
    again = "retry-policy { max-retries = 1, initial-delay-ms = 1 }"
    report = job.run(asks("a", again, fails="1", values="{ rows = 5 }"))
    assert report.published == {"a": {"rows": 5}}
    with pytest.raises(ComponentFailedError):
        job.run(asks("b", fails="1", values="{ rows = 5 }"))
    (state,) = job.runner.list_resumable("Steps")
    assert published(state) == {}
    assert state.components[0].published == {}


def test_a_value_that_is_not_json_fails_its_component_with_the_name_of_the_value(
    job: Job,
) -> None:
    description = describe('{ instance-type = "tests.asking.Dates", instance-name = dates }')
    with pytest.raises(ComponentFailedError, match=r"TypeError: publish: day is of type datetime\.date"):
        job.runner.run_with_checkpointing(description)


def test_secrets_in_published_values_are_masked_in_the_record(job: Job) -> None:
    report = job.run(
        asks("a", values='{ url = "jdbc:postgresql://me:hunter22secret@db/x", password = hunter22secret, rows = 5 }')
    )
    assert "hunter22secret" not in str(to_json(report.state))
    assert report.published["a"]["rows"] == 5
