"""A number of a file reaches a field with all its digits, in this process and through JSON."""

from __future__ import annotations

import copy
import enum
import json
import pickle
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_spark_pipeline.binding.bind import bind
from airflow_spark_pipeline.binding.written_numbers import WrittenNumber, as_number
from airflow_spark_pipeline.cli.description import values_in
from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.pipeline.fingerprint import differences, fingerprint
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.plugins.page.next_attempt import shown_config
from airflow_spark_pipeline.rendering.without_airflow import read_config
from airflow_spark_pipeline.secrets import mask


def parsed(members: str) -> PipelineSpec:
    config = f"instance-config {{ {members} }}"
    hook = f"{{ instance-type = a.H, {config} }}"
    return parse_pipeline(
        f"pipeline {{ pipeline-name = P, hooks = [{hook}]\n"
        f"pipeline-components = [{{ instance-type = a.B, {config}, hooks = [{hook}] }}] }}"
    )


def sent(spec: PipelineSpec) -> PipelineSpec:
    """The description as the driver has it."""
    return PipelineSpec.from_dict(json.loads(json.dumps(spec.to_dict())))


def bound(hint: Any, config: Any) -> Any:
    """What a field of this type gets."""
    cls: Any = dataclass(type("C", (), {"__annotations__": {"v": hint}, "__module__": __name__}))
    return bind(cls, config, "c").v


class Version(enum.Enum):
    ONE = "3.10"
    TWO = 2.5


@pytest.mark.parametrize(
    ("hint", "written", "expected"),
    [
        *((str, text, text) for text in ("3.10", "0.10", "1e3", "1E+3", "1234e5", "-1.50", "1.0", "12", "1e-7", "0.5")),
        *((str, text, text) for text in ("12345678901234567.89", "9007199254740993.0", "1e308")),
        (Decimal, "12345678901234567.89", Decimal("12345678901234567.89")),
        (Decimal, "0.10", Decimal("0.10")),
        (int, "9007199254740993.0", 9007199254740993),
        (int, '"9007199254740993.0"', 9007199254740993),
        (int, "1e23", 10**23),
        (int, '"1e23"', 10**23),
        (int, "1.50e1", 15),
        (float, "3.10", 3.1),
        (float, '"1e3"', 1000.0),
        (Any, "3.10", 3.1),
        (Any, "[1.50, {a = 1e3}]", [1.5, {"a": 1000.0}]),
        (list[str], "[3.10, 1e3, 7]", ["3.10", "1e3", "7"]),
        (dict[str, str | None], "{a = 3.10, b = null}", {"a": "3.10", "b": None}),
        (int | str, "1e3", 1000),
        (float | str, "3.10", 3.1),
        (Literal["3.10", 3.1], "3.10", 3.1),
        (Literal["3.10"], "3.10", "3.10"),
        (Version, "3.10", Version.ONE),
        (Version, "2.50", Version.TWO),
    ],
)  # fmt: skip
def test_a_field_gets_the_number_as_the_file_has_it(hint: Any, written: str, expected: Any) -> None:
    here = parsed(f"v = {written}")
    for spec in (here, sent(here), sent(sent(here))):
        for config in (spec.components[0], spec.hooks[0], spec.components[0].hooks[0]):
            found = bound(hint, config.instance_config)
            assert (found, type(found), str(found)) == (expected, type(expected), str(expected))


@pytest.mark.parametrize("quoted", ["{}", '"{}"'])
@pytest.mark.parametrize("text", ["1e999", "-1e999", "1e-400"])
def test_a_number_beyond_a_float_is_refused_quoted_or_not(text: str, quoted: str) -> None:
    with pytest.raises(PipelineDefinitionError, match=r"the number is too (large|small)"):
        bound(float, parsed(f"v = {quoted.format(text)}").components[0].instance_config)


@pytest.mark.parametrize("text", ["1e999999999", "0e999999999", "1e99999999999999999999", "9" * 5000])
def test_an_infinite_whole_number_is_refused(text: str) -> None:
    with pytest.raises(PipelineDefinitionError, match="too large"):
        bound(int, {"v": text})


def test_the_json_of_other_descriptions_does_not_change() -> None:
    usual = parsed("a = 1, b = 2.5, c = [1.0, text], d = 12345678901234567890123, e = {}")
    assert set(usual.to_dict()) == {"spark", "pipeline", "source"}


@pytest.mark.parametrize(
    ("before", "after"),
    [("3.1", "3.10"), ("1e3", "1000.0"), ("3.10", '"3.10"'), ("1234567890123456.78", "1234567890123456.79")],
)
def test_an_edit_that_a_text_field_would_see_is_a_change(before: str, after: str) -> None:
    one, other = (fingerprint(parsed(f"a = {text}, b = 3.10").components[0], "salt") for text in (before, after))
    assert differences(one, other) == ["instance-config.a"]


def test_the_texts_of_numbers_are_masked_like_the_numbers_and_not_shown_on_the_page() -> None:
    masked = mask(parsed("password = 1234.50, limit = 1234.50").to_dict())
    component = masked["numbers"]["pipeline-components"]["0"]["instance-config"]
    assert component == {"password": "***", "limit": "1234.50"}
    assert PipelineSpec.from_dict(masked).components[0].instance_config == {"password": "***", "limit": 1234.5}
    shown = shown_config(masked)
    assert shown is not None
    assert "numbers" not in shown


@pytest.mark.parametrize("name", ["pin", "pins", "auth", "tokens", "private", "password", "key", "api-keys"])
@pytest.mark.parametrize("value", ["1.50", "[1.50, 2]", "{ a = 1.50, pin = [2.50, { b = 3.50 }] }"])
def test_a_masked_description_can_be_read(name: str, value: str) -> None:
    spec = parsed(f"{name} = {value}")
    masked = mask(spec.to_dict())
    read = PipelineSpec.from_dict(json.loads(json.dumps(masked)))
    assert read.components[0].instance_config == mask(spec.components[0].instance_config)


def test_templates_and_files_of_values_keep_the_text(tmp_path: Path) -> None:
    file = tmp_path / "values.conf"
    file.write_text("v = 3.10, major = 3, minor = 10", encoding="utf-8")
    text = """pipeline.pipeline-name = P
        pipeline.pipeline-components = [{ instance-type = a.B, instance-config {
          alone = {{ v }}, inside = "v{{ v }}", both = {{ major }}.{{ minor }} } }]"""
    config = read_config(text, values_in([str(file)])).checked().components[0].instance_config
    assert {name: str(value) for name, value in config.items()} == {"alone": "3.10", "inside": "v3.10", "both": "3.10"}
    assert config["alone"] == 3.1


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_text_and_value_of_any_number_survive(text: str) -> None:
    number = as_number(text)
    assert str(number) == text or text == "-0"
    assert Decimal(str(number)) == Decimal(text)
    assert isinstance(number, int) or number == float(text)
    for copied in (copy.deepcopy(number), pickle.loads(pickle.dumps(number))):  # noqa: S301  # made here
        assert (copied, str(copied), type(copied)) == (number, str(number), type(number))
    assert json.dumps(WrittenNumber("3.10")) == repr(WrittenNumber("3.10")) == "3.1"
