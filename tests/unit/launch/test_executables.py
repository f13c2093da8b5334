"""Which Spark and which Python are used, and the errors if there is none."""

from __future__ import annotations

import importlib.metadata
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_spark_pipeline import spark_installation
from airflow_spark_pipeline.exceptions import SparkInstallationError
from airflow_spark_pipeline.launch.executables import (
    driver_python,
    existing_python,
    find_spark_submit,
    python_path,
)
from airflow_spark_pipeline.spark_installation import require_java, require_spark


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Spark and no Java: nothing is set, ``PATH`` is one empty directory, and pyspark is not installed."""
    for name in ("SPARK_HOME", "JAVA_HOME", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "SPARK_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "path").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    install_no_pyspark(monkeypatch)


def install_no_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(importlib.metadata, "version", _not_installed)


def _not_installed(name: str) -> str:
    raise importlib.metadata.PackageNotFoundError(name)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install pyspark, pyspark-client or both: ``install(files="4.2.0", jars="4.2.0", pyspark="4.2.0")``."""

    def build(*, files: str = "4.2.0", jars: str | None = "4.2.0", **distributions: str) -> Path:
        home = tmp_path / "site-packages" / "pyspark"
        home.mkdir(parents=True)
        (home / "__init__.py").touch()
        (home / "version.py").write_text(f'__version__: str = "{files}"\n', encoding="utf-8")
        if jars is not None:
            executable(home / "bin" / "spark-submit")
            (home / "jars").mkdir()
            (home / "jars" / f"spark-core_2.13-{jars}.jar").touch()
        spec = importlib.machinery.ModuleSpec("pyspark", None, is_package=True)
        spec.submodule_search_locations = [str(home)]
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
        versions = {name.replace("_", "-"): version for name, version in distributions.items()}
        monkeypatch.setattr(
            importlib.metadata,
            "version",
            lambda name: versions[name] if name in versions else _not_installed(name),
        )
        return home

    return build


# ---- spark-submit


def test_spark_home_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Callable[..., Path]) -> None:
    install(pyspark="4.2.0")
    binary = executable(tmp_path / "spark" / "bin" / "spark-submit")
    monkeypatch.setenv("SPARK_HOME", str(tmp_path / "spark"))
    assert find_spark_submit() == (str(binary), {})


def test_a_spark_home_without_spark_submit_is_an_error_that_names_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Callable[..., Path]
) -> None:
    """Falling back in silence would run another Spark than the one that somebody chose."""
    install(pyspark="4.2.0")
    monkeypatch.setenv("SPARK_HOME", str(tmp_path / "spark"))
    with pytest.raises(SparkInstallationError) as caught:
        find_spark_submit()
    binary = tmp_path / "spark" / "bin" / "spark-submit"
    there = f"SPARK_HOME is {tmp_path / 'spark'}, but {binary} does not exist or cannot be run."
    assert str(caught.value) == f"{there} Correct SPARK_HOME, or unset it."
    assert not caught.value.retry_helps


def test_an_installed_pyspark_is_used_with_its_own_home(install: Callable[..., Path], tmp_path: Path) -> None:
    home = install(pyspark="4.2.0", pyspark_client="4.2.0")
    executable(tmp_path / "path" / "spark-submit")
    assert find_spark_submit() == (str(home / "bin" / "spark-submit"), {"SPARK_HOME": str(home)})


def test_with_pyspark_client_alone_spark_submit_is_looked_up_in_the_path(
    install: Callable[..., Path], tmp_path: Path
) -> None:
    install(jars=None, pyspark_client="4.2.0")
    binary = executable(tmp_path / "path" / "spark-submit")
    assert find_spark_submit() == (str(binary), {})


def test_a_pyspark_client_alone_is_explained_with_the_command_that_helps(install: Callable[..., Path]) -> None:
    install(jars=None, pyspark_client="4.2.0")
    with pytest.raises(SparkInstallationError) as caught:
        find_spark_submit()
    text = str(caught.value)
    assert "the Spark provider installs only pyspark-client" in text
    assert "pip install 'airflow-spark-pipeline[spark]', or set SPARK_HOME." in text


