"""A module above 300 lines is split, or its docstring explains why not."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "airflow_spark_pipeline"
MOST_LINES = 300
REASON = "This is one long file on purpose: "


def too_long(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    doc = " ".join((ast.get_docstring(ast.parse(text)) or "").split())
    return len(text.splitlines()) > MOST_LINES and REASON not in doc


def test_a_long_file_of_the_package_has_a_stated_reason() -> None:
    assert [str(path.relative_to(PACKAGE)) for path in sorted(PACKAGE.rglob("*.py")) if too_long(path)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n" * 300, False),
        ("x = 1\n" * 301, True),
        ('"""A file.\n\nThis is one long file on\npurpose: all is about x.\n"""\n' + "x = 1\n" * 300, False),
        ("# This is one long file on purpose: all is about x.\n" + "x = 1\n" * 300, True),
    ],
)
def test_a_long_file_without_a_reason_is_found(tmp_path: Path, text: str, expected: bool) -> None:
    path = tmp_path / "file.py"
    path.write_text(text, encoding="utf-8")
    assert too_long(path) is expected
