"""The errors about an ``instance-type`` that cannot be loaded, for all components at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.components import ReadFiles
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.launch.archives import runtime_archive
from airflow_spark_pipeline.pipeline.spec import ComponentSpec
from airflow_spark_pipeline.runtime.component.loading import load_components

STEPS = """
from __future__ import annotations
from dataclasses import dataclass
from airflow_spark_pipeline import Component

@dataclass
class CleanOrders(Component):
    limit: int = 1
    def run(self, spark): ...

class Outer:
    class Inner(Component):
        def run(self, spark): ...

class Draft(Component):
    pass

class Stranger:
    pass

LIMIT = 5
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Write a module of the user's package ``shop_etl``, which is forgotten before and after the test."""
    _forget("shop_etl")  # other tests ship a module of this name
    package = tmp_path / "shop_etl"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "steps.py").write_text(STEPS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> None:
        (package / f"{name}.py").write_text(text, encoding="utf-8")

    yield write
    _forget("shop_etl")


def _forget(package: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


def spec(instance_type: str, index: int = 0, **config: Any) -> ComponentSpec:
    return ComponentSpec(instance_type, f"step {index}", config, f"pipeline.pipeline-components[{index}]")


def problem_with(instance_type: str) -> str:
    with pytest.raises(PipelineDefinitionError) as caught:
        load_components([spec(instance_type)])
    (problem,) = caught.value.problems
    assert problem.path == "pipeline.pipeline-components[0].instance-type"
    return problem.message


@pytest.mark.usefixtures("module")
def test_components_are_loaded_in_order_and_configured() -> None:
    names = ["shop_etl.steps.CleanOrders", "shop_etl.steps.Outer.Inner", "airflow_spark_pipeline.components.ReadFiles"]
    configs: list[dict[str, Any]] = [{"limit": "5"}, {}, {"path": "/in", "view": "orders"}]

    loaded = load_components([spec(name, i, **configs[i]) for i, name in enumerate(names)])

    assert [type(component).__qualname__ for component in loaded] == ["CleanOrders", "Outer.Inner", "ReadFiles"]
    assert vars(loaded[0]) == {"limit": 5}
    assert loaded[2] == ReadFiles(path="/in", view="orders")


@pytest.mark.usefixtures("module")
def test_the_problems_of_all_components_are_reported_at_once() -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        load_components(
            [
                spec("shop_etl.steps.Stranger", 0),
                spec("shop_etl.steps.CleanOrders", 1, limit="many", other=1),
                spec("shop_etl.steps.CleanOrders", 2),
                spec("nowhere.Step", 3),
            ]
        )

    assert [problem.path.removeprefix("pipeline.pipeline-components") for problem in caught.value.problems] == [
        "[0].instance-type",
        "[1].instance-config.other",
        "[1].instance-config.limit",
        "[3].instance-type",
    ]


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("instance_type", "message"),
    [
        ("CleanOrders", "'CleanOrders' is not a class name; write package.module.Class"),
        ("shop_etl.steps:CleanOrders", "is not a class name; write package.module.Class"),
        ("shop-etl.steps.CleanOrders", "is not a class name"),
        ("", "is not a class name"),
        ("nowhere.steps.CleanOrders", "the driver has no module 'nowhere'; ship it with py_files"),
        ("shop_etl.stepz.CleanOrders", "the driver has no module 'shop_etl.stepz'"),
        ("shop_etl.stepz.CleanOrders", "did you mean shop_etl.steps?"),
        ("shop_etl.steps.CleanOrder", "'shop_etl.steps' has no class 'CleanOrder'; did you mean 'CleanOrders'?"),
        ("shop_etl.steps.Xyz", "'shop_etl.steps' has no class 'Xyz'; its components: CleanOrders, Draft"),
        ("shop_etl.steps.Outer.Iner", "'shop_etl.steps.Outer' has no class 'Iner'; did you mean 'Inner'?"),
        ("shop_etl.steps.Outer.Inner.X.Y", "'shop_etl.steps.Outer.Inner' has no class 'X'"),
        ("shop_etl.steps", "shop_etl.steps is a module; name a class in it"),
        ("shop_etl.steps.LIMIT", "shop_etl.steps.LIMIT is not a class (it is of type int)"),
        ("shop_etl.steps.Stranger", "is not a component; derive it from airflow_spark_pipeline.Component"),
        ("shop_etl.steps.Draft", "shop_etl.steps.Draft is abstract; it does not define run"),
        ("airflow_spark_pipeline.Component", "is abstract; it does not define run"),
        ("airflow_spark_pipeline.components.ReadFile", "did you mean 'ReadFiles'?"),
    ],
)
def test_a_type_that_cannot_be_resolved_is_explained(instance_type: str, message: str) -> None:
    assert message in problem_with(instance_type)


def test_a_module_that_imports_a_missing_one_is_not_reported_as_missing_itself(
    module: Callable[[str, str], None], tmp_path: Path
) -> None:
    module("late", "import os\nimport no_such_library.core\n")

    found = problem_with("shop_etl.late.Step")

    assert "'shop_etl.late' cannot be imported: ModuleNotFoundError: No module named 'no_such_library'" in found
    assert f"({tmp_path / 'shop_etl' / 'late.py'}:2)" in found
    assert "ship 'no_such_library' with py_files, or install it" in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("LIMIT = 1\nRATE = LIMIT / 0\n", "ZeroDivisionError: division by zero (FILE:2)"),
        ("import json\njson.loads('{')\n", "(FILE:2)"),
        ("def broken(:\n", "SyntaxError: "),
        ("def broken(:\n", "(FILE:1)"),
        ("import sys\nsys.exit(0)\n", "SystemExit: 0 (FILE:2)"),
        ("from shop_etl.steps import Nothing\n", "ImportError: cannot import name 'Nothing'"),
    ],
)
def test_a_module_that_fails_names_the_error_and_the_line_in_the_users_file(
    module: Callable[[str, str], None], tmp_path: Path, text: str, message: str
) -> None:
    module("broken", text)

    found = problem_with("shop_etl.broken.Step")

    assert found.startswith("'shop_etl.broken' cannot be imported: ")
    assert message.replace("FILE", str(tmp_path / "shop_etl" / "broken.py")) in found


