"""The import contracts can fail: one import that breaks each is planted in a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "airflow_spark_pipeline"
IGNORED = shutil.ignore_patterns("www", "__pycache__")
FOR_ITS_TYPES = "\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
PLANTED = [
    ("In the Airflow process, a package", "hooks/spark_pipeline.py", "import airflow_spark_pipeline.task.unit"),
    ("In the Airflow process, a package", "task/unit.py", "import airflow_spark_pipeline.operators.spark_pipeline"),
    ("In the Spark driver, a package", "pipeline/spec.py", "import airflow_spark_pipeline.runtime.loop.loop"),
    ("Airflow's packages ship the runtime", "launch/archives.py", "import airflow_spark_pipeline.runtime.__main__"),
    ("What travels to the driver", "runtime/loop/loop.py", "import airflow.sdk"),
    ("The memory does not know the", "checkpoint/key.py", "import airflow_spark_pipeline.pipeline.spec"),
    ("The decision is pure: it opens no", "planning/plan.py", "import airflow_spark_pipeline.checkpoint.log"),
    ("The decision is pure: it asks the", "planning/plan.py", "import subprocess"),
    (
        "In the runtime, a package imports only",
        "runtime/process/output.py",
        "import airflow_spark_pipeline.runtime.spark.session",
    ),
    (
        "In the runtime, a package imports only",
        "runtime/spark/connect.py",
        "import airflow_spark_pipeline.runtime.driver.driver",
    ),
    (
        "In the runtime, a package imports only",
        "runtime/loop/loop.py",
        "import airflow_spark_pipeline.runtime.driver.watchdog",
    ),
    ("No import is circular", "task/try_arguments.py", "import airflow_spark_pipeline.task.unit"),
    ("No import is circular", "task/way.py", "import airflow_spark_pipeline.task.submit_way"),
    ("No import is circular", "runtime/loop/tries.py", "import airflow_spark_pipeline.runtime.loop.loop"),
]


def broken(folder: Path) -> list[str]:
    """The names of the contracts that a copy of the package breaks."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    return [line.rpartition(" BROKEN")[0] for line in done.stdout.splitlines() if " BROKEN" in line]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / PACKAGE, folder / PACKAGE, ignore=IGNORED)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_package_keeps_its_contracts(copy: Path) -> None:
    assert broken(copy) == []


@pytest.mark.parametrize(("contract", "file", "planted"), PLANTED)
def test_an_import_for_its_types_alone_breaks_a_contract(copy: Path, contract: str, file: str, planted: str) -> None:
    path = copy / PACKAGE / file
    before = path.read_text(encoding="utf-8")
    path.write_text(before + FOR_ITS_TYPES + planted + "\n", encoding="utf-8")
    try:
        assert any(name.startswith(contract) for name in broken(copy))
    finally:
        path.write_text(before, encoding="utf-8")


def test_every_contract_has_an_import_that_breaks_it() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = [part.partition('"')[0] for part in text.partition("[tool.importlinter]")[2].split('\nname = "')[1:]]
    assert [name for name in names if not any(name.startswith(contract) for contract, _, _ in PLANTED)] == []


def test_no_import_in_the_whole_package_is_circular() -> None:
    """File by file, while the contract of that name looks at the packages of one package at a time."""
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=False, cache_dir=None)
    files = graph.modules - {PACKAGE}
    known = {file: graph.find_modules_directly_imported_by(file) & files for file in files}
    while leaves := [file for file, needed in known.items() if not needed & known.keys()]:
        for file in leaves:
            del known[file]
    assert sorted(known) == []
