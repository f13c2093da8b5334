"""Random histories of a :class:`World`, drawn by Hypothesis or by a seed; one vocabulary for both."""

from __future__ import annotations

import random
from typing import Any

from airflow_spark_pipeline.protocol import EXIT_COMPLETED, EXIT_SUPERSEDED
from tests.unit.protocol.simulation import LEASE, TOMBSTONE, Fault, Process, World

#: How long a fault lasts: short is well below the lease, long is above it.
SHORT, LONG = (0.5, 2.0, LEASE / 3), (LEASE * 1.5, LEASE * 3)
DURATIONS = (*SHORT, *LONG)
TIMED = (
    Fault.OUTAGE,
    Fault.ERROR_LATE,
    Fault.DEATH_LATE,
    Fault.FREEZE_BEFORE,
    Fault.FREEZE_AFTER,
    Fault.HANG_BEFORE,
    Fault.HANG_AFTER,
)


def living(world: World, kind: str = "") -> list[Process]:
    """The processes that are running, the newest last."""
    return [process for process in world.processes if not process.dead and process.name.startswith(kind)]


def play(seed: int, *, more: bool = True) -> World:
    """One random history to its good end; the world is checked.

    :param more: whether it may have parts, early ends, retries in the job, and tries that start over
    """
    draw = random.Random(seed)  # noqa: S311  # not a secret
    world = World(
        seed,
        components=draw.choice((2, 3, 3, 4)),
        whole_seconds=draw.random() < 0.3,
        local=draw.random() < 0.3,
        stubborn=draw.random() < 0.3,
        seconds=draw.choice((0.5, 2.0, 4.0)),
        fail_fast=draw.random() < 0.8,
        keep_history=draw.random() < 0.2,
        parallelism=random.Random(f"parallelism of {seed}").choice((1, 1, 2, 3)),  # noqa: S311
        **(_more(random.Random(f"parts of {seed}")) if more else {}),  # noqa: S311
    )
    world.latencies = draw.choice(((0.01, 0.02, 0.05, 0.2), (0.01, 0.3, 0.9), (0.05,)))
    if draw.random() < 0.3:
        _crowd(world, draw)
    others = random.Random(f"clean-ups of {seed}")  # noqa: S311
    readers = random.Random(f"readers of {seed}")  # noqa: S311
    starts_over = random.Random(f"starting over in {seed}")  # noqa: S311
    for _ in range(draw.randint(2, 14)):
        _something_happens(world, draw)
        if more and starts_over.random() < 0.02:
            world.start_try(start_over=True)
        if readers.random() < 0.4:
            _somebody_reads(world, readers)
        if others.random() < 0.03:
            world.run(others.choice((0.0, 4 * LEASE, 21 * LEASE)))
            world.prune()
        world.check()
    world.finish()
    return world


def _more(draw: random.Random) -> dict[str, Any]:
    """What a third of the histories have: parts, early ends, and retries in the job."""
    if draw.random() < 0.7:
        return {}
    return {
        "parts": draw.choice((2, 3, 5)),
        "at_once": draw.choice((1, 1, 2)),
        "finisher": draw.choice(("", "", "b")),
        "retries": draw.choice((0, 2)),
    }


def play_parts(seed: int) -> World:
    """A component has parts, and something happens while they run; ``seed % 6`` says what."""
    draw = random.Random(seed)  # noqa: S311
    what = ("kill", "edit", "fail", "start over", "freeze", "overtake")[seed % 6]
    world = World(
        seed,
        components=2,
        parts=4,
        at_once=draw.choice((1, 1, 2)),
        seconds=6.0,
        retries=2 if what == "fail" else 0,
        stubborn=what == "overtake",  # the part ends, and is not cancelled
    )
    world.latencies = (0.05,)
    world.failures = {"b": 1} if what == "fail" else {}
    world.start_try()
    some = draw.choice((1, 2))
    if not world.run_until(lambda: _recorded_parts(world) >= some, at_most=60.0) and what != "fail":
        world.violate(f"{some} parts were not recorded")
    driver = next(process for process in world.processes if process.request)
    if what in ("kill", "edit", "start over"):
        world.run(draw.uniform(0.0, 1.0))
        world.kill(driver)
        if what == "edit":
            world.edit(1)
        world.start_try(start_over=what == "start over")
    elif what == "freeze":
        world.arm(driver, draw.choice((1, 2)), Fault.FREEZE_AFTER, LONG[0])  # the commit of a part, or its check
        world.run_until(lambda: driver.frozen)
        world.start_try()
    elif what == "overtake":
        world.run(draw.uniform(0.0, 0.5))
        world.start_try()
    world.settle()
    world.check()
    world.finish()
    return world


