"""Shipping the user's modules: which files are accepted, what is zipped, and where zips are cached."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, SparkPipelineError
from airflow_spark_pipeline.launch.archives import directory_archive
from airflow_spark_pipeline.launch.py_files import resolve_py_files


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the system's temporary files, of this test alone."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory / f"airflow-spark-pipeline-{os.getuid()}"


@pytest.fixture
def etl(tmp_path: Path) -> Path:
    """A package beside a DAG file."""
    package = tmp_path / "my_etl"
    (package / "steps").mkdir(parents=True)
    for name in ("__init__.py", "load.py", "steps/__init__.py", "steps/clean.py"):
        (package / name).write_text(f"# {name}\n", encoding="utf-8")
    (package / "steps" / "schema.json").write_text("{}", encoding="utf-8")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "load.cpython-311.pyc").touch()
    return package


def names(archive: str | Path) -> list[str]:
    return zipfile.ZipFile(archive).namelist()


# ---- directories


def test_a_package_is_importable_by_its_name(etl: Path) -> None:
    assert names(directory_archive(etl)) == [
        "my_etl/__init__.py",
        "my_etl/load.py",
        "my_etl/steps/__init__.py",
        "my_etl/steps/clean.py",
        "my_etl/steps/schema.json",
    ]


def test_the_content_of_any_other_directory_is_importable(etl: Path, tmp_path: Path) -> None:
    (tmp_path / "libs").mkdir()
    etl.rename(tmp_path / "libs" / "my_etl")
    (tmp_path / "libs" / "tools.py").touch()
    found = names(directory_archive(tmp_path / "libs"))
    assert found[0] == "my_etl/__init__.py"
    assert found[-1] == "tools.py"


def test_python_imports_from_the_archive(etl: Path) -> None:
    code = "import my_etl.steps.clean as module; print(module.__file__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(directory_archive(etl))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().endswith(".zip/my_etl/steps/clean.py")


def test_the_same_files_give_the_same_archive_and_others_another(etl: Path) -> None:
    first = directory_archive(etl)
    content = first.read_bytes()
    os.utime(etl / "load.py", (0, 0))
    first.unlink()
    assert directory_archive(etl) == first
    assert first.read_bytes() == content

    (etl / "load.py").write_text("# changed\n", encoding="utf-8")
    assert directory_archive(etl) != first


def test_moving_text_from_one_file_to_another_gives_another_archive(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for text_a, text_b in (("x", "yz"), ("xy", "z")):
        (tmp_path / "a" / "a.py").write_text(text_a, encoding="utf-8")
        (tmp_path / "a" / "b.py").write_text(text_b, encoding="utf-8")
        directory_archive(tmp_path / "a")
    assert len(list(directory_archive(tmp_path / "a").parent.iterdir())) == 2


def test_an_empty_directory_gives_an_archive_that_python_can_open(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert names(directory_archive(tmp_path / "empty")) == []


def test_other_users_may_read_but_not_write_an_archive(etl: Path, cache: Path) -> None:
    archive = directory_archive(etl)
    assert archive.parent == cache
    assert archive.stat().st_mode & 0o777 == 0o644
    assert cache.stat().st_mode & 0o022 == 0


# ---- the cache


def test_a_cache_owned_by_another_user_is_refused(etl: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can put a zip there runs code in the driver."""
    cache.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: int(cache.name.rpartition("-")[2]) + 1)
    theirs = cache.with_name(f"airflow-spark-pipeline-{os.getuid()}")
    theirs.mkdir()
    with pytest.raises(SparkPipelineError, match=f"{theirs} must be a directory that belongs to user"):
        directory_archive(etl)


def test_a_cache_that_other_users_can_write_to_is_refused(etl: Path, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(SparkPipelineError, match=r"no other user can write to; remove it, or set TMPDIR\."):
        directory_archive(etl)


def test_a_link_in_place_of_the_cache_is_refused(etl: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    cache.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SparkPipelineError, match="remove it, or set TMPDIR"):
        directory_archive(etl)


def test_a_file_in_place_of_the_cache_is_refused(etl: Path, cache: Path) -> None:
    cache.touch()
    with pytest.raises(SparkPipelineError, match="remove it, or set TMPDIR"):
        directory_archive(etl)


# ---- py_files


def test_nothing_is_shipped_if_nothing_is_named(tmp_path: Path) -> None:
    assert resolve_py_files(None, tmp_path) == []
    assert resolve_py_files("", tmp_path) == []
    assert resolve_py_files([], tmp_path) == []


def test_paths_start_at_the_dag_file_and_urls_stay_what_they_are(tmp_path: Path) -> None:
    for name in ("a.py", "b.zip", "c.egg", "d.whl"):
        (tmp_path / name).touch()
    named = ["a.py", "b.zip", "c.egg", "d.whl", "s3://bucket/e.zip", "hdfs://host/f.py", "local:///opt/g.py"]
    assert resolve_py_files(named, tmp_path) == [str(tmp_path / name) for name in named[:4]] + named[4:]


def test_one_text_may_name_several_separated_by_commas(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    assert resolve_py_files(" a.py, ,s3://bucket/b.zip,", tmp_path) == [str(tmp_path / "a.py"), "s3://bucket/b.zip"]


def test_a_directory_is_zipped_on_the_way(etl: Path, tmp_path: Path) -> None:
    (archive,) = resolve_py_files("my_etl", tmp_path)
    assert "my_etl/load.py" in names(archive)
    assert resolve_py_files([f"{etl}/"], Path("/nowhere")) == [archive]


def test_all_files_that_cannot_be_shipped_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(PipelineDefinitionError) as caught:
        resolve_py_files(["a.py", "notes.txt", "lib"], tmp_path)
    assert [problem.file for problem in caught.value.problems] == [
        str(tmp_path / name) for name in ("a.py", "notes.txt", "lib")
    ]
    assert not caught.value.retry_helps
