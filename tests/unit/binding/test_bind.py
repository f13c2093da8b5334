"""How a resolved config becomes a typed object, and the errors if it does not fit."""

from __future__ import annotations

import datetime as dt
import enum
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType

import pytest

from airflow_spark_pipeline.binding.bind import bind
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.runtime.component.base import Component, ComponentContext, ContextNotAttachedError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PATH = "pipeline.pipeline-components[2].instance-config"
TableName = NewType("TableName", str)


class Layer(enum.Enum):
    BRONZE = "bronze"
    SILVER = 2


@dataclass(frozen=True)
class Window:
    from_: dt.date
    max_lag: dt.timedelta = dt.timedelta(hours=1)


@dataclass
class Account:
    user: str

    def __post_init__(self) -> None:
        raise ValueError(self.user)


@dataclass
class CleanOrders(Component):
    input_path: str
    dedup_columns: list[str]
    overwrite: bool = True
    window: Window | None = None
    made: int = field(default=0, init=False)

    def run(self, spark: SparkSession) -> None: ...


class Plain(Component):
    def run(self, spark: SparkSession) -> None: ...


def value_of(hint: Any, raw: Any) -> Any:
    """Bind one value to a field ``value`` of type ``hint``."""
    holder = types.new_class("Holder", (), {}, lambda body: body.update(__annotations__={"value": hint}))
    return bind(dataclass(holder), {"value": raw}, PATH).value


def problems_of(cls: type, config: Mapping[str, Any]) -> list[str]:
    with pytest.raises(PipelineDefinitionError) as caught:
        bind(cls, config, PATH)
    for problem in caught.value.problems:
        assert problem.path.startswith(PATH)
    return [f"{problem.path.removeprefix(PATH)}: {problem.message}" for problem in caught.value.problems]


def refusal(hint: Any, raw: Any) -> str:
    with pytest.raises(PipelineDefinitionError) as caught:
        value_of(hint, raw)
    (problem,) = caught.value.problems
    return problem.message


def test_kebab_case_keys_fill_snake_case_fields() -> None:
    config = {"input-path": "/in", "dedup-columns": ["id"], "overwrite": False, "window": {"from": "2026-01-31"}}

    component = bind(CleanOrders, config, PATH)

    assert component == CleanOrders("/in", ["id"], overwrite=False, window=Window(dt.date(2026, 1, 31)))


def test_every_problem_is_reported_at_once_with_its_full_path() -> None:
    config = {"input_path": "/in", "overwrite": "perhaps", "window": {"from": "soon", "max-lag": []}, "made": 1}

    with pytest.raises(PipelineDefinitionError) as caught:
        bind(CleanOrders, config, PATH)

    known = "(known: input-path, dedup-columns, overwrite, window)"
    duration = "a duration, such as 90 s, 30 minutes, 2h, 1.5d or 2w (a bare number: milliseconds)"
    assert set(caught.value.problems) == {
        Problem(f"unknown key 'input_path'; did you mean 'input-path'? {known}", f"{PATH}.input_path"),
        Problem(f"unknown key 'made' {known}", f"{PATH}.made"),
        Problem("missing; expected text", f"{PATH}.input-path"),
        Problem("missing; expected a list", f"{PATH}.dedup-columns"),
        Problem('expected true or false, found text ("perhaps")', f"{PATH}.overwrite"),
        Problem('expected a date (2026-01-31), found text ("soon")', f"{PATH}.window.from"),
        Problem(f"expected {duration}, found a list", f"{PATH}.window.max-lag"),
    }


@pytest.mark.parametrize("key", ["inputPath", "input-pth", "INPUT-PATH", "input_path"])
def test_a_misspelt_key_gets_a_suggestion(key: str) -> None:
    (found,) = problems_of(CleanOrders, {key: "/in", "input-path": "/in", "dedup-columns": []})

    assert "did you mean 'input-path'?" in found


def test_a_key_with_a_dot_is_quoted_in_its_path() -> None:
    @dataclass
    class Holder:
        options: dict[str, int]

    assert problems_of(Holder, {"options": {"spark.x": []}}) == [
        '.options."spark.x": expected a whole number, found a list'
    ]