def test_without_any_spark_the_same_error_is_raised() -> None:
    with pytest.raises(SparkInstallationError, match="spark-submit was not found"):
        find_spark_submit()


def test_python_files_of_another_spark_than_the_jars_are_refused(install: Callable[..., Path]) -> None:
    """That is what is left on disk where pyspark-client was installed after another pyspark."""
    home = install(files="4.2.0", jars="4.1.0", pyspark="4.1.0", pyspark_client="4.2.0")
    with pytest.raises(SparkInstallationError) as caught:
        find_spark_submit()
    text = str(caught.value)
    assert f"The Python files in {home} are of Spark 4.2, the jars of Spark 4.1" in text
    assert "pip install 'airflow-spark-pipeline[spark]' --force-reinstall" in text


@pytest.mark.parametrize(
    ("pyspark", "client"), [("4.2.0", "4.1.0"), ("4.2.1", "4.2.0"), ("4.2.0", "4.2.1"), ("4.3.0.dev1", "4.3.0")]
)
def test_two_versions_whose_files_happen_to_fit_are_warned_of(
    install: Callable[..., Path], caplog: pytest.LogCaptureFixture, pyspark: str, client: str
) -> None:
    install(pyspark=pyspark, pyspark_client=client)
    with caplog.at_level(logging.WARNING, logger=spark_installation.__name__):
        find_spark_submit()
    (record,) = caplog.records
    assert f"pyspark {pyspark} and pyspark-client {client} contain the same files" in record.getMessage()
    assert f"pyspark=={client} pyspark-client=={client}" in record.getMessage()


_ALONE = "pip uninstall pyspark-client, and then pip install --force-reinstall --no-deps 'pyspark==3.5.9'"


def test_spark_3_with_python_files_of_a_newer_client_is_an_error_that_explains_the_repair(
    install: Callable[..., Path],
) -> None:
    home = install(files="4.2.0", jars="3.5.9", pyspark="3.5.9", pyspark_client="4.2.0")
    with pytest.raises(SparkInstallationError) as caught:
        find_spark_submit()
    text = str(caught.value)
    assert f"The Python files in {home} are of Spark 4.2, the jars of Spark 3.5" in text
    assert text.endswith(_ALONE)


def test_spark_3_is_warned_of_a_client_that_happens_to_be_overwritten(
    install: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    install(files="3.5.9", jars="3.5.9", pyspark="3.5.9", pyspark_client="4.2.0")
    with caplog.at_level(logging.WARNING, logger=spark_installation.__name__):
        find_spark_submit()
    (record,) = caplog.records
    assert record.getMessage().endswith(_ALONE)


@pytest.mark.parametrize("installed", [{"pyspark": "4.2.0", "pyspark_client": "4.2.0"}, {"pyspark": "4.2.0"}])
def test_matching_versions_log_no_warning(
    install: Callable[..., Path], caplog: pytest.LogCaptureFixture, installed: dict[str, str]
) -> None:
    install(**installed)
    find_spark_submit()
    assert not caplog.records


# ---- Java


def test_java_is_found_on_the_path(tmp_path: Path) -> None:
    executable(tmp_path / "path" / "java")
    require_java()


def test_java_is_found_in_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "jdk" / "bin" / "java")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    require_java()


