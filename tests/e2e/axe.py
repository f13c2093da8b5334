"""Runs axe on the page's own elements, without Airflow's frame around them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

_AXE = Path(__file__).parents[2] / "airflow_spark_pipeline/plugins/www/node_modules/axe-core/axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OURS = "[data-testid=resumable-runs], [data-testid=dag-runs], [data-testid=run-view], [role=dialog], [role=alertdialog]"


def finds_nothing(page: Any, what: str) -> None:
    """axe finds nothing in the page as it is shown now, after what fades in or changes its color has done so."""
    if not _AXE.exists():
        pytest.skip("needs axe-core: npm ci in airflow_spark_pipeline/plugins/www")
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        """async ([ours, rules]) => {
            const ends = (each) => each.effect.getComputedTiming().endTime < Infinity;
            const moving = document.getAnimations().filter(ends);
            await Promise.allSettled(moving.map((each) => each.finished));
            const include = [...document.querySelectorAll(ours)];
            const result = await axe.run({ include }, { runOnly: { type: 'tag', values: rules } });
            const told = (node) => node.target.join(' ') + ': ' + node.failureSummary;
            return result.violations.map((each) => [each.id, each.nodes.map(told)]);
        }""",
        [OURS, _RULES],
    )
    assert found == [], f"{what}: {found}"


def finds_nothing_in_either_theme(page: Any, what: str) -> None:
    """axe finds nothing in the page as it is shown now, in the light theme and in the dark one."""
    chosen = page.evaluate("document.documentElement.classList.contains('dark') ? 'dark' : 'light'")
    for theme in ("light", "dark"):
        _show(page, theme)
        finds_nothing(page, f"{what}, {theme}")
    _show(page, chosen)


def _show(page: Any, theme: str) -> None:
    """Show the page in a theme, as Airflow's switch does."""
    page.evaluate(
        """(theme) => {
            document.documentElement.classList.remove('light', 'dark');
            document.documentElement.classList.add(theme);
            document.documentElement.style.colorScheme = theme;
        }""",
        theme,
    )
