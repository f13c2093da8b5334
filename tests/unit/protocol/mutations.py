"""The protocol with one rule broken: the histories must detect each of these, or they prove nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest import mock

from airflow_spark_pipeline.checkpoint import checksum as checksum_module
from airflow_spark_pipeline.checkpoint import prune as prune_module
from airflow_spark_pipeline.checkpoint import reading as reading_module
from airflow_spark_pipeline.checkpoint.changes import changes_since, to_trim
from airflow_spark_pipeline.checkpoint.claim import ClaimDecision, ClaimKind, decide_claim
from airflow_spark_pipeline.checkpoint.decoding import whole
from airflow_spark_pipeline.checkpoint.layout import HEARTBEAT, Listing
from airflow_spark_pipeline.checkpoint.lease import Lease, LeaseTerms, Other
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.reading import LogReader
from airflow_spark_pipeline.checkpoint.state import Base, CheckpointState, CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import ObjectExistsError, ObjectNotFoundError
from airflow_spark_pipeline.checkpoint.writing import LostError
from airflow_spark_pipeline.exceptions import CheckpointStoreError, SupersededError
from airflow_spark_pipeline.planning import changes, make_plan, outlook
from airflow_spark_pipeline.runtime.driver.driver import Driver
from airflow_spark_pipeline.runtime.driver.watchdog import Watchdog
from airflow_spark_pipeline.runtime.loop.one_component import OneComponent
from airflow_spark_pipeline.runtime.loop.workers import Workers
from airflow_spark_pipeline.runtime.outcome import Outcome
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.task import attempt as attempt_module
from tests.fakes import DictStore

Mutation = Callable[[], AbstractContextManager[Any]]


def _no_check() -> AbstractContextManager[Any]:
    return mock.patch.object(RunLog, "_check")


def _no_read_back() -> AbstractContextManager[Any]:
    def create(self: RunLog, number: int, nonce: str, data: bytes) -> None:
        for pause in self._pauses():
            try:
                self.store.create(self._name(number), data)
                return
            except ObjectExistsError:
                raise LostError from None
            except CheckpointStoreError:
                self._sleep(pause)
        raise CheckpointStoreError("could not be written")

    return mock.patch.object(RunLog, "_create", create)


def _no_tombstone() -> AbstractContextManager[Any]:
    real = RunLog.retire

    def retire(self: RunLog, commit: Commit, **options: Any) -> None:
        real(self, commit, **options)
        self._delete(self._name(commit.number))

    return mock.patch.object(RunLog, "retire", retire)


def _clean_up_of_everything_else() -> AbstractContextManager[Any]:
    real = RunLog.retire

    def retire(self: RunLog, commit: Commit, **options: Any) -> None:
        real(self, commit, **options)
        for number in self._numbers():
            if number != commit.number:
                self._delete(self._name(number))

    return mock.patch.object(RunLog, "retire", retire)


def _no_waiting() -> AbstractContextManager[Any]:
    return mock.patch.object(Lease, "blocking", return_value=[])


def _waiting_for_the_predecessor_only() -> AbstractContextManager[Any]:
    real = Lease.others

    def others(self: Lease, listing: Listing) -> list[Other]:
        return real(self, listing)[-1:]

    return mock.patch.object(Lease, "others", others)


def _waiting_without_looking_for_successors() -> AbstractContextManager[Any]:
    """Both looks: the waiting driver's own, and its watchdog's."""

    def wait(self: Lease, others: list[Other], number: int, *, sleep: Any, tell: Any) -> Iterator[None]:
        while self.blocking(others, self._log.listing()):
            yield
            sleep(min(1.0, self.terms.interval))

    stack = contextlib.ExitStack()
    stack.enter_context(mock.patch.object(Lease, "wait", wait))
    stack.enter_context(_no_watch_for_successors())
    return stack


def _no_watch_for_successors() -> AbstractContextManager[Any]:
    real = Watchdog.__init__

    def init(self: Watchdog, log: RunLog, lease: Lease, newest: Any, **options: Any) -> None:
        real(self, log, lease, lambda: None, **options)

    return mock.patch.object(Watchdog, "__init__", init)


def _no_heartbeat_before_the_start() -> AbstractContextManager[Any]:
    """The first heartbeat is written when the first interval is over."""

    def start(self: Watchdog) -> None:
        for thread in self._threads:
            thread.start()

    return mock.patch.object(Watchdog, "start", start)


def _one_heartbeat_for_all() -> AbstractContextManager[Any]:
    real = Lease.__init__

    def init(self: Lease, *arguments: Any, **options: Any) -> None:
        real(self, *arguments, **options)
        self.name = f"{HEARTBEAT}shared"

    return mock.patch.object(Lease, "__init__", init)


def _no_cancelling() -> AbstractContextManager[Any]:
    """The lease is noticed as lost only when it is as good as over, and the guard says nothing."""
    stack = contextlib.ExitStack()
    stack.enter_context(mock.patch.object(LeaseTerms, "fence", property(lambda self: self.seconds * 100)))
    stack.enter_context(mock.patch.object(Watchdog, "guard"))
    return stack


def _no_guard_before_a_component() -> AbstractContextManager[Any]:
    return mock.patch.object(Watchdog, "guard")


def _clears_are_ignored() -> AbstractContextManager[Any]:
    real = decide_claim

    def decide(latest: CheckpointState | None, caller: Any, **options: Any) -> ClaimDecision:
        if latest is not None and latest.status.value == "completed":
            return ClaimDecision(ClaimKind.REPORT, latest.epoch, "all is done")
        return real(latest, caller, **options)

    return mock.patch.object(attempt_module, "decide_claim", decide)


def _every_try_is_a_clear() -> AbstractContextManager[Any]:
    real = decide_claim

    def decide(latest: CheckpointState | None, caller: Any, **options: Any) -> ClaimDecision:
        decision = real(latest, caller, **options)
        if latest is not None and latest.status.value == "completed":
            return ClaimDecision(ClaimKind.START, latest.epoch + 1, "again")
        return decision

    return mock.patch.object(attempt_module, "decide_claim", decide)


def _numbers_start_again() -> AbstractContextManager[Any]:
    """A run that starts from nothing starts at number 0, after removing what is in its way."""
    real = RunLog.claim

    def claim(self: RunLog, build: Any) -> Commit:
        latest = self.latest()
        if latest is not None and latest.state.status.value in ("completed", "discarded"):
            self._delete(self._name(latest.number))
        return real(self, lambda found: build(latest if found is None else found))

    return mock.patch.object(RunLog, "claim", claim)


def _creates_overwrite() -> AbstractContextManager[Any]:
    return mock.patch.object(DictStore, "create", DictStore.write)


def _any_token_is_good() -> AbstractContextManager[Any]:
    def adopt(self: RunLog, number: int, attempt_id: str, nonce: str) -> Commit:
        latest = self.latest()
        assert latest is not None
        return Commit(latest.number, replace(latest.state, attempt_id=attempt_id))

    return mock.patch.object(RunLog, "adopt", adopt)


def _progress_is_not_carried() -> AbstractContextManager[Any]:
    return mock.patch.object(outlook, "make_plan", lambda spec, _, **more: make_plan(spec, None, **more))


def _edits_are_not_compared() -> AbstractContextManager[Any]:
    return mock.patch.object(changes, "differences", return_value=[])


def _recorded_before_it_ran() -> AbstractContextManager[Any]:
    real = OneComponent.starts

    def starts(self: OneComponent) -> bool:
        self._recorder.done(self._step, "", 0.0, Outcome())
        return real(self)

    return mock.patch.object(OneComponent, "starts", starts)


def _all_heartbeats_are_cleared() -> AbstractContextManager[Any]:
    """At the end, those of newer attempts too."""

    def clear(self: Lease, others: list[Other]) -> None:
        for name in self._log.listing().heartbeats:
            if name != self.name:
                self._log.delete(name)

    return mock.patch.object(Lease, "clear", clear)


def _the_end_is_overlooked(*statuses: CheckpointStatus) -> AbstractContextManager[Any]:
    """A driver that the cluster manager starts again takes these for *running*."""
    real = RunLog.adopt

    def adopt(self: RunLog, number: int, attempt_id: str, nonce: str) -> Commit:
        latest = self.latest()
        if latest is None or latest.state.attempt_id != attempt_id or latest.state.status not in statuses:
            return real(self, number, attempt_id, nonce)
        return Commit(latest.number, replace(latest.state, status=CheckpointStatus.RUNNING))

    return mock.patch.object(RunLog, "adopt", adopt)


def _running_again_after_success() -> AbstractContextManager[Any]:
    return _the_end_is_overlooked(CheckpointStatus.COMPLETED)


def _running_again_after_a_discard() -> AbstractContextManager[Any]:
    return _the_end_is_overlooked(CheckpointStatus.DISCARDED)


def _all_own_outputs_are_deleted() -> AbstractContextManager[Any]:
    """By a driver that stops: those too that it has recorded, which its successor goes on with."""

    def delete(self: Driver) -> None:
        self._log.store.delete_tree(self._outputs._own)

    return mock.patch.object(Driver, "_delete_unrecorded", delete)


def _outputs_of_a_begun_commit_are_deleted() -> AbstractContextManager[Any]:
    """By a driver that was told that it lost the commit, though a successor may have read it."""
    real = Recorder.done

    def done(self: Recorder, step: Any, *arguments: Any) -> None:
        try:
            real(self, step, *arguments)
        except SupersededError:
            self._inside.add(step.index)
            raise

    return mock.patch.object(Recorder, "done", done)


def _tombstones_are_removed_at_once() -> AbstractContextManager[Any]:
    real: Any = prune_module._Pruning.__init__

    def init(self: Any, *arguments: Any, **options: Any) -> None:
        store, path, clock, older_than, _, *others = arguments
        real(self, store, path, clock, older_than, 0.0, *others, **options)

    return mock.patch.object(prune_module._Pruning, "__init__", init)


def _a_lost_log_goes_unnoticed() -> AbstractContextManager[Any]:
    """Neither the writer nor its watchdog looks for what it has recorded."""
    real = RunLog._follow

    def follow(self: RunLog, commit: Commit, state: CheckpointState, *, mine: bool, **options: Any) -> Commit:
        return real(self, commit, state, mine=False, **options)

    def sign(self: Watchdog) -> Listing:
        self._lease.renew()
        return self._log.listing()

    stack = contextlib.ExitStack()
    stack.enter_context(mock.patch.object(RunLog, "_follow", follow))
    stack.enter_context(mock.patch.object(Watchdog, "_sign", sign))
    stack.enter_context(mock.patch.object(Watchdog, "_is_lost", return_value=False))
    return stack


def _follows(around: Callable[..., Commit]) -> AbstractContextManager[Any]:
    """Put something around the creation of the next commit: it gets the log, the real one, and its arguments."""
    real = RunLog._follow

    def follow(self: RunLog, commit: Commit, state: CheckpointState, **options: Any) -> Commit:
        return around(self, lambda before: real(self, before, state, **options), commit, state)

    return mock.patch.object(RunLog, "_follow", follow)


def _changes_since_the_commit_before() -> AbstractContextManager[Any]:
    """They are applied to the base all the same."""

    def follow(self: RunLog, record: Any, commit: Commit, state: CheckpointState) -> Commit:
        base = commit.base
        if base is not None:
            base = Base(base.number, replace(commit.state, nonce=base.state.nonce))
        return record(replace(commit, base=base))  # type: ignore[no-any-return]

    return _follows(follow)


def _trimmed_before_the_base_is_there() -> AbstractContextManager[Any]:
    def follow(self: RunLog, record: Any, commit: Commit, state: CheckpointState) -> Commit:
        if commit.base is not None and changes_since(commit.base, commit.number + 1, state) is None:
            self._trim(commit.number + 1, state, self._numbers())
        return record(commit)  # type: ignore[no-any-return]

    return _follows(follow)


def _trimmed_below_changes() -> AbstractContextManager[Any]:
    def follow(self: RunLog, record: Any, commit: Commit, state: CheckpointState) -> Commit:
        recorded: Commit = record(commit)
        self._trim(recorded.number, recorded.state, self._numbers())
        return recorded

    return _follows(follow)


def _no_guard_after_a_trim() -> AbstractContextManager[Any]:
    """A driver that has just deleted commits enters the next component without asking."""
    trimmed: list[RunLog] = []
    trim, guard, enter = RunLog._trim, Recorder.guard, Recorder.enter

    def trims(self: RunLog, base: int, state: CheckpointState, numbers: list[int]) -> None:
        trim(self, base, state, numbers)
        trimmed[:] = [self] if to_trim(numbers, base, state) else []

    def guards(self: Recorder) -> None:
        if self._log not in trimmed:
            guard(self)

    def enters(self: Recorder, step: Any) -> None:
        enter(self, step)
        trimmed.clear()

    stack = contextlib.ExitStack()
    stack.enter_context(mock.patch.object(RunLog, "_trim", trims))
    stack.enter_context(mock.patch.object(Recorder, "guard", guards))
    stack.enter_context(mock.patch.object(Recorder, "enter", enters))
    return stack


def _an_absent_base_is_damage() -> AbstractContextManager[Any]:
    real = LogReader.read

    def read(self: LogReader, number: int, known: Commit | None = None) -> Commit:
        try:
            return real(self, number, known)
        except reading_module._BaseNotFoundError as error:
            raise self._without_base(number, error) from None

    return mock.patch.object(LogReader, "read", read)


def _any_base_is_good() -> AbstractContextManager[Any]:
    """Whatever is found under its number."""

    def base(self: LogReader, raw: dict[str, Any], number: int, known: Base | None) -> Base:
        try:
            found = self._object(raw["base"])
        except ObjectNotFoundError:
            raise reading_module._BaseNotFoundError("gone", number=number) from None
        return Base(raw["base"], whole(found, self._stored(raw["base"])))

    return mock.patch.object(LogReader, "_base", base)


def _listed_numbers_are_taken_as_they_are() -> AbstractContextManager[Any]:
    return mock.patch.object(LogReader, "is_the_listed_one", return_value=True)


def _late_claims_count() -> AbstractContextManager[Any]:
    return mock.patch.object(LogReader, "is_late", return_value=False)


def _late_claims_are_not_passed_over() -> AbstractContextManager[Any]:
    return mock.patch.object(RunLog, "_is_newest", return_value=False)


def _no_checksum() -> AbstractContextManager[Any]:
    return mock.patch.object(checksum_module, "_digest", return_value=b"0" * 64)


def _every_worker_records() -> AbstractContextManager[Any]:
    """Each thread writes its own commits, next to those of the others."""
    return mock.patch.object(Workers, "call", lambda self, index, work: work())


MUTATIONS: dict[str, Mutation] = {
    "nobody checks after a create": _no_check,
    "no nonce is read back": _no_read_back,
    "the clean-up deletes the last commit": _no_tombstone,
    "the clean-up deletes newer commits": _clean_up_of_everything_else,
    "nobody waits for others": _no_waiting,
    "only the predecessor is waited for": _waiting_for_the_predecessor_only,
    "who waits does not look for successors": _waiting_without_looking_for_successors,
    "the heartbeat comes late": _no_heartbeat_before_the_start,
    "all drivers share one heartbeat": _one_heartbeat_for_all,
    "a lost lease cancels nothing": _no_cancelling,
    "nobody asks the watchdog": _no_guard_before_a_component,
    "a clear is ignored": _clears_are_ignored,
    "every try after a success is a clear": _every_try_is_a_clear,
    "numbers are used again": _numbers_start_again,
    "creates overwrite": _creates_overwrite,
    "any token is good": _any_token_is_good,
    "progress is not carried over": _progress_is_not_carried,
    "edits are not compared": _edits_are_not_compared,
    "every worker records": _every_worker_records,
    "recorded before it ran": _recorded_before_it_ran,
    "all heartbeats are cleared": _all_heartbeats_are_cleared,
    "who stops deletes all of its outputs": _all_own_outputs_are_deleted,
    "who stops deletes what it may have recorded": _outputs_of_a_begun_commit_are_deleted,
    "tombstones are removed at once": _tombstones_are_removed_at_once,
    "a lost log goes unnoticed": _a_lost_log_goes_unnoticed,
    "a success runs again": _running_again_after_success,
    "a discarded attempt runs again": _running_again_after_a_discard,
    "changes are those since the commit before": _changes_since_the_commit_before,
    "trimmed before the base is there": _trimmed_before_the_base_is_there,
    "trimmed below changes": _trimmed_below_changes,
    "nobody asks the watchdog after a trim": _no_guard_after_a_trim,
    "an absent base is taken for damage": _an_absent_base_is_damage,
    "any commit is taken for the base": _any_base_is_good,
    "a listed number is read as it is": _listed_numbers_are_taken_as_they_are,
    "late claims count": _late_claims_count,
    "the number of a late claim stops a driver": _late_claims_are_not_passed_over,
    "no checksum is compared": _no_checksum,
}