def play_an_early_end(seed: int) -> World:
    """A component finishes the run early, and the driver dies before it has recorded the end."""
    world = World(seed, components=4, finisher="b", seconds=1.0, parallelism=1 + seed % 2)
    world.latencies = (0.05,)
    world.start_try()
    if not world.run_until(lambda: "b" in _done(world)):
        world.violate("b was not recorded")
    world.kill(next(process for process in world.processes if process.request))
    world.settle()
    world.finish()
    return world


def play_side_by_side(seed: int) -> World:
    """Components at the same time, of which one waits for another; some die, and nothing else goes wrong."""
    world = World(seed, components=4, seconds=1.0 + seed % 3, parallelism=2 + seed % 2)
    world.start_try()
    world.run(random.Random(seed).uniform(0.5, 6.0))  # noqa: S311
    for process in living(world, "driver"):
        world.kill(process)
    world.settle()
    world.finish()
    return world


def _recorded_parts(world: World) -> int:
    truth = world.oracle.truth
    return 0 if truth is None else sum(len(record.parts) for record in truth.state.components)


def _done(world: World) -> tuple[str, ...]:
    truth = world.oracle.truth
    return () if truth is None else truth.state.completed_components


def play_a_loss(seed: int) -> World:
    """The log is deleted under a driver at a random moment; the next try starts with nothing, and succeeds."""
    draw = random.Random(seed)  # noqa: S311
    world = World(seed, components=4, seconds=draw.choice((0.5, 2.0, 4.0)), local=draw.random() < 0.5)
    world.start_try()
    name = draw.choice("abc")
    world.run_until(lambda: any(process.inside == name for process in world.processes))
    # Not after the last component: others may clean up below the end, so its writer cannot miss what was before it.
    world.run_until(lambda: any(process.inside == "d" for process in world.processes), at_most=draw.uniform(0.0, 3.0))
    world.lose_the_log()
    world.settle()
    if world.numbers():
        world.violate(f"who lost its log left {world.numbers()} in the new one")
    world.check()
    world.finish()
    return world


def play_a_restart(seed: int) -> World:
    """The cluster manager starts a driver again whose run has ended: by its success, or since somebody discarded it."""
    draw = random.Random(seed)  # noqa: S311
    world = World(seed, components=3, seconds=draw.choice((0.5, 2.0)), local=draw.random() < 0.5)
    world.start_try()
    inside = draw.choice("abc")
    world.run_until(lambda: any(inside in process.within for process in world.processes))
    first = next(process for process in world.processes if process.request)
    discarded = seed % 2 == 1
    if discarded:
        world.kill(first)
        world.discard()
    world.settle()
    again = world.rerun(first)
    world.settle()
    expected = EXIT_SUPERSEDED if discarded and not world.success else EXIT_COMPLETED
    if again.code not in (expected, EXIT_SUPERSEDED):
        world.violate(f"a driver that was started after the end ended with {again.code}")
    world.check()
    world.finish()
    return world


def play_a_used_number(seed: int) -> World:
    """A claim lands on the number that a reader has listed, after a clean-up has freed it."""
    return _play_a_claim_on_a_freed_number(seed, newest=2, operation=1)  # its list, whose highest number is 2


def play_a_late_claim(seed: int) -> World:
    """A claim lands on the number of a base that was cleaned up, between a reader's two reads."""
    return _play_a_claim_on_a_freed_number(seed, newest=3, operation=2)  # its read of 3, which names 2 as its base


def _play_a_claim_on_a_freed_number(seed: int, *, newest: int, operation: int) -> World:
    """Somebody reads while that commit is the newest, and is frozen after that operation until the claim is there."""
    world = World(seed, components=4, changes=1, seconds=4.0)
    world.start_try()
    world.run_until(lambda: world.newest == 1)
    world.next_faults["operator"] = {6: (Fault.FREEZE_BEFORE, 100 * LEASE)}  # the create of its claim, 2
    second = world.start_try()
    world.run_until(lambda: world.newest == newest)
    reader = world.look()
    world.arm(reader, operation, Fault.FREEZE_AFTER, 100 * LEASE)
    world.run_until(lambda: world.newest == 4 and 2 not in world.numbers())
    world.thaw(second)
    if not world.run_until(lambda: 2 in world.numbers()):
        world.violate("the claim did not land on the number that was freed")
    world.thaw(reader)
    world.settle()
    world.check()
    world.finish()
    return world


