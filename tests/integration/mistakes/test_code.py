"""Mistakes in components: one error, before a JVM starts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.mistakes import EXTRACT, FUTURE, LOAD, MODULE, Shop, describe

# ---- the code that it names


COMPONENTS: dict[str, tuple[str, str]] = {
    "no such module": (
        EXTRACT.replace("shop_etl", "shop_elt"),
        "[0].instance-type: the driver has no module 'shop_elt'; ship it with py_files",
    ),
    "no such class": (
        EXTRACT.replace("Extract", "Extrakt"),
        "[0].instance-type: 'shop_etl' has no class 'Extrakt'; did you mean 'Extract'?",
    ),
    "no component": (
        EXTRACT.replace("Extract", "Stranger"),
        "shop_etl.Stranger is not a component; derive it from airflow_spark_pipeline.Component",
    ),
    "abstract": (EXTRACT.replace("Extract", "Draft"), "shop_etl.Draft is abstract; it does not define run, tune"),
    "key missing": (EXTRACT.replace("input-path = /in", ""), "[0].instance-config.input-path: missing; expected text"),
    "key unknown": (
        EXTRACT.replace("/in", "/in, limt = 5"),
        "[0].instance-config.limt: unknown key 'limt'; did you mean 'limit'? (known: input-path, limit)",
    ),
    "wrong type": (
        EXTRACT.replace("/in", "/in, limit = many"),
        '[0].instance-config.limit: expected a whole number, found text ("many")',
    ),
    "refused by the class": (
        LOAD.replace("orders", "forbidden"),
        "[0].instance-config: Load could not be constructed: ValueError: table 'forbidden'",
    ),
}


@pytest.mark.parametrize(("component", "message"), COMPONENTS.values(), ids=COMPONENTS.keys())
def test_a_component_that_does_not_fit_its_class_is_explained(shop: Shop, component: str, message: str) -> None:
    found = shop.mistake_in(describe(component))
    assert found.startswith(f"{shop.conf}: pipeline.pipeline-components[0].")
    assert message in found


def test_problems_of_several_components_are_reported_at_once(shop: Shop) -> None:
    found = shop.mistake_in(
        describe(
            "{ instance-type = shop_etl.Extract, instance-config { limit = many, input_path = 5 } }",
            "{ instance-type = shop_etl.Load, instance-config { table = [a], columns = id, overwrite = 3 } }",
            "{ instance-type = nowhere.Step }",
        )
    )
    assert found.startswith("7 problems in the pipeline's description:")
    paths = re.findall(r"pipeline-components(\[\d\]\.[a-z-]+(?:\.[a-z_-]+)?): ", found)
    assert sorted(paths) == [
        "[0].instance-config.input-path",
        "[0].instance-config.input_path",
        "[0].instance-config.limit",
        "[1].instance-config.columns",
        "[1].instance-config.overwrite",
        "[1].instance-config.table",
        "[2].instance-type",
    ]


def test_a_module_that_raises_names_the_error_and_the_line_in_the_users_file(shop: Shop) -> None:
    shop.module.write_text(MODULE + "\nRATE = 1 / 0\n", encoding="utf-8")
    line = MODULE.count("\n") + 2
    found = shop.mistake()
    assert "'shop_etl' cannot be imported: ZeroDivisionError: division by zero" in found
    assert f"shop_etl.py:{line})" in found


def test_a_module_with_a_syntax_error_names_the_line_in_the_users_file(shop: Shop) -> None:
    shop.module.write_text("def broken(:\n", encoding="utf-8")
    found = shop.mistake()
    assert "'shop_etl' cannot be imported: SyntaxError: " in found
    assert "shop_etl.py:1)" in found


def test_a_library_that_a_module_needs_is_named(shop: Shop) -> None:
    shop.module.write_text(MODULE + "\nimport no_such_library.core\n", encoding="utf-8")
    assert "ship 'no_such_library' with py_files, or install it" in shop.mistake()


def test_a_module_that_calls_exit_is_named(shop: Shop) -> None:
    shop.module.write_text("import sys\nsys.exit(0)\n", encoding="utf-8")
    assert "'shop_etl' cannot be imported: SystemExit: 0" in shop.mistake()


def test_a_secret_that_does_not_fit_is_not_shown(shop: Shop) -> None:
    shop.module.write_text(MODULE.replace("limit: int", "password: int"), encoding="utf-8")
    found = shop.mistake_in(describe(EXTRACT.replace("/in", "/in, password = hunter2")))
    assert "instance-config.password: expected a whole number, found text" in found
    assert "hunter2" not in found


# ---- what only looks like a mistake on this machine


def test_a_description_without_mistakes_reaches_spark_submit(shop: Shop) -> None:
    shop.accepted()
    assert shop.looks == ["check"]


def test_a_module_that_spark_downloads_is_not_reported_as_missing(shop: Shop) -> None:
    shop.accepted(py_files=["s3://bucket/shop_etl.zip"])


@pytest.mark.parametrize(
    "arguments",
    [
        {"properties_file": "/etc/spark/shop.properties"},
        {"packages": "com.example:shop-etl:1.0"},
        {"archives": "s3://bucket/environment.tar.gz#environment"},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_a_module_that_spark_gets_in_another_way_is_not_reported_as_missing(
    shop: Shop, arguments: dict[str, Any]
) -> None:
    shop.accepted(py_files=None, **arguments)


def test_the_variables_that_the_driver_will_have_are_there_when_components_are_looked_at(shop: Shop) -> None:
    shop.module.write_text(f"import os\nSHOP = os.environ['SHOP']\n{MODULE}".replace(*FUTURE), encoding="utf-8")
    shop.accepted(env_vars={"SHOP": "north"})
    shop.accepted(py_files=None, env_vars={"SHOP": "north", "PYTHONPATH": str(shop.module.parent)})


@pytest.mark.parametrize("name", ["spark.master", "spark.app.name", "spark.remote", "spark.submit.pyFiles"])
def test_a_setting_that_has_its_own_field_is_refused_before_anything_starts(shop: Shop, name: str) -> None:
    found = shop.mistake(conf={name: "spark://prod:7077", "spark.executor.memory": "1g"})
    assert f"the operator's conf: {name} has no effect as a setting" in found
    assert shop.looks == []


# ---- py_files


def test_a_single_module_is_looked_at_as_well(shop: Shop) -> None:
    """spark-submit makes it importable by its name; the look beforehand must not refuse what would run."""
    (shop.folder / "single.py").write_text(MODULE, encoding="utf-8")
    found = shop.mistake_in(
        describe(
            EXTRACT.replace("shop_etl", "single"),
            LOAD.replace("shop_etl", "single").replace("Load", "Lode"),
        ),
        py_files=["single.py"],
    )
    assert found.startswith(f"{shop.conf}: pipeline.pipeline-components[1].instance-type: 'single' has no class 'Lode'")


def test_a_module_to_ship_that_does_not_exist_is_named_in_full(shop: Shop) -> None:
    found = shop.mistake(py_files=["shop_elt.py", "lib"])
    assert f"{shop.folder / 'shop_elt.py'}: py_files: there is no such file or directory" in found
    assert f"{shop.folder / 'lib'}: py_files: there is no such file or directory" in found


def test_a_file_that_python_cannot_import_is_not_shipped(shop: Shop) -> None:
    (shop.folder / "requirements.txt").touch()
    found = shop.mistake(py_files="libs, requirements.txt")
    assert f"{shop.folder / 'requirements.txt'}: py_files: is not a .py, .zip or .egg file, or a directory" in found
