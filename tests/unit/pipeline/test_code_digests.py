from __future__ import annotations

import py_compile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_spark_pipeline.pipeline.code_digests import CodeFiles, user_roots

SOURCES = {
    "my_etl/__init__.py": "",
    "my_etl/load.py": "import json, plain\nfrom . import rates\nfrom .deep.helpers import clean\nclass Load: ...\n",
    "my_etl/rates.py": "from my_etl.deep import more\n",
    "my_etl/deep/__init__.py": "",
    "my_etl/deep/helpers.py": "def clean():\n    from ..late import thing\n",
    "my_etl/deep/more.py": "import importlib\nimportlib.import_module('by_name.inner')\n",
    "my_etl/late.py": "import pandas, pyspark, airflow_spark_pipeline.runtime.loop.loop\n",
    "my_etl/unused.py": "1\n",
    "plain.py": "def broken(:\n",
    "by_name/inner.py": "1\n",
}
USED = sorted(SOURCES.keys() - {"my_etl/unused.py"})


def _write(root: Path, sources: dict[str, str]) -> str:
    for name, text in sources.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return str(root)


def _zip(root: Path, sources: dict[str, str]) -> str:
    root.mkdir(exist_ok=True)
    with zipfile.ZipFile(root / "code.zip", "w") as archive:
        for name, text in sources.items():
            archive.writestr(name, text)
    return str(root / "code.zip")


@pytest.fixture(params=[_write, _zip], ids=["directory", "zip"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[dict[str, str]], str]:
    return lambda sources: request.param(tmp_path / "code", sources)


def test_the_files_are_those_that_the_class_and_its_imports_are_in(place: Callable[[dict[str, str]], str]) -> None:
    assert list(CodeFiles([place(SOURCES)]).digests("my_etl.load.Load", "salt")) == USED


def test_a_directory_and_a_zip_of_it_give_the_same(tmp_path: Path) -> None:
    roots = _write(tmp_path / "a", SOURCES), _zip(tmp_path / "b", SOURCES)
    one, other = (CodeFiles([root]).digests("my_etl.load.Load", "salt") for root in roots)
    assert one == other


@pytest.mark.parametrize("file", USED)
def test_an_edit_of_any_of_these_files_is_detected_and_of_no_other(file: str, tmp_path: Path) -> None:
    before = CodeFiles([_write(tmp_path, SOURCES)]).digests("my_etl.load.Load", "salt")
    _write(tmp_path, {file: SOURCES[file] + "# edited\n", "my_etl/unused.py": "2\n"})
    after = CodeFiles([str(tmp_path)]).digests("my_etl.load.Load", "salt")
    assert [name for name in after if after[name] != before[name]] == [file]


def test_a_class_that_a_package_gives_out_is_followed_to_its_module(tmp_path: Path) -> None:
    sources = {"etl/__init__.py": "from etl._load import Load\n", "etl/_load.py": "class Load: ...\n"}
    files = CodeFiles([_write(tmp_path, sources)]).digests("etl.Load", "salt")
    assert list(files) == ["etl/__init__.py", "etl/_load.py"]


def test_line_ends_and_places_do_not_count(tmp_path: Path) -> None:
    one = CodeFiles([_write(tmp_path / "a", {"m.py": "x = 1\ny = 2\n"})])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "m.py").write_bytes(b"x = 1\r\ny = 2\r\n")
    assert one.digests("m.C", "s") == CodeFiles([str(tmp_path / "b")]).digests("m.C", "s")
    assert one.digests("m.C", "s") != one.digests("m.C", "other salt")


def test_compiled_modules_count_by_their_content(tmp_path: Path) -> None:
    digests: list[dict[str, str]] = []
    for text in ("x = 1\n", "x = 1\n", "x = 2\n"):
        source, root = tmp_path / "m.py", tmp_path / f"{len(digests)}"
        source.write_text(text, encoding="utf-8")
        root.mkdir()
        py_compile.compile(str(source), cfile=str(root / "m.pyc"), dfile="m.py", doraise=True)
        digests.append(CodeFiles([str(root)]).digests("m.C", "s"))
    assert digests[0] == digests[1] != digests[2]
    assert list(digests[0]) == ["m.pyc"]


def test_the_first_root_wins_and_missing_modules_are_unknown(tmp_path: Path) -> None:
    first, second = _write(tmp_path / "a", {"m.py": "1"}), _write(tmp_path / "b", {"m.py": "2"})
    assert CodeFiles([first, second]).digests("m.C", "s") == CodeFiles([first]).digests("m.C", "s")
    assert CodeFiles([first, str(tmp_path / "none"), __file__]).digests("elsewhere.C", "s") == {}


def test_installed_modules_are_not_the_users(tmp_path: Path) -> None:
    own, installed = tmp_path / "own", tmp_path / "lib" / "site-packages"
    own.mkdir()
    installed.mkdir(parents=True)
    assert user_roots([str(installed), str(own), str(own), str(tmp_path / "none")]) == [str(own)]


@pytest.mark.parametrize(("directories", "named"), [(3, "etl/d1/*"), (30, "etl/*")])
def test_many_files_are_recorded_by_directory_and_an_edit_is_still_detected(
    directories: int, named: str, tmp_path: Path
) -> None:
    """Commits hold the map for each component, so it must not grow with the code base."""
    names = [f"etl/d{number % directories}/m{number}.py" for number in range(60)]
    imports = "".join(f"import {name.removesuffix('.py').replace('/', '.')}\n" for name in names)
    root = _write(tmp_path, {**dict.fromkeys(names, "1"), "etl/__init__.py": "", "main.py": imports})
    before = CodeFiles([root]).digests("main.C", "s")
    _write(tmp_path, {names[1]: "2"})
    after = CodeFiles([root]).digests("main.C", "s")
    assert len(before) <= 20
    assert [name for name in after if after[name] != before[name]] == [named]


def test_of_an_archive_only_the_modules_that_a_component_may_import_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "runtime.zip", "w") as archive:
        for number in range(20):
            archive.writestr(f"airflow_spark_pipeline/m{number}.py", "1")
        archive.writestr("etl.py", "import airflow_spark_pipeline.m1")
    reads = []
    read = zipfile.ZipFile.read

    def noted(archive: zipfile.ZipFile, name: str) -> bytes:
        reads.append(name)
        return read(archive, name)

    monkeypatch.setattr(zipfile.ZipFile, "read", noted)
    assert list(CodeFiles([str(tmp_path / "runtime.zip")]).digests("etl.Load", "s")) == ["etl.py"]
    assert reads == ["etl.py"]


def test_a_damaged_file_of_an_archive_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "etl.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("etl.py", "x = 1")
        archive.writestr("other.py", "x = 1")
    file.write_bytes(file.read_bytes().replace(b"x = 1", b"x = 2", 1))  # its checksum no longer matches
    assert CodeFiles([str(file)]).digests("etl.Load", "s") == {}
    assert list(CodeFiles([str(file)]).digests("other.Load", "s")) == ["other.py"]
