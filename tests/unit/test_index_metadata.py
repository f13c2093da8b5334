"""The metadata for a package index: absolute links, and the project's addresses."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from scripts.index_metadata import main, with_absolute_links, with_urls

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://code.example/data/airflow-spark-pipeline"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("[a](docs/a.md)", f"[a]({REPOSITORY}/blob/v1.2.3/docs/a.md)"),
        (
            "[a](docs/a.md#part), [b](B.md)",
            f"[a]({REPOSITORY}/blob/v1.2.3/docs/a.md#part), [b]({REPOSITORY}/blob/v1.2.3/B.md)",
        ),
        ("![a picture](docs/a.png)", f"![a picture]({REPOSITORY}/raw/v1.2.3/docs/a.png)"),
        ("[a](https://spark.example/x)", "[a](https://spark.example/x)"),
        ("[mail](mailto:a@b.example)", "[mail](mailto:a@b.example)"),
        ("[below](#install)", "[below](#install)"),
    ],
)
def test_links_and_pictures_become_absolute(given: str, expected: str) -> None:
    assert with_absolute_links(given, REPOSITORY, "1.2.3") == expected


def test_no_relative_link_of_the_readme_is_left_and_none_is_broken() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", with_absolute_links(readme, REPOSITORY, "1.2.3"))
    assert len(targets) > 10
    for target in targets:
        assert target.startswith("https://"), target
        path = re.sub(rf"^{REPOSITORY}/(blob|raw)/v1.2.3/", "", target).partition("#")[0]
        assert path.startswith("https://") or (ROOT / path).exists(), target


def test_the_project_gets_its_addresses_and_they_are_nowhere_else() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    released = with_urls(pyproject, REPOSITORY, "1.2.3")
    urls = re.search(r"^\[project\.urls\]\n(.*?)\n\n", released, re.MULTILINE | re.DOTALL)
    assert urls is not None
    assert [line.split(" = ")[0] for line in urls[1].splitlines()] == [
        "Homepage",
        "Documentation",
        "Changelog",
        "Issues",
        "Source",
    ]
    assert released.replace(f"{urls[0]}", "") == pyproject
    with pytest.raises(ValueError, match="already"):
        with_urls(released, REPOSITORY, "1.2.3")


def copied(directory: Path) -> Path:
    for name in ("README.md", "pyproject.toml", "airflow_spark_pipeline/__init__.py"):
        (directory / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, directory / name)
    return directory


def test_a_copy_is_prepared_as_a_whole(tmp_path: Path) -> None:
    main(str(copied(tmp_path)), REPOSITORY)
    assert f'Homepage = "{REPOSITORY}"' in (tmp_path / "pyproject.toml").read_text(encoding="utf-8")
    assert f"]({REPOSITORY}/raw/v" in (tmp_path / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "address", ["", "data/airflow-spark-pipeline", "https://code.example", 'https://code.example/"/x']
)
def test_an_invalid_repository_address_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match="is not the address of a repository"):
        main(str(copied(tmp_path)), address)