@pytest.mark.parametrize(
    ("hint", "raw", "expected"),
    [
        (str, "a", "a"),
        (str, 5432, "5432"),
        (str, 1.5, "1.5"),
        (str, True, "true"),
        (int, "5432", 5432),
        (int, " -7 ", -7),
        (int, 1e3, 1000),
        (float, 2, 2.0),
        (float, "1.5", 1.5),
        (float, "1e-3", 0.001),
        (bool, "yes", True),
        (bool, "Off", False),
        (Decimal, 0.1, Decimal("0.1")),
        (Decimal, "0.10", Decimal("0.10")),
        (Path, "/data", Path("/data")),
        (dt.date, "2026-01-31", dt.date(2026, 1, 31)),
        (dt.datetime, "2026-01-31T06:00:00Z", dt.datetime(2026, 1, 31, 6, tzinfo=dt.timezone.utc)),
        (dt.timedelta, "10 minutes", dt.timedelta(minutes=10)),
        (dt.timedelta, "500ms", dt.timedelta(milliseconds=500)),
        (dt.timedelta, "1.5h", dt.timedelta(minutes=90)),
        (dt.timedelta, 250, dt.timedelta(milliseconds=250)),
        (dt.timedelta, "250", dt.timedelta(milliseconds=250)),
        (Layer, "bronze", Layer.BRONZE),
        (Layer, "SILVER", Layer.SILVER),
        (Layer, "2", Layer.SILVER),
        (Literal["a", 1], "1", 1),
        (Literal[Layer.BRONZE], "bronze", Layer.BRONZE),
        (TableName, "t", "t"),
        (Annotated[int, "port"], "1", 1),
        (None, None, None),
        (Any, {"a": [1]}, {"a": [1]}),
        (list, [1, "a"], [1, "a"]),
        (dict, {"a_b": 1}, {"a_b": 1}),
        (list[int], ["1", 2], [1, 2]),
        (Sequence[int], [1], [1]),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[str, int], ["a", "1"], ("a", 1)),
        (set[str], ["a", "a"], {"a"}),
        (frozenset[int], [1], frozenset({1})),
        (Mapping[str, bool], {"spark.x": "on"}, {"spark.x": True}),
        (dict[int, str], {"1": 2}, {1: "2"}),
        (list[Window], [{"from": "2026-01-31"}], [Window(dt.date(2026, 1, 31))]),
    ],
)
def test_a_value_is_converted_to_the_type_of_the_field(hint: Any, raw: Any, expected: Any) -> None:
    found = value_of(hint, raw)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("hint", "raw", "message"),
    [
        (int, 1.5, "expected a whole number, found a number (1.5)"),
        (int, "abc", 'expected a whole number, found text ("abc")'),
        (int, True, "expected a whole number, found a boolean (true)"),
        (int, "", 'expected a whole number, found text ("")'),
        (float, "nan", 'expected a number, found text ("nan")'),
        (str, ["a"], "expected text, found a list"),
        (str, None, "expected text, found null"),
        (str, {"a": 1}, "expected text, found an object"),
        (bool, 1, "expected true or false, found a whole number (1)"),
        (list[str], "a,b", 'expected a list, found text ("a,b")'),
        (tuple[str, int], ["a"], "expected 2 elements, found 1"),
        (set[Any], [[1]], "a set cannot hold lists or objects"),
        (dt.date, "2026-02-30", 'expected a date (2026-01-31), found text ("2026-02-30")'),
        (Layer, "gold", "expected one of 'bronze', 2, found text (\"gold\")"),
        (Literal["error", "append"], "apend", "found text (\"apend\"); did you mean 'append'?"),
        (Path, "s3a://b/x", "a URI loses a slash in a pathlib.Path; annotate the field as str"),
        (int | list[int], "x", 'expected a whole number or a list, found text ("x")'),
        (Window, "x", 'expected an object (Window), found text ("x")'),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_both_types(hint: Any, raw: Any, message: str) -> None:
    assert message in refusal(hint, raw)


@pytest.mark.parametrize(
    ("hint", "raw", "expected"),
    [
        (int | str, "5", "5"),
        (str | int, 5, 5),
        (int | float, "5", 5),
        (float | int, 5, 5),
        (bool | None, "true", True),
        (str | None, None, None),
        (dt.date | str, "2026-01-31", dt.date(2026, 1, 31)),
        (dt.date | str, "yesterday", "yesterday"),
        (str | list[str], 5, "5"),
        (str | list[str], ["a", 5], ["a", "5"]),
        (int | dt.timedelta, "5 s", dt.timedelta(seconds=5)),
    ],
)
def test_a_union_prefers_the_type_that_the_value_has_already(hint: Any, raw: Any, expected: Any) -> None:
    found = value_of(hint, raw)

    assert found == expected
    assert type(found) is type(expected)


def test_a_problem_inside_the_only_member_of_that_shape_is_reported_where_it_is() -> None:
    @dataclass
    class Holder:
        window: str | Window

    assert problems_of(Holder, {"window": {"from": 5}}) == [
        ".window.from: expected a date (2026-01-31), found a whole number (5)"
    ]


@pytest.mark.parametrize(
    ("key", "raw"),
    [("db_password", "hunter2"), ("api_token", "hunter2"), ("url", "jdbc://u:hunter2@h"), ("key", "hunter2")],
)
def test_a_secret_is_never_part_of_an_error(key: str, raw: str) -> None:
    holder: type = dataclass(types.new_class("Holder", (), {}, lambda body: body.update(__annotations__={key: int})))

    (found,) = problems_of(holder, {key.replace("_", "-"): raw})

    assert found.endswith("expected a whole number, found text")


def test_a_constructor_that_refuses_its_values_is_a_problem_without_their_secrets() -> None:
    @dataclass
    class Connect(Component):
        password: str

        def __post_init__(self) -> None:
            raise ValueError(f"cannot log in\nwith {self.password}")

        def run(self, spark: SparkSession) -> None: ...

    (found,) = problems_of(Connect, {"password": "hunter2"})

    assert "could not be constructed: ValueError: cannot log in with ***" in found
    assert "test_bind.py:" in found


def test_values_below_a_secret_key_are_secret_too() -> None:
    @dataclass
    class Holder:
        credentials: Account

    assert "ValueError: *** (" in problems_of(Holder, {"credentials": {"user": "hunter2"}})[0]


def test_an_exit_in_a_constructor_is_a_problem_and_not_an_exit() -> None:
    @dataclass
    class Exits(Component):
        def __post_init__(self) -> None:
            raise SystemExit(0)

        def run(self, spark: SparkSession) -> None: ...

    assert "could not be constructed: SystemExit: 0" in problems_of(Exits, {})[0]


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (int, "7", "07"), (int, "1000", "1e3"), (float, "1.5", "1.50"), (Decimal, "0.1", "0.10"),
        (bool, "true", "yes"), (Size, "SMALL", "1"), (Path, "/a", "/a/"), (dt.timedelta, "1 m", "60 s"),
        (dt.datetime, "2026-01-31T06:00:00Z", "2026-01-31T06:00:00+00:00"), (dt.date, "2026-01-31", " 2026-01-31"),
    ],
)  # fmt: skip
def test_two_keys_that_become_one_are_refused(kind: Any, one: str, other: str) -> None:
    assert value_of(dict[kind, str], {one: "a"})
    said = refusal(dict[kind, str], {one: "a", other: "b"})
    assert said.startswith(f"the keys {one!r} and {other!r} are both ")
    assert said.endswith("; remove one of them")


