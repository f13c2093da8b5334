"""Compared with the reference implementation of HOCON, whose answers are in ``tests/hocon_reference/golden.json``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.hocon_reference.cases import CASES, REFUSED
from tests.hocon_reference.comparing import (
    GOLDEN,
    GOLDEN_FILES,
    GOLDEN_SEED,
    Comparison,
    generate,
    read,
    unify,
    write_case,
)

ANSWERS = json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_each_rule_of_the_specification_gives_the_references_result(name: str, tmp_path: Path) -> None:
    value, reason = read(write_case(tmp_path, name))
    if "error" in ANSWERS[name] or name in REFUSED:
        assert reason
    else:
        assert (value, reason) == (unify(ANSWERS[name]["value"]), "")


def test_generated_descriptions_have_the_references_values(tmp_path: Path) -> None:
    comparison = Comparison()
    for number, file in enumerate(generate(tmp_path, GOLDEN_SEED, range(GOLDEN_FILES))):
        comparison.add(file, ANSWERS[str(number)])
    assert comparison.broken == []
    assert comparison.equal > GOLDEN_FILES / 2
    assert comparison.refused_share < 0.2, comparison
