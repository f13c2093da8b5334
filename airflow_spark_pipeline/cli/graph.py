"""Shows which components run at the same time: in waves, as text or as a Mermaid diagram."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_spark_pipeline.planning import Plan, Step, StepAction, Waits, waves

_RUNS = (StepAction.RUN, StepAction.REPLAY)


def wave_of(plan: Plan, waits: Waits) -> dict[str, int]:
    """Return the number of the wave, from 1, of each component that runs."""
    return {step.name: number for number, wave in enumerate(waves(plan.steps, waits), start=1) for step in wave}


def text_rows(plan: Plan, waits: Waits) -> Iterator[list[str]]:
    """Yield a row for each component that runs: its wave, its name, and what it waits for."""
    for number, wave in enumerate(waves(plan.steps, waits), start=1):
        for position, step in enumerate(wave):
            yield ["" if position else f"wave {number}", step.name, _after(step, plan, waits)]


def mermaid_lines(plan: Plan, waits: Waits) -> Iterator[str]:
    """Yield the lines of a Mermaid diagram; components that do not run are drawn with dashes."""
    yield "flowchart LR"
    for step in plan.steps:
        name = step.name.replace('"', "#quot;")
        yield f'    c{step.index}["{name}"]{"" if step.action in _RUNS else ":::still"}'
    for step in plan.steps:
        for other in _arrows(step, waits):
            yield f"    c{other} --> c{step.index}"
    yield "    classDef still stroke-dasharray: 4 4"


def _after(step: Step, plan: Plan, waits: Waits) -> str:
    needs = waits[step.index]
    names = [other.name for other in plan.steps[: step.index] if needs is None or other.index in needs]
    if needs is None and len(names) > 1:
        return "after all before it"
    return f"after {', '.join(names)}" if names else ""


def _arrows(step: Step, waits: Waits) -> list[int]:
    """Return the components that a component waits for, without those that another one of them waits for."""
    needs = waits[step.index]
    found = range(step.index) if needs is None else sorted(needs)
    return [index for index in found if not any(_waits(other, index, waits) for other in found if other > index)]


def _waits(index: int, other: int, waits: Waits) -> bool:
    needs = waits[index]
    return other < index if needs is None else any(other == each or _waits(each, other, waits) for each in needs)