def test_an_annotation_that_no_config_can_become_is_named() -> None:
    @dataclass
    class Holder:
        reader: list[bytes]
        cache: bytes = b""

    assert problems_of(Holder, {}) == [".reader: field 'reader' has the type bytes, which cannot be configured"]


@pytest.mark.parametrize("hint", [[str], 5, dict[str, bytes], int | bytes])
def test_an_annotation_that_is_not_a_type_is_a_problem_too(hint: Any) -> None:
    assert "which cannot be configured" in refusal(hint, ["a"])


def test_a_type_that_is_imported_for_the_type_checker_only_is_named() -> None:
    @dataclass
    class Holder:
        session: SparkSession

    (found,) = problems_of(Holder, {"session": "x"})

    assert "the type 'SparkSession' of field 'session' cannot be looked up at run time" in found


def test_fields_without_the_decorator_are_not_silently_ignored() -> None:
    class Forgot(Component):
        limit: int = 5

        def run(self, spark: SparkSession) -> None: ...

    class ForgotAgain(CleanOrders):
        limit: int = 5

    class OldStyle(Component):
        def __init__(self, limit: int) -> None:
            self.limit = limit

        def run(self, spark: SparkSession) -> None: ...

    for cls in (Forgot, ForgotAgain, OldStyle):
        assert "is not a dataclass; add @dataclass" in problems_of(cls, {"limit": 1})[0]


def test_a_component_without_fields_needs_no_decorator_and_takes_no_key() -> None:
    assert isinstance(bind(Plain, {}, PATH), Plain)
    assert problems_of(Plain, {"a": 1}) == [".a: unknown key 'a'; nothing can be configured here"]


def test_the_object_shares_no_mutable_part_with_the_description() -> None:
    @dataclass
    class Holder:
        value: Any
        columns: list[str]

    config: dict[str, Any] = {"value": {"a": [1]}, "columns": ["x"]}
    bound = bind(Holder, types.MappingProxyType(config), PATH)
    bound.value["a"].append(2)
    bound.columns.append("y")

    assert config == {"value": {"a": [1]}, "columns": ["x"]}


def test_the_context_is_missing_until_it_is_attached_even_to_a_frozen_component(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Frozen(Component):
        limit: int = 1

        def run(self, spark: SparkSession) -> None: ...

    component = Frozen()
    with pytest.raises(ContextNotAttachedError, match=r"attach\(ComponentContext.standalone"):
        _ = component.context
    component.attach(ComponentContext.standalone(str(tmp_path)))

    assert component.context.attempt == 1
    assert component == Frozen()


def test_progress_is_indented_under_the_components_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ComponentContext.standalone(str(tmp_path)).progress("first\nsecond")

    assert capsys.readouterr().out == "    first\n    second\n"


def test_a_field_may_not_take_a_name_of_component() -> None:
    with pytest.raises(TypeError, match="Component uses the name 'context' itself"):

        class Clash(Component):
            context: str  # type: ignore[assignment]