def play_a_claim_of_another_time(seed: int) -> World:
    """A claim follows an end that was removed meanwhile, and the run has begun again; the claimant may be dead."""
    draw = random.Random(seed)  # noqa: S311
    world = World(seed, components=4, changes=draw.choice((0, 1, 2)), seconds=2.0)
    world.start_try()
    world.run_until(lambda: any(process.inside == draw.choice("ab") for process in world.processes))
    world.discard()
    world.settle()
    world.run(TOMBSTONE + LEASE)
    claim = world.newest + 1
    world.next_faults["operator"] = {6: (Fault.FREEZE_BEFORE, 100 * LEASE)}  # the create of its claim
    late = world.start_try()
    world.run_until(lambda: late.operations == 6)
    world.prune()
    if not world.run_until(lambda: not world.numbers()):
        world.violate("the run was not removed")
    world.start_try()
    inside = draw.choice("abc")
    world.run_until(lambda: any(process.inside == inside for process in world.processes))
    if seed % 2:
        world.arm(late, 1, Fault.DEATH_AFTER)
    world.thaw(late)
    if not world.run_until(lambda: claim in world.numbers()):
        world.violate("the claim came too early")
    world.look()
    world.settle()
    world.check()
    world.finish()
    if seed % 2 == 0 and world.try_number > 3:
        world.violate("the late claim cost a try")
    world.check()
    return world


def play_a_frozen_trim(seed: int) -> World:
    """A driver is stopped between two deletes for longer than its lease, and the next try takes over."""
    world = World(seed, components=4, changes=1, seconds=1.0, local=seed % 2 == 1)
    world.start_try()
    world.run_until(lambda: world.newest == 4 and 2 not in world.numbers())
    first = next(process for process in world.processes if process.request)
    world.freeze(first, random.Random(seed).choice(LONG))  # noqa: S311
    world.start_try()
    world.settle()
    world.check()
    world.finish()
    return world


def play_a_damage(seed: int) -> World:
    """Single bits of the newest commit, or of its base, change."""
    draw = random.Random(seed)  # noqa: S311
    world = World(seed, components=4, changes=draw.choice((1, 2, 8)), seconds=1.0)
    world.start_try()
    inside = draw.choice("bcd")
    world.run_until(lambda: any(process.inside == inside for process in world.processes))
    for process in living(world):
        world.kill(process)
    world.settle()
    for _ in range(60):
        world.damage(draw)
    world.check()
    world.finish()
    return world


def _somebody_reads(world: World, draw: random.Random) -> None:
    """Readers, each stopped for a while between two of its requests, while everything else goes on."""
    for _ in range(draw.randint(1, 3)):
        world.arm(world.look(), draw.randint(1, 4), Fault.FREEZE_AFTER, draw.choice((*SHORT, LEASE)))


def _crowd(world: World, draw: random.Random) -> None:
    """Tries that follow each other faster than drivers notice; some of them stop in the middle."""
    for _ in range(draw.randint(2, 4)):
        world.start_try()
        world.run(draw.uniform(0.2, 4.0))
        if draw.random() < 0.3 and living(world):
            world.freeze(draw.choice(living(world)), draw.choice(DURATIONS))


def _something_happens(world: World, draw: random.Random) -> None:
    what = draw.choice(("try", "try", "fault", "fault", "fault", "now", "kill", "time", "time", "run", "rare"))
    alive = living(world)
    if what == "try" and not (world.success and draw.random() < 0.5):
        for kind in ("operator", "driver"):
            if draw.random() < 0.5:
                world.next_faults[kind] = {draw.randint(1, 25): _fault(draw)}
        world.queue_seconds = draw.choice((0.0, 0.0, 0.0, 1.0, LEASE, 4 * LEASE))
        world.start_try(clear=draw.random() < 0.15)
        world.run(draw.choice((0.3, 1.0, 3.0, 8.0, 20.0)))
    elif what == "fault" and alive:
        world.arm(draw.choice(alive), draw.randint(1, 10), *_fault(draw))
        world.run(draw.choice((0.5, 2.0, 5.0)))
    elif what == "now" and alive:
        world.freeze(draw.choice(alive), draw.choice(DURATIONS))
    elif what == "kill" and alive:
        world.kill(draw.choice(alive))
    elif what == "time":
        world.run(draw.uniform(0.01, 3.0))
    elif what == "run":
        world.run(draw.choice((LEASE / 2, LEASE, 2 * LEASE, 4 * LEASE)))
    elif what == "rare":
        _rare(world, draw)


def _rare(world: World, draw: random.Random) -> None:
    what = draw.choice(("rerun", "discard", "edit", "fail", "fail"))
    drivers = [process for process in world.processes if process.name.startswith("driver")]
    if what == "rerun" and drivers:
        world.rerun(draw.choice(drivers[-2:]))
    elif what == "discard":
        world.discard()
    elif what == "edit":
        world.edit(draw.randrange(len(world.spec.components)))
    elif what == "fail":
        world.failures[draw.choice(world.spec.components).instance_name] = draw.randint(1, 2)
    world.run(draw.choice((0.2, 1.0, 4.0)))


def _fault(draw: random.Random) -> tuple[Fault, float]:
    fault = draw.choice(list(Fault))
    return fault, draw.choice(DURATIONS) if fault in TIMED else 0.0
