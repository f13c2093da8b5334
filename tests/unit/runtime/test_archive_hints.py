"""The hint for a component that opens a file beside its module, if the module is shipped in an archive."""

from __future__ import annotations

import importlib
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.exceptions import ComponentFailedError, PipelineDefinitionError
from airflow_spark_pipeline.user_errors.archives import with_archive_hint
from tests.sparkless import FakeSpark

MODULE = """
import os
from dataclasses import dataclass
from pathlib import Path
from airflow_spark_pipeline import Component

HERE = os.path.dirname(__file__)

@dataclass
class Step(Component):
    code: str
    def run(self, spark):
        eval(self.code)
"""
HINT = (
    r"zipped_etl/sql/orders\.sql is inside an archive.* Read it by importlib\.resources: "
    r"files\('zipped_etl'\)\.joinpath\('sql/orders\.sql'\)\.read_text\(\)"
)


@pytest.fixture(params=["zip", "egg"])
def archive(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / f"with space.{request.param}"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("zipped_etl/__init__.py", "")
        file.writestr("zipped_etl/steps.py", MODULE)
        file.writestr("zipped_etl/sql/orders.sql", "select 1")
        file.writestr("zipped_etl/eager.py", MODULE + "\nopen(HERE + '/sql/orders.sql')")
    monkeypatch.syspath_prepend(path)
    yield path
    for name in [name for name in sys.modules if name.startswith("zipped_etl")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def pipeline(code: str, module: str = "steps") -> str:
    return (
        "pipeline { pipeline-name = x, pipeline-components = [\n"
        f'{{ instance-type = "zipped_etl.{module}.Step", instance-config {{ code = "{code}" }} }} ] }}'
    )


@pytest.mark.parametrize(
    "code",
    [
        "open(HERE + '/sql/orders.sql')",
        "(Path(__file__).parent / 'sql' / 'orders.sql').read_text()",
        "os.listdir(HERE + '/sql/orders.sql')",
        "os.open(os.fsencode(HERE) + b'/sql/orders.sql', 0)",
        "__import__('shutil').copy(HERE + '/sql/orders.sql', '/tmp')",
        "__import__('pandas').read_csv(HERE + '/sql/orders.sql')",
    ],
)
def test_the_error_about_a_file_inside_an_archive_explains_how_to_read_it(code: str, archive: Path) -> None:
    with pytest.raises(ComponentFailedError, match=HINT) as failed:
        PipelineRunner(FakeSpark()).run(pipeline(code))  # type: ignore[arg-type]
    assert str(failed.value).count("importlib.resources") == 1


def test_a_module_that_opens_such_a_file_during_its_import_gets_the_hint_too(archive: Path) -> None:
    with pytest.raises(PipelineDefinitionError, match=HINT):
        PipelineRunner(FakeSpark()).run(pipeline("1", "eager"))  # type: ignore[arg-type]


def test_the_hinted_call_works_in_an_archive(archive: Path) -> None:
    files: Callable[[str], Any] = importlib.import_module("importlib.resources").files
    assert files("zipped_etl").joinpath("sql/orders.sql").read_text() == "select 1"


def test_the_hint_follows_sparks_error(tmp_path: Path) -> None:
    (tmp_path / "my.zip").write_bytes(b"")
    message = f"[PATH_NOT_FOUND] Path does not exist: file:{tmp_path}/my.zip/etl/x.csv. SQLSTATE: 42K03"
    told = with_archive_hint(RuntimeError(message), message)
    assert told.startswith(f"{message}. etl/x.csv is inside an archive")
    assert "files('etl').joinpath('x.csv')" in told
    at_the_top = f"No such file: {tmp_path}/my.zip/x.csv"
    assert "Move it into a package, such as my_package" in with_archive_hint(OSError(at_the_top), at_the_top)


def test_a_path_outside_an_archive_gets_no_hint(tmp_path: Path) -> None:
    (tmp_path / "folder.zip").mkdir()
    for path in (tmp_path / "folder.zip" / "x.sql", tmp_path / "no.zip" / "x.sql", tmp_path / "x.zip", tmp_path / "a"):
        error = FileNotFoundError(2, "No such file or directory", str(path))
        assert with_archive_hint(error, str(error)) == str(error)
