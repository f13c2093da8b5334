"""All problems of the classes of a description are found, and none that comes from made-up values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_spark_pipeline import AuditHooks, Component, PipelineHooks
from airflow_spark_pipeline.binding.bind import bind
from airflow_spark_pipeline.components import ReadFiles, SqlToView
from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.runtime.driver.components_and_hooks import find_problems

HERE = __name__


@dataclass(frozen=True)
class Inner:
    day: str

    def __post_init__(self) -> None:
        raise AssertionError("a made-up value was judged")


@dataclass(frozen=True, slots=True)
class Slotted:
    day: str
    tags: list[str] = field(default_factory=list)
    full: bool = False

    def __post_init__(self) -> None:
        raise AssertionError("a made-up value was judged")


@dataclass
class Judge(Component):
    """Judges its config as soon as it is constructed."""

    day: str
    rows: int = 1
    inner: Inner | None = None
    more: list[Inner] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.day != "2026-01-31":
            raise ValueError(f"{self.day} is not a business day")
        self.view = "orders"

    def makes_views(self) -> list[str]:
        return [self.view]

    def run(self, spark: Any) -> None: ...


@dataclass
class JudgingHooks(PipelineHooks):
    path: str

    def __post_init__(self) -> None:
        raise SystemExit(self.path)


COMPONENT = "pipeline.pipeline-components[0]"


def problems(component: str, *, hooks: str = "", made_up: tuple[str, ...] = (), more: str = "") -> list[str]:
    spec = parse_pipeline(
        f"pipeline {{ pipeline-name = p, hooks = [ {hooks} ], pipeline-components = [ {component} ]\n{more} }}"
    )
    return [f"{each.path}: {each.message}" for each in find_problems(spec, made_up=made_up)]


def judge(config: str) -> str:
    return f'{{ instance-type = "{HERE}.Judge", instance-config {{ {config} }} }}'


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])


def test_a_config_with_real_values_is_validated_by_its_class() -> None:
    (said,) = problems(judge("day = 2026-02-01"))
    assert "2026-02-01 is not a business day" in said
    assert problems(judge("day = 2026-01-31")) == []


@pytest.mark.parametrize(
    "config",
    [
        "day = anything",
        "day = anything, inner { day = x }",
        "day = anything, more = [ { day = x }, { day = y } ]",
    ],
)
def test_a_config_with_made_up_values_is_only_checked_against_the_types(config: str) -> None:
    assert problems(judge(config), made_up=(COMPONENT,)) == []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("dya = x", "did you mean 'day'?"),
        ("rows = 3", "missing"),
        ("day = x, rows = many", "expected a whole number"),
        ("day = x, inner { dya = x }", "inner.dya"),
        ("day = x, more = [ { day = [] } ]", "more[0].day"),
    ],
)
def test_made_up_values_are_checked_against_the_types_too(config: str, said: str) -> None:
    assert any(said in each for each in problems(judge(config), made_up=(COMPONENT,)))


@pytest.mark.parametrize("kind", [f"{HERE}.JudgingHooks", "airflow_spark_pipeline.AuditHooks"])
def test_hooks_are_not_judged_by_made_up_values_either(kind: str) -> None:
    hook = f'{{ instance-type = "{kind}", instance-config {{ path = "ds/audit.jsonl" }} }}'
    good = judge("day = 2026-01-31")
    assert len(problems(good, hooks=hook)) == 1
    assert problems(good, hooks=hook, made_up=("pipeline.hooks[0]",)) == []
    wrong = hook.replace("path", "pfad")
    assert any("pfad" in each for each in problems(good, hooks=wrong, made_up=("pipeline.hooks[0]",)))


def test_an_object_that_is_not_constructed_still_has_its_fields() -> None:
    made = bind(Slotted, {"day": "x"}, "p", construct=False)
    assert (made.day, made.tags, made.full) == ("x", [], False)
    with pytest.raises(PipelineDefinitionError, match="a made-up value was judged"):
        bind(Slotted, {"day": "x"}, "p")
    audit = bind(AuditHooks, {"path": "relative"}, "p", construct=False)
    assert audit.path == "relative"


def ready_made(kind: type, config: str) -> str:
    return f'{{ instance-type = "{kind.__module__}.{kind.__name__}", instance-config {{ {config} }} }}'


def test_a_view_that_a_resume_would_miss_is_reported_whether_or_not_components_are_constructed() -> None:
    reads = ready_made(ReadFiles, 'path = "/x", view = orders')
    sql = ready_made(SqlToView, 'sql = "select * from orders", view = v')
    other = f"{judge('day = 2026-01-31')}, {sql}"
    resume = "checkpoint { enabled = true, auto-resume = true }"
    assert problems(f"{reads}, {sql}", more=resume) == problems(
        f"{reads}, {sql}", more=resume, made_up=(COMPONENT, "pipeline.pipeline-components[1]")
    )
    assert len(problems(other, more=resume)) == 1
    assert problems(other, more=resume, made_up=(COMPONENT,)) == []  # its views are known once it is constructed


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("nowhere.Store", "the driver has no module 'nowhere'"),
        (f"{HERE}.Judge", "is not a checkpoint store"),
        ("airflow_spark_pipeline.checkpoint.stores.base.Stores", "has no class 'Stores'"),
    ],
)
def test_the_class_of_a_store_is_checked_as_well(store: str, said: str) -> None:
    (found,) = problems(judge("day = 2026-01-31"), more=f'checkpoint {{ store {{ instance-type = "{store}" }} }}')
    assert found.startswith("pipeline.checkpoint.store.instance-type: ")
    assert said in found


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("file:///audit/x#a", "contains `?` or `#`, which end the path of a URL"),
        ("s3://bucket/x?sig=hunter2xyz", "contains `?` or `#`, which end the path of a URL"),
        ("~nosuchuser/x", "is relative; write it in full"),
    ],
)
def test_an_audit_path_with_an_ignored_part_is_refused(path: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        AuditHooks.to_file(path)
    assert "hunter2xyz" not in str(caught.value)
    AuditHooks.to_file("/audit/a#b?c")
