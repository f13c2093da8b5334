"""Options that would do nothing, or that contradict each other, are refused and never ignored."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline.cli.main import main


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("runs --limit 5", "--limit needs --finished"),
        ("runs --all --since 0s", "--since needs --finished"),
        ("runs --all --finished", "--finished and --all contradict each other; remove one of them"),
        ("runs --state completed", "--state completed needs --all or --finished"),
        ("runs --finished --state failed", "--finished and --state failed contradict each other; remove one of them"),
        ("runs --set ds=2026-01-31", "--set needs --file"),
        ("show 1 --values values.yaml", "--values needs --file"),
        ("discard 1 --set params.a=b", "--set needs --file"),
        ("prune --older-than 30d --values values.yaml", "--values needs --file"),
        ("plan etl.conf --json --graph", "--graph and --json contradict each other; remove one of them"),
        ("plan etl.conf --graph mermaid --json", "--graph and --json contradict each other; remove one of them"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(
    command: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.split()) == 2
    assert capsys.readouterr().err == f"{problem}\n"
