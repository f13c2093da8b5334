"""A plan reports changed code of skipped components before a driver runs, for modules that are on the worker."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.exceptions import ComponentFailedError, ResumeRefusedError
from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.pipeline.code_digests import CodeFiles
from tests.unit.operators.shop import Driver, Shop

COMPONENT = """
from dataclasses import dataclass
from airflow_spark_pipeline import Component
{more}

@dataclass
class Load(Component):
    def run(self, spark):
        pass
"""


@dataclass
class CodedDriver(Driver):
    """Records the code that it sees, as a driver does."""

    roots: tuple[str, ...] = ()

    def done(self, state: CheckpointState, name: str) -> CheckpointState:  # type: ignore[override]
        done = Driver.done(state, name)
        record = done.component(name)
        assert record is not None
        code = CodeFiles(self.roots).digests(
            f"{'my_etl.load' if name == 'A' else 'single'}.Load", state.fingerprint_salt
        )
        assert code
        return done.with_component(replace(record, code=code))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A DAG folder with a package, a single module beside it, and one more that nothing ships."""
    package = tmp_path / "my_etl"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "load.py").write_text(COMPONENT.format(more="from my_etl import rules"))
    (package / "rules.py").write_text("RULE = 1\n")
    (tmp_path / "single.py").write_text(COMPONENT.format(more=""))
    (tmp_path / "unshipped.py").write_text("RULE = 1\n")
    return tmp_path


@pytest.fixture
def shop(shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    (folder / "shop.conf").write_text(
        "pipeline { pipeline-name = Shop, pipeline-components = [\n"
        "{ instance-type = my_etl.load.Load, instance-name = A }\n"
        "{ instance-type = single.Load, instance-name = B }\n"
        "{ instance-type = single.Load, instance-name = C }\n] }"
    )
    driver = shop.driver = CodedDriver(fails_at="C", roots=(str(folder),))
    monkeypatch.setattr(SparkPipelineSubmitHook, "submit", lambda hook, *a, **k: driver.submit(hook, *a))
    return shop


BOTH = ["my_etl", "single.py"]


def reasons(shop: Shop, **arguments: Any) -> list[str]:
    operator = shop.operator(py_files=BOTH, **arguments)
    return [step.reason for step in operator.plan(shop.context(operator, try_number=2)).steps]


def fail_once(shop: Shop, **arguments: Any) -> None:
    with pytest.raises(ComponentFailedError):
        shop.run(py_files=BOTH, **arguments)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("my_etl/rules.py", ["done in attempt 1; its code has changed since: my_etl/rules.py", "done in attempt 1"]),
        (
            "my_etl/__init__.py",
            ["done in attempt 1; its code has changed since: my_etl/__init__.py", "done in attempt 1"],
        ),
        ("single.py", ["done in attempt 1", "done in attempt 1; its code has changed since: single.py"]),
        ("unshipped.py", ["done in attempt 1", "done in attempt 1"]),
        ("shop.conf", ["done in attempt 1", "done in attempt 1"]),
    ],
)
def test_the_plan_names_the_changed_file_of_a_component_that_it_skips(
    shop: Shop, folder: Path, file: str, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    fail_once(shop)
    assert reasons(shop)[:2] == ["done in attempt 1"] * 2
    with (folder / file).open("a") as edited:
        edited.write("# edited\n")
    assert reasons(shop)[:2] == said
    shop.driver.fails_at = None
    shop.run(try_number=2, py_files=BOTH)
    log = capsys.readouterr().out
    assert all(reason in log for reason in said)


@pytest.mark.parametrize("gone", [["my_etl"], ["single.py"], []])
def test_modules_that_are_not_on_the_worker_are_not_reported(shop: Shop, folder: Path, gone: list[str]) -> None:
    """They may be on the cluster, or at a URL: the driver compares them."""
    fail_once(shop)
    for file in ("my_etl/rules.py", "single.py"):
        (folder / file).write_text("# edited\n")
    here = [name for name in BOTH if name not in gone]
    operator = shop.operator(py_files=[*here, "s3://bucket/more.zip"])
    steps = operator.plan(shop.context(operator, try_number=2)).steps
    assert ["code has changed" in step.reason for step in steps[:2]] == [name in here for name in BOTH]


def test_modules_of_the_pythonpath_are_compared_as_well(
    shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    with pytest.raises(ComponentFailedError):
        shop.run()
    (folder / "my_etl" / "rules.py").write_text("RULE = 2\n")
    operator = shop.operator()
    plan = operator.plan(shop.context(operator, try_number=2))
    assert "its code has changed since: my_etl/rules.py" in plan.steps[0].reason


def test_with_code_match_the_plan_refuses_what_the_driver_would_refuse(shop: Shop, folder: Path) -> None:
    text = (folder / "shop.conf").read_text()
    (folder / "shop.conf").write_text(text.replace("pipeline-name", "checkpoint.code-match = true, pipeline-name"))
    fail_once(shop)
    (folder / "my_etl" / "rules.py").write_text("RULE = 2\n")
    with pytest.raises(ResumeRefusedError, match=r"its code has changed since: my_etl/rules\.py"):
        reasons(shop)
    assert [r.partition(" is ")[0] for r in reasons(shop, on_change="rerun-from-change")] == ["A", "A", "A"]