def test_a_wrong_java_home_is_named_even_where_the_path_has_a_java(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark looks into JAVA_HOME alone where it is set."""
    executable(tmp_path / "path" / "java")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    with pytest.raises(SparkInstallationError, match=f"JAVA_HOME is {tmp_path / 'jdk'}"):
        require_java()


def test_without_java_the_error_names_the_needed_version() -> None:
    with pytest.raises(SparkInstallationError, match="Spark needs Java 17 or newer"):
        require_java()


@pytest.mark.parametrize(
    ("release", "too_old"),
    [
        ('JAVA_VERSION="1.8.0_392"', "Java 8"),
        ('IMPLEMENTOR="x"\nJAVA_VERSION="11.0.21"', "Java 11"),
        ('JAVA_VERSION="17"', None),
        ('JAVA_VERSION="21.0.1"', None),
        ('JAVA_VERSION="25-ea"', None),
        ("nothing", None),
    ],
)
def test_a_java_that_is_too_old_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str, too_old: str | None
) -> None:
    java = executable(tmp_path / "jdk" / "bin" / "java")
    (tmp_path / "jdk" / "release").write_text(release, encoding="utf-8")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    if too_old is None:
        require_java()
    else:
        with pytest.raises(SparkInstallationError, match=f"17 or newer: {java} is {too_old}"):
            require_java()


def test_a_java_without_a_release_file_is_asked(tmp_path: Path) -> None:
    java = executable(tmp_path / "path" / "java")
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019' >&2\n", encoding="utf-8")
    with pytest.raises(SparkInstallationError, match="is Java 11"):
        require_java()


# ---- a session of this process


def test_without_pyspark_the_error_names_the_package_to_install() -> None:
    for connect in (True, False):
        with pytest.raises(SparkInstallationError, match=r"pyspark is not installed .* pip install"):
            require_spark(connect=connect)


def test_with_pyspark_client_alone_the_error_names_what_it_cannot_do(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(jars=None, pyspark_client="4.2.0")
    with pytest.raises(SparkInstallationError, match=r"Only pyspark-client is installed .* connect-string"):
        require_spark(connect=False)
    require_spark(connect=True)
    monkeypatch.setenv("SPARK_REMOTE", "sc://host")  # Spark's own variable names a server
    require_spark(connect=False)


def test_with_pyspark_and_without_java_the_error_names_the_needed_version(
    install: Callable[..., Path], tmp_path: Path
) -> None:
    install(pyspark="4.2.0")
    with pytest.raises(SparkInstallationError, match="Spark needs Java 17 or newer"):
        require_spark(connect=False)
    require_spark(connect=True)
    executable(tmp_path / "path" / "java")
    require_spark(connect=False)


def test_both_versions_of_two_mixed_packages_are_reported(install: Callable[..., Path]) -> None:
    install(files="4.1.1", jars="4.2.0", pyspark="4.2.0", pyspark_client="4.1.1")
    with pytest.raises(SparkInstallationError, match=r"4\.1, the jars of Spark 4\.2"):
        require_spark(connect=False)


def test_an_invalid_spark_home_is_reported(
    install: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(jars=None, pyspark_client="4.2.0")
    monkeypatch.setenv("SPARK_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(SparkInstallationError, match=r"SPARK_HOME is .* its bin/spark-submit does not exist"):
        require_spark(connect=False)


# ---- Python


def test_the_drivers_python_is_the_one_that_spark_would_take() -> None:
    conf: dict[str, str] = {}
    environment: dict[str, str] = {}
    assert driver_python(conf, environment) == sys.executable
    environment["PYSPARK_PYTHON"] = "/env/python"
    assert driver_python(conf, environment) == "/env/python"
    environment["PYSPARK_DRIVER_PYTHON"] = "/env/driver"
    assert driver_python(conf, environment) == "/env/driver"
    conf["spark.pyspark.python"] = "/conf/python"
    assert driver_python(conf, environment) == "/conf/python"
    conf["spark.pyspark.driver.python"] = "/conf/driver"
    assert driver_python(conf, environment) == "/conf/driver"


def test_a_spark_home_brings_its_own_pyspark_and_py4j(tmp_path: Path) -> None:
    lib = tmp_path / "python" / "lib"
    lib.mkdir(parents=True)
    for name in ("py4j-0.10.9.9-src.zip", "pyspark.zip"):
        (lib / name).touch()
    found = python_path({"SPARK_HOME": str(tmp_path)})
    assert found == [str(path) for path in (tmp_path / "python", lib / "pyspark.zip", lib / "py4j-0.10.9.9-src.zip")]


def test_without_a_spark_home_the_python_finds_its_own() -> None:
    assert python_path({}) == []


def test_a_drivers_python_that_does_not_exist_here_is_named() -> None:
    with pytest.raises(
        SparkInstallationError, match=r"The driver's Python, /opt/none/python, does not exist"
    ) as caught:
        existing_python("/opt/none/python")
    assert not caught.value.retry_helps
    assert existing_python(sys.executable) == sys.executable
