"""Real drivers, killed and stopped at random moments, on a local disk and on S3; see :mod:`tests.chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.harness import report, run_rounds
from tests.chaos.locations import local_and_s3


@pytest.mark.slow
@pytest.mark.s3
@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", [60, pytest.param(200, marks=pytest.mark.nightly)])
def test_whatever_is_killed_or_stopped_nothing_recorded_runs_again_and_no_two_run_at_once(
    tmp_path: Path, rounds: int
) -> None:
    with local_and_s3(tmp_path / "checkpoints") as places:
        outcomes = run_rounds(places, rounds, 0, tmp_path)
    text = report(outcomes)
    print(text)  # noqa: T201  # the counts, with -s or where it fails
    assert not any(outcome.violations for outcome in outcomes), text
