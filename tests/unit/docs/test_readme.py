"""The README: its links and examples work, and its versions are those of the package."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from airflow_spark_pipeline.pipeline.parser import parse_pipeline

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
READERS = [ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def cells(row: str) -> list[str]:
    """What is supported, and what it was tested with, of one row of the table of versions."""
    table = README.partition("## Supported versions")[2].partition("\n## ")[0]
    (line,) = re.findall(rf"^\| {row} \|(.*)\|$", table, re.MULTILINE)
    return [cell.strip() for cell in line.split("|")]


def pinned(package: str) -> set[str]:
    """The versions of a package in all sets of pins that the tests run with."""
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("constraints-*.txt")]
    return {version for text in texts for version in re.findall(rf"^{package}==([^\s;]+)", text, re.MULTILINE)}


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


# ---- the versions


def test_the_airflow_of_the_readme_is_the_one_that_the_package_requires_and_is_tested_with() -> None:
    supported, tested = cells("Airflow")
    (required,) = re.findall(r'^    "apache-airflow([<>=].*?)"', PROJECT, re.MULTILINE)
    assert set(re.findall(r"\d[\d.]*", required)) <= set(re.findall(r"\d[\d.]*", supported))
    assert set(tested.split("; ")) == pinned("apache-airflow")


def test_the_spark_of_the_readme_is_the_one_that_the_extra_installs() -> None:
    supported, tested = cells("Spark")
    extras = dict(re.findall(r'^(spark\d*) = \["pyspark==([\d.]+)"', PROJECT, re.MULTILINE))
    assert set(tested.split("; ")) == set(extras.values())
    assert extras["spark"] in pinned("pyspark")
    assert extras["spark"].startswith(supported.partition(";")[0])


def test_the_pythons_of_the_readme_are_those_of_the_package_and_of_the_workflow() -> None:
    supported, _ = cells("Python")
    versions = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)
    assert supported.split(", ") == versions
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert f"python: {json.dumps(versions)}" in workflow


def test_every_engine_of_the_readme_has_its_place_in_the_deployment_page() -> None:
    supported, _ = cells("engines")
    headings = " ".join(re.findall(r"^## (.*)$", (ROOT / "docs" / "deployment.md").read_text("utf-8"), re.MULTILINE))
    for engine in supported.split(", "):
        assert engine.lower() in headings.lower(), engine


# ---- its commands and examples


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE))
    assert named >= {"demo", "test"}
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_examples_of_the_readme_are_read() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    compile(code, "README.md", "exec")
    (description,) = re.findall(r"```hocon\n(.*?)```", README, re.DOTALL)
    spec = parse_pipeline(description.replace("{{ ds }}", "2026-01-31"))
    assert [component.instance_name for component in spec.components] == [
        "CleanOrders",
        "CheckRowCount",
        "LoadWarehouse",
    ]


# ---- links


@pytest.mark.parametrize("path", [*READERS, *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.stem)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(path: Path) -> None:
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (path.parent / file) if file else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link
