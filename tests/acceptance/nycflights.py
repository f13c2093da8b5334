"""The expected log lines of both tries of the example."""

from __future__ import annotations

from tests.acceptance.client import Run

BEFORE = ["Load(flights)", "Load(airlines)", "Load(planes)", "Load(weather)", "Clean(flights)"]
FAILS = "Join(weather)"
AFTER = ["Delays(carrier, hour)", "Delays(wind)", "Delays(plane age)", "Check(carrier, hour)"]


def assert_try_fails_at_the_outage(run: Run, try_number: int) -> None:
    steps = run.steps(try_number)
    assert len(steps) == len(BEFORE) + 1
    steps[:4] = sorted(steps[:4])  # the four sources are loaded at the same time
    for number, (step, name) in enumerate(zip(steps, BEFORE, strict=False), 1):
        assert step.startswith(f"[{number}/10] {name} done in ")
    assert steps[-1].startswith(f"[6/10] {FAILS} failed after ")
    assert "the weather service does not answer" in steps[-1]


def assert_try_goes_on_from_there(run: Run, try_number: int) -> None:
    steps = run.steps(try_number)
    assert steps[:5] == [f"[{number}/10] {name} skipped (done in attempt 1)" for number, name in enumerate(BEFORE, 1)]
    assert len(steps) == 10
    for number, (step, name) in enumerate(zip(steps[5:], [FAILS, *AFTER], strict=True), 6):
        assert step.startswith(f"[{number}/10] {name} done in ")
