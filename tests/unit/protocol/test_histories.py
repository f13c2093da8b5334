"""Random histories of several attempts at one unit of work, with everything that can go wrong, in every order.

``HISTORIES=100000`` runs that many instead of a minute's worth. A failure prints the seed, or Hypothesis's own
reproduction, and the story that led to it.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.protocol.histories import (
    DURATIONS,
    TIMED,
    living,
    play,
    play_a_claim_of_another_time,
    play_a_damage,
    play_a_frozen_trim,
    play_a_late_claim,
    play_a_loss,
    play_a_restart,
    play_a_used_number,
    play_an_early_end,
    play_parts,
    play_side_by_side,
)
from tests.unit.protocol.mutations import MUTATIONS
from tests.unit.protocol.mutations_of_parts import MUTATIONS_OF_PARTS
from tests.unit.protocol.simulation import LEASE, Fault, Violation, World

HISTORIES = int(os.environ.get("HISTORIES", "0"))
SEEDED = HISTORIES or 1_000
DRAWN = max(HISTORIES // 10, 250)
CHUNKS = max(HISTORIES // 500, 10)
ENOUGH_TO_FIND_A_MUTATION = 4_000
# Tried first, to save time. That they no longer do, after a change of the histories, is no failure.
SEEDS_THAT_FOUND_IT = {
    "no nonce is read back": (419,),
    "the clean-up deletes newer commits": (98, 136),
    "nobody waits for others": (7, 9),
    "only the predecessor is waited for": (115,),
    "who waits does not look for successors": (820,),
    "all drivers share one heartbeat": (7, 9),
    "a lost lease cancels nothing": (62,),
    "nobody asks the watchdog": (248,),
    "a clear is ignored": (6, 10),
    "every try after a success is a clear": (1, 6),
    "numbers are used again": (4, 6),
    "creates overwrite": (0, 8),
    "edits are not compared": (142,),
    "all heartbeats are cleared": (179,),
    "who stops deletes all of its outputs": (19,),
    "who stops deletes what it may have recorded": (596,),
    "tombstones are removed at once": (47, 58),
}

#: The same, of the stories.
STORY_THAT_FINDS_IT: Mapping[str, Callable[[int], World]] = dict.fromkeys(MUTATIONS_OF_PARTS, play_parts) | {
    "a listed number is read as it is": play_a_used_number,
    "an early end is forgotten": play_an_early_end,
    "dependencies are not waited for": play_side_by_side,
}

STORIES = (
    play_a_loss,
    play_a_restart,
    play_a_used_number,
    play_a_late_claim,
    play_a_claim_of_another_time,
    play_a_frozen_trim,
    play_a_damage,
    play_parts,
    play_an_early_end,
    play_side_by_side,
)
#: Histories that broke a promise once: a claim that was decided on an end which was removed before it was created;
#: a part whose commit was there although recording it failed, and whose component was tried again; a reader that read
#: a claim under a number which was another commit's when the reader listed it.
LESSONS = (12620, 727, 22259)

durations = st.sampled_from(DURATIONS)
faults = st.sampled_from(list(Fault))
soon = st.integers(1, 25)


@pytest.mark.timeout(0 if HISTORIES else 300)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_seeded_history_keeps_every_promise(chunk: int) -> None:
    for seed in range(chunk * SEEDED // CHUNKS, (chunk + 1) * SEEDED // CHUNKS):
        try:
            play(seed)
        except Violation as violation:
            raise Violation(f"play({seed}): {violation}") from None


@pytest.mark.parametrize("seed", LESSONS)
def test_a_history_that_once_broke_a_promise_keeps_all_promises_now(seed: int) -> None:
    play(seed)


@pytest.mark.parametrize("seed", range(10))
def test_a_claim_that_follows_an_end_of_an_earlier_log_does_not_count(seed: int) -> None:
    play_a_claim_of_another_time(seed)


@pytest.mark.parametrize("seed", range(20))
def test_a_driver_whose_log_is_deleted_stops_and_leaves_nothing_behind(seed: int) -> None:
    world = play_a_loss(seed)
    assert world.outcomes[0] in ("CheckpointLostError", "CheckpointError")


@pytest.mark.parametrize("seed", range(10))
def test_a_driver_that_is_started_again_after_the_end_runs_nothing(seed: int) -> None:
    play_a_restart(seed)


@pytest.mark.parametrize("seed", range(10))
def test_a_reader_whose_base_was_replaced_by_a_late_claim_gets_the_right_state(seed: int) -> None:
    play_a_late_claim(seed)


@pytest.mark.parametrize("seed", range(10))
def test_a_reader_whose_listed_number_was_reused_gets_the_right_state(seed: int) -> None:
    play_a_used_number(seed)


@pytest.mark.parametrize("seed", range(10))
def test_a_driver_frozen_between_two_deletes_starts_no_component(seed: int) -> None:
    play_a_frozen_trim(seed)


@pytest.mark.parametrize("seed", range(10))
def test_a_changed_bit_in_a_commit_or_in_its_base_is_never_believed(seed: int) -> None:
    play_a_damage(seed)


@pytest.mark.parametrize("seed", range(24))
def test_after_any_fault_exactly_the_missing_parts_are_done(seed: int) -> None:
    assert play_parts(seed).oracle.parts.begun >= 4


@pytest.mark.parametrize("seed", range(4))
def test_components_left_out_by_finish_stay_left_out_after_a_death(seed: int) -> None:
    world = play_an_early_end(seed)
    assert {name for _, _, name in world.oracle.entries} == {"a", "b"}


@pytest.mark.parametrize("seed", range(8))
def test_components_at_the_same_time_wait_for_what_they_depend_on_after_a_death_too(seed: int) -> None:
    assert {name for _, _, name in play_side_by_side(seed).oracle.entries} == set("abcd")


class Protocol(RuleBasedStateMachine):
    """The same world, with what happens drawn, and shrunk, by Hypothesis."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(
        seed=st.integers(0, 99),
        components=st.integers(1, 3),
        whole_seconds=st.booleans(),
        local=st.booleans(),
        stubborn=st.booleans(),
        fail_fast=st.booleans(),
        keep_history=st.booleans(),
        changes=st.integers(0, 3),
        parallelism=st.integers(1, 3),
        parts=st.sampled_from((0, 0, 3)),
        at_once=st.integers(1, 2),
        finisher=st.sampled_from(("", "", "b")),
        retries=st.sampled_from((0, 0, 1)),
    )
    def begin(self, **options: Any) -> None:
        self.world = World(seconds=2.0, **options)

    @rule(
        clear=st.booleans(),
        queue=st.sampled_from((0.0, 0.0, 1.0, 4 * LEASE)),
        wait=st.sampled_from((0.5, 2.0, 6.0, 20.0)),
    )
    def airflow_starts_a_try(self, *, clear: bool, queue: float, wait: float) -> None:
        self.world.queue_seconds = queue
        self.world.start_try(clear=clear)
        self.world.run(wait)

    @rule(kind=st.sampled_from(("operator", "driver")), at=soon, fault=faults, seconds=durations)
    def the_next_one_is_doomed(self, kind: str, at: int, fault: Fault, seconds: float) -> None:
        self.world.next_faults[kind][at] = (fault, seconds if fault in TIMED else 0.0)

    @rule(wait=st.sampled_from((0.5, 6.0)))
    def airflow_starts_a_try_that_starts_over(self, wait: float) -> None:
        self.world.start_try(start_over=True)
        self.world.run(wait)

    @precondition(lambda self: bool(living(self.world)))
    @rule(who=st.integers(0, 7), after=soon, fault=faults, seconds=durations, wait=st.sampled_from((0.0, 1.0, 4.0)))
    def a_fault_is_waiting(self, who: int, after: int, fault: Fault, seconds: float, wait: float) -> None:
        alive = living(self.world)
        self.world.arm(alive[who % len(alive)], after, fault, seconds if fault in TIMED else 0.0)
        self.world.run(wait)

    @precondition(lambda self: bool(living(self.world)))
    @rule(who=st.integers(0, 7))
    def a_process_dies(self, who: int) -> None:
        alive = living(self.world)
        self.world.kill(alive[who % len(alive)])

    @precondition(lambda self: bool(living(self.world)))
    @rule(who=st.integers(0, 7), seconds=durations)
    def a_process_is_frozen(self, who: int, seconds: float) -> None:
        alive = living(self.world)
        self.world.freeze(alive[who % len(alive)], seconds)

    @precondition(lambda self: any(process.request for process in self.world.processes))
    @rule(who=st.integers(0, 7))
    def the_cluster_manager_starts_a_driver_again(self, who: int) -> None:
        drivers = [process for process in self.world.processes if process.request]
        self.world.rerun(drivers[who % len(drivers)])

    @rule(at=st.integers(1, 4), seconds=durations)
    def somebody_reads(self, at: int, seconds: float) -> None:
        self.world.arm(self.world.look(), at, Fault.FREEZE_AFTER, seconds)

    @rule()
    def somebody_discards_the_progress(self) -> None:
        self.world.discard()

    @rule(idle=st.sampled_from((0.0, 4 * LEASE, 21 * LEASE)))
    def somebody_cleans_up(self, idle: float) -> None:
        self.world.run(idle)
        self.world.prune()

    @rule(index=st.integers(0, 7))
    def somebody_edits_a_component(self, index: int) -> None:
        self.world.edit(index % len(self.world.spec.components))

    @rule(index=st.integers(0, 7), times=st.integers(1, 2))
    def a_component_will_fail(self, index: int, times: int) -> None:
        component = self.world.spec.components[index % len(self.world.spec.components)]
        self.world.failures[component.instance_name] = times

    @rule(seconds=st.sampled_from((0.05, 0.3, 1.0, 3.0, LEASE / 2, LEASE, 3 * LEASE)))
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)

    @invariant()
    def nothing_is_broken(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.world.finish()


def test_a_driver_that_another_one_of_its_attempt_replaced_may_enter_what_it_was_about_to_start() -> None:
    # c starts while b still runs; b finishes the run early, and the cluster manager starts the driver a second time.
    history = Protocol()
    history.begin(
        seed=91, components=3, whole_seconds=False, local=False, stubborn=False, fail_fast=False, keep_history=False,
        changes=0, parallelism=2, parts=0, at_once=1, finisher="b", retries=0,
    )  # fmt: skip
    history.somebody_discards_the_progress()
    history.somebody_cleans_up(idle=0.0)
    history.airflow_starts_a_try_that_starts_over(wait=0.5)
    history.somebody_discards_the_progress()
    history.a_process_dies(who=0)
    history.a_fault_is_waiting(after=2, fault=Fault.ERROR_BEFORE, seconds=0.5, wait=4.0, who=1)
    history.somebody_cleans_up(idle=0.0)
    history.time_passes(seconds=1.0)
    for _ in range(4):
        history.somebody_discards_the_progress()
    history.the_cluster_manager_starts_a_driver_again(who=0)
    history.teardown()
    assert "driver 5 enters c" in "\n".join(history.world.trace)


Protocol.TestCase.settings = settings(
    max_examples=DRAWN,
    stateful_step_count=15,
    deadline=None,
    database=None,
    derandomize=not HISTORIES,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
TestProtocol = Protocol.TestCase
TestProtocol.pytestmark = [pytest.mark.timeout(0 if HISTORIES else 300)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("rule", [*MUTATIONS, *MUTATIONS_OF_PARTS])
def test_a_protocol_with_one_broken_rule_is_detected(rule: str) -> None:
    """A test that cannot fail proves nothing."""
    play_less = functools.partial(play, more=False)  # what has no parts finds it sooner
    with (MUTATIONS | MUTATIONS_OF_PARTS)[rule]():
        stories: Iterator[tuple[Callable[[int], World], int]] = itertools.chain(
            ((play_less, seed) for seed in SEEDS_THAT_FOUND_IT.get(rule, ())),
            ((story, seed) for name, story in STORY_THAT_FINDS_IT.items() if name == rule for seed in range(6)),
            ((story, seed) for story in STORIES for seed in range(6)),
            ((play_less, seed) for seed in range(ENOUGH_TO_FIND_A_MUTATION)),
        )
        for story, seed in stories:
            try:
                story(seed)
            except Violation:
                return
    pytest.fail(f"{ENOUGH_TO_FIND_A_MUTATION} histories did not find out that {rule}")
