"""A try passes the functions that ARCHITECTURE.md lists from ``execute`` to ``spark-submit``."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.protocol import DriverRequest
from tests.unit.operators.shop import Shop

ROOT = Path(__file__).resolve().parents[3]
SUBMIT = SparkPipelineSubmitHook.submit
OF_THE_PROVIDER = {"SparkSubmitOperator": SparkSubmitOperator, "SparkSubmitHook": SparkSubmitHook}


def walk(title: str) -> list[str]:
    """The names in the list of a section, without those of lines that say "only if"."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    block = text.partition(f"\n## {title}\n")[2].partition("```\n")[2].partition("```")[0]
    return [line.split()[1 if "↳" in line else 0] for line in block.splitlines() if "only if" not in line]


def code_of(name: str) -> CodeType:
    path, _, attributes = name.partition(".")
    module = importlib.import_module(f"airflow_spark_pipeline.{path.replace('/', '.')}") if "/" in path else None
    found: Any = OF_THE_PROVIDER[path] if module is None else module
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    code: CodeType = inspect.unwrap(getattr(found, "__func__", found)).__code__
    return code


@contextmanager
def passed(names: list[str]) -> Iterator[list[str]]:
    """The functions with these names, in the order in which they are first called."""
    by_code = {code_of(name): name for name in names}
    found: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        name = by_code.get(frame.f_code) if event == "call" else None
        if name is not None and name not in found:
            found.append(name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(before)


def test_a_first_try_passes_the_functions_of_the_walk(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    names = walk("From SparkPipelineOperator.execute to spark-submit")
    assert len(names) > 12

    def submit(hook: SparkSubmitHook, application: str = "", **_: Any) -> None:
        path = (hook._application_args or [""])[-1]
        shop.driver.run(DriverRequest.from_json(Path(path).read_text(encoding="utf-8")))

    monkeypatch.setattr(SparkPipelineSubmitHook, "submit", SUBMIT)
    monkeypatch.setattr(SparkSubmitHook, "submit", submit)
    with passed(names) as found:
        shop.run()
    assert found == names


def test_the_walk_to_a_platform_names_functions_that_exist() -> None:
    names = [name for name in walk("From SparkPipelineJob.execute to a job of a platform") if "/" in name]
    assert len(names) > 5
    assert [name for name in names if not code_of(name)] == []


@pytest.mark.parametrize("name", ["task/unit.Unit.look", "task/no_such_file.run"])
def test_an_unknown_name_is_detected(name: str) -> None:
    with pytest.raises((AttributeError, ModuleNotFoundError)):
        code_of(name)
