"""The site: every page is in the menu, the reference names existing objects, and the index of errors is complete."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from airflow_spark_pipeline.runtime.component.loading import find_class

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
REFERENCE = sorted((DOCS / "reference").glob("*.md"))


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Reads MkDocs' configuration, which names Python objects."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda loader, suffix, node: suffix)


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def configuration() -> dict[str, Any]:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506  # a safe loader
    return found


def pages(menu: Any) -> list[str]:
    if isinstance(menu, str):
        return [menu]
    return [page for each in (menu.values() if isinstance(menu, dict) else menu) for page in pages(each)]


def test_every_page_is_in_the_menu_once() -> None:
    written = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert sorted(pages(configuration()["nav"])) == written


def test_the_site_is_built_strictly_and_loads_no_fonts() -> None:
    found = configuration()
    assert found["strict"] is True
    assert {*found["validation"]["links"].values(), *found["validation"]["nav"].values()} == {"warn"}
    assert found["theme"]["font"] is False
    script = (ROOT / "scripts" / "docs.sh").read_text(encoding="utf-8")
    # With --quiet, MkDocs does not count warnings, and `strict` refuses nothing.
    assert re.findall(r"^.*mkdocs\" build.*$", script, re.MULTILINE) == [
        'NO_MKDOCS_2_WARNING=1 "$venv/bin/mkdocs" build --strict'
    ]


@pytest.mark.parametrize("page", REFERENCE, ids=lambda path: path.stem)
def test_the_reference_names_what_exists(page: Path) -> None:
    names = re.findall(r"^::: (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert names
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            assert find_class(name), name


def test_every_public_name_is_in_the_reference() -> None:
    import airflow_spark_pipeline

    text = "".join(page.read_text(encoding="utf-8") for page in REFERENCE)
    for name in set(airflow_spark_pipeline.__all__) - {"__version__"}:
        public = getattr(airflow_spark_pipeline, name)
        assert f"::: {public.__module__}" in text, name


def test_the_index_of_errors_matches_the_exceptions() -> None:
    errors = script("errors")
    assert (DOCS / "errors.md").read_text(encoding="utf-8") == errors.page()
    assert len(errors.errors()) > 20


def test_every_error_of_the_index_has_its_place_in_the_troubleshooting() -> None:
    headings = re.findall(r"^### (\w+)$", (DOCS / "troubleshooting.md").read_text(encoding="utf-8"), re.MULTILINE)
    anchors = re.findall(r"troubleshooting\.md#(\w+)", (DOCS / "errors.md").read_text(encoding="utf-8"))
    assert set(anchors) <= {heading.lower() for heading in headings}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[x](../dags_examples/recovery.py)", "[x](source/dags_examples/recovery.py.md)"),
        ("[x](../benchmarks/RESULTS.md#loop)", "[x](source/benchmarks/RESULTS.md#loop)"),
        ("[x](redis_store.py)", "[x](source/docs/redis_store.py.md)"),
        ("[x](operator.md#arguments)", "[x](operator.md#arguments)"),
        ("![x](images/run-light.png)", "![x](images/run-light.png)"),
        ("[x](../nowhere.py)", "[x](../nowhere.py)"),
    ],
)
def test_links_to_other_files_of_the_repository_lead_to_pages_of_the_site(written: str, expected: str) -> None:
    site_pages = script("site_pages")

    class Page:
        class file:  # noqa: N801  # MkDocs' name
            src_uri = "operator.md"

    assert site_pages.on_page_markdown(written, Page) == expected


def test_a_page_from_outside_docs_links_back_to_the_pages_of_the_site() -> None:
    site_pages = script("site_pages")

    class Page:
        class file:  # noqa: N801  # MkDocs' name
            src_uri = "source/CHANGELOG.md"

    assert site_pages.on_page_markdown("[x](docs/versions.md)", Page) == "[x](../versions.md)"
    assert site_pages.on_page_markdown("[x](https://semver.org)", Page) == "[x](https://semver.org)"


def test_every_file_that_a_page_links_to_has_a_page() -> None:
    found = {path.as_posix() for path in script("site_pages").outside()}
    assert {"CHANGELOG.md", "dags_examples/recovery.py", "docs/migration/shop.conf", "docs/redis_store.py"} <= found
    assert not any(path.endswith(".md") and path.startswith("docs/") for path in found)


def test_a_file_of_the_repository_is_shown_as_code() -> None:
    shown = script("site_pages").content_of(Path("dags_examples/recovery.py"))
    assert shown.startswith("# `dags_examples/recovery.py`\n\n````python\n")
    assert "SparkPipelineRunSensor" in shown
