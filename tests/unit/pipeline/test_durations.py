from __future__ import annotations

import argparse
import datetime as dt

import pytest

from airflow_spark_pipeline.binding.durations import EXPECTED, parse_duration
from airflow_spark_pipeline.binding.scalars import MisfitError, convert_scalar
from airflow_spark_pipeline.cli.command_table import seconds
from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.pipeline.parser import parse_pipeline

EXACT = {
    "2w": dt.timedelta(weeks=2),
    "1 week": dt.timedelta(weeks=1),
    "90 s": dt.timedelta(seconds=90),
    "90s": dt.timedelta(seconds=90),
    "1.5h": dt.timedelta(minutes=90),
    "0.1 s": dt.timedelta(milliseconds=100),
    "10 minutes": dt.timedelta(minutes=10),
    "1   day": dt.timedelta(days=1),
    "1d": dt.timedelta(days=1),
    "12 hours": dt.timedelta(hours=12),
    "250 millis": dt.timedelta(milliseconds=250),
    "3 seconds": dt.timedelta(seconds=3),
    "5000 us": dt.timedelta(milliseconds=5),
    "2000000 ns": dt.timedelta(milliseconds=2),
}
WRONG = ["soon", "2 fortnights", "1 month", "5M", "1,5h", "1h30m", "", "s", "0x10 s", "1e3 s", "٣ s", "1 .5h"]


def in_file(text: str) -> int | None:
    component = f'{{ instance-type = m.C, timeout = "{text}" }}'
    spec = parse_pipeline(f"pipeline {{ pipeline-name = p, pipeline-components = [ {component} ] }}")
    return spec.components[0].timeout_ms


@pytest.mark.parametrize("text", EXACT)
def test_a_duration_is_the_same_in_a_file_in_a_config_and_on_the_command_line(text: str) -> None:
    assert parse_duration(text) == EXACT[text]
    assert in_file(text) == EXACT[text] / dt.timedelta(milliseconds=1)
    assert convert_scalar(text, dt.timedelta) == EXACT[text]
    assert seconds(text) == EXACT[text].total_seconds()


@pytest.mark.parametrize("text", WRONG)
def test_an_invalid_duration_has_the_same_message_everywhere(text: str) -> None:
    with pytest.raises(ValueError, match="^expected " + EXPECTED):
        parse_duration(text)
    with pytest.raises(MisfitError):
        convert_scalar(text, dt.timedelta)
    with pytest.raises(argparse.ArgumentTypeError, match=f": expected {EXPECTED}"):
        seconds(text)
    with pytest.raises(PipelineDefinitionError, match=f"timeout: expected {EXPECTED}"):
        in_file(text or "-")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1500 ns", "not a whole number of microseconds"),
        ("1.0000001 s", "not a whole number of microseconds"),
        ("99999999999 w", "too long"),
    ],
)
def test_a_duration_that_cannot_be_held_exactly_is_refused(text: str, reason: str) -> None:
    with pytest.raises(MisfitError, match=reason):
        convert_scalar(text, dt.timedelta)
    with pytest.raises(argparse.ArgumentTypeError, match=reason):
        seconds(text)
    with pytest.raises(PipelineDefinitionError, match=reason):
        in_file(text)


def test_a_timeout_is_positive_and_in_whole_milliseconds() -> None:
    for text, wrong in (("0", "zero"), ("0 s", "zero"), ("-5 s", "negative")):
        with pytest.raises(PipelineDefinitionError, match=f"the duration is {wrong}"):
            in_file(text)
    with pytest.raises(PipelineDefinitionError, match="not a whole number of milliseconds"):
        in_file("500 us")


def test_a_bare_number_is_milliseconds_in_a_file_and_needs_a_unit_on_the_command_line() -> None:
    assert in_file("1500") == 1500
    assert convert_scalar("1500", dt.timedelta) == dt.timedelta(seconds=1.5)
    assert convert_scalar(1500, dt.timedelta) == dt.timedelta(seconds=1.5)
    with pytest.raises(argparse.ArgumentTypeError, match=EXPECTED):
        seconds("30")
    with pytest.raises(argparse.ArgumentTypeError, match="cannot be negative"):
        seconds("-5 s")
