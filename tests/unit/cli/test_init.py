"""``spark-pipeline init`` writes a project that works, and changes no existing file."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_spark_pipeline.cli.project import FILES
from tests.airflows import DagBag
from tests.unit.cli.shell import Shell


def files(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["demo", "a/new one", 'a "quote"', "back\\slash", "$HOME", "größe", "."])
def test_the_project_is_valid_wherever_it_is(shell: Shell, name: str) -> None:
    (shell.directory / "steps.conf").unlink()
    assert shell("init", name) == 0
    project = shell.directory / name
    assert {str(path) for path in files(project)} == set(FILES.values()) == set(shell.out.splitlines())
    assert shell("validate", str(project / "dags" / "orders.conf")) == 0
    assert "OK" in shell.err


def test_the_pipeline_of_the_project_fails_and_resumes_at_the_load(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last component checks the warehouse before it asks for Spark; everything else is run by a slow test."""
    assert shell("init", "demo") == 0
    assert shell("run", "demo/dags/orders.conf", "--only", "LoadOrders") == 1
    assert "LoadOrders failed" in shell.out + shell.err
    assert "the warehouse is down" in shell.err


@pytest.mark.parametrize("existing", ["README.md", "dags/orders.py", "dags/.airflowignore"])
def test_an_existing_file_is_kept_and_nothing_is_written(shell: Shell, existing: str) -> None:
    (shell.directory / existing).parent.mkdir(exist_ok=True)
    (shell.directory / existing).write_text("mine")
    before = files(shell.directory)
    assert shell("init") == 2
    assert files(shell.directory) == before
    assert shell.err == (f"{shell.directory}: has {existing} already; nothing was written. Name another directory\n")
    assert shell.out == ""


def test_a_second_init_names_the_first_files_and_counts_the_others(shell: Shell) -> None:
    assert shell("init", "demo") == 0
    assert shell("init", "demo") == 2
    assert f", … ({len(FILES)} in all) already; nothing was written" in shell.err


@pytest.mark.parametrize("blocked", ["dags", "tests", "dags/orders_etl"])
def test_a_file_in_place_of_a_directory_is_named_and_nothing_is_written(shell: Shell, blocked: str) -> None:
    (shell.directory / blocked).parent.mkdir(exist_ok=True)
    (shell.directory / blocked).write_text("mine")
    before = files(shell.directory)
    assert shell("init") == 2
    assert f"{blocked}: not a directory; nothing was written" in shell.err
    assert files(shell.directory) == before


def test_a_dangling_link_is_not_written_through(shell: Shell) -> None:
    (shell.directory / "README.md").symlink_to(shell.directory / "elsewhere")
    assert shell("init") == 2
    assert "README.md" in shell.err
    assert not (shell.directory / "elsewhere").exists()


def test_a_name_that_is_a_file_is_refused(shell: Shell) -> None:
    assert shell("init", "steps.conf") == 2
    assert "steps.conf: is not a directory; name another one" in shell.err
    assert shell("init", "steps.conf/below") == 2
    assert "steps.conf is a file" in shell.err or "cannot be written" in shell.err


def test_a_directory_that_may_not_be_written_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert shell("init", "demo") == 2
    assert "Permission denied" in shell.err


def test_every_file_of_the_templates_is_written() -> None:
    from airflow_spark_pipeline.cli import project

    templates = Path(project.__file__).with_name("new_project")
    found = {str(path.relative_to(templates)) for path in templates.rglob("*") if path.is_file()}
    assert {each for each in found if "__pycache__" not in each} == set(FILES)


@pytest.mark.parametrize("name", ["{{ 1 }}", "${HOME}", "two\nlines"])
def test_a_path_that_looks_like_a_description_is_refused(shell: Shell, name: str) -> None:
    assert shell("init", name) == 2
    assert "has a brace or a line break in its path; name another directory" in shell.err
    assert not (shell.directory / name).exists()


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")  # Airflow reads .airflowignore with it
def test_airflow_finds_one_dag_in_the_project(shell: Shell) -> None:
    assert shell("init", "demo") == 0
    dags = shell.directory / "demo" / "dags"
    bag = DagBag(str(dags), bundle_path=dags, bundle_name="demo")
    assert bag.import_errors == {}
    assert {dag_id: list(dag.task_dict) for dag_id, dag in bag.dags.items()} == {"orders": ["etl"]}
