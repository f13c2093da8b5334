"""Random descriptions, read by this package and by the reference implementation of HOCON: 1,000, nightly 3,000."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hocon_reference.comparing import compare

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("start", [0, *(pytest.param(start, marks=pytest.mark.nightly) for start in (1000, 2000))])
def test_descriptions_have_the_references_values_and_few_are_refused(
    start: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    comparison = compare(tmp_path, 1, range(start, start + 1000))
    with capsys.disabled():
        print(f"\n{comparison}")  # noqa: T201  # whoever runs it wants to see the counts
    assert comparison.broken == []
    assert comparison.equal > 500
    assert comparison.refused_share <= 0.15