def test_a_keyboard_interrupt_is_not_swallowed(module: Callable[[str, str], None]) -> None:
    module("slow", "raise KeyboardInterrupt\n")

    with pytest.raises(KeyboardInterrupt):
        load_components([spec("shop_etl.slow.Step")])


def test_a_class_of_the_main_module_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "ReadFiles", ReadFiles, raising=False)

    (loaded,) = load_components([spec("__main__.ReadFiles", path="/in", view="orders")])

    assert isinstance(loaded, ReadFiles)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("ReadFiles", {"path": "/in", "view": "a-b"}, "ValueError: 'a-b' cannot name a view"),
        ("ReadFiles", {"path": [], "view": "a"}, "ValueError: path is empty"),
        ("SqlToView", {"sql": " ", "view": "a"}, "ValueError: sql is empty"),
        ("WriteFiles", {"view": "a", "path": "/out", "mode": "replace"}, "expected one of 'error', 'overwrite'"),
        ("WriteFiles", {"view": "a", "path": "/out", "coalesce": 0}, "ValueError: coalesce is 0"),
        ("CheckRowCount", {"view": "a", "min": 5, "max": 2}, "ValueError: max (2) is less than min (5)"),
        ("CheckNotNull", {"view": "a", "columns": []}, "ValueError: columns is empty"),
    ],
)
def test_a_ready_made_component_checks_its_config_before_anything_runs(
    name: str, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        load_components([spec(f"airflow_spark_pipeline.components.{name}", **config)])

    (problem,) = caught.value.problems
    assert isinstance(problem, Problem)
    assert message in problem.message


def test_the_archive_of_the_runtime_is_not_listed_again_before_components_are_loaded(tmp_path: Path) -> None:
    script = (
        "import zipimport\n"
        "from airflow_spark_pipeline.runtime.component import loading\n"
        "lists, read = [], zipimport._read_directory\n"
        "zipimport._read_directory = lambda archive: (lists.append(archive), read(archive))[1]\n"
        "loading._look_for_new_files()\n"
        "print(loading.__file__, len(lists))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(runtime_archive())}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    file, lists = done.stdout.split()
    assert ".zip/" in file
    assert lists == "0"  # each takes milliseconds, and there would be one for each package


def test_a_module_that_was_shipped_after_the_start_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    late = ComponentSpec("shipped_late.Load", "load")
    with pytest.raises(PipelineDefinitionError, match="shipped_late"):
        load_components([late])
    time = tmp_path.stat().st_mtime_ns
    text = "from airflow_spark_pipeline import Component\nclass Load(Component):\n    def run(self, spark): pass\n"
    (tmp_path / "shipped_late.py").write_text(text, encoding="utf-8")
    os.utime(tmp_path, ns=(time, time))  # as on a file system with coarse times
    (found,) = load_components([late])
    assert type(found).__module__ == "shipped_late"
