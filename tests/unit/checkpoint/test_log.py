from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit
from airflow_spark_pipeline.exceptions import (
    CheckpointLocationError,
    CheckpointStoreError,
    CorruptCheckpointError,
    SupersededError,
)
from tests.fakes import RUN_ID, UNIT, Clock, DictStore, make_state

_HINT = f"_open/{UNIT.replace('/', '~')}"


@pytest.fixture
def store() -> DictStore:
    return DictStore()


@pytest.fixture
def log(store: DictStore) -> RunLog:
    return _log(store)


def _log(store: DictStore, *, retry_seconds: float = 20.0) -> RunLog:
    clock = Clock()
    return RunLog(store, UNIT, retry_seconds=retry_seconds, clock=clock, sleep=clock.sleep)


def _claim(log: RunLog, state: CheckpointState | None = None) -> Commit:
    return log.claim(lambda latest: state or make_state())


def _commits(store: DictStore) -> list[str]:
    return sorted(path.removeprefix(f"{UNIT}/") for path in store.objects if path.startswith(f"{UNIT}/"))


class TestCommits:
    def test_an_empty_log_means_that_nothing_was_recorded(self, log: RunLog) -> None:
        assert log.latest() is None

    def test_commits_are_numbered_from_zero_and_the_highest_is_the_truth(self, log: RunLog, store: DictStore) -> None:
        commit = log.append(_claim(log), make_state(done="a"))
        assert _commits(store) == ["00000000.json", "00000001.json"]
        assert log.latest() == commit
        assert commit.state.completed_components == ("a",)

    def test_each_commit_carries_a_new_nonce(self, log: RunLog) -> None:
        first = _claim(log)
        second = log.append(first, first.state)
        assert first.state.nonce != second.state.nonce

    def test_the_open_hint_is_written_before_the_claim(self, log: RunLog, store: DictStore) -> None:
        _claim(log)
        operations = [call for call in store.calls if call[0] in ("write", "create")]
        assert operations == [("write", _HINT), ("create", f"{UNIT}/00000000.json")]

    @pytest.mark.parametrize("commits", [1, 20, 100])
    def test_looking_up_costs_one_list_and_at_most_two_reads_whatever_is_stored(
        self, log: RunLog, store: DictStore, commits: int
    ) -> None:
        commit = _claim(log)
        for _ in range(commits):
            commit = log.append(commit, commit.state)
        store.calls.clear()
        assert log.latest() == commit
        operations = [operation for operation, _ in store.calls]
        assert operations in (["list", "read"], ["list", "read", "read"])
        assert store.calls[1] == ("read", f"{UNIT}/{commits:08d}.json")

    def test_if_a_commit_is_cleaned_up_between_list_and_read_the_newer_one_is_read(
        self, log: RunLog, store: DictStore
    ) -> None:
        commit = _claim(log)

        def clean_up_meanwhile(operation: str, path: str) -> None:
            if operation == "read":
                store.before = lambda operation, path: None
                store.objects[f"{UNIT}/00000001.json"] = encode(make_state(status=CheckpointStatus.COMPLETED), 1)
                del store.objects[path]

        store.before = clean_up_meanwhile
        latest = log.latest()
        assert latest is not None
        assert (latest.number, latest.state.status) == (commit.number + 1, CheckpointStatus.COMPLETED)

    @pytest.mark.parametrize("content", [b"", b'{"schemaVersion": 1, "runId"', b"[]", b'{"schemaVersion": 2}'])
    def test_an_unreadable_commit_is_an_error_that_names_it_and_never_nothing(
        self, log: RunLog, store: DictStore, content: bytes
    ) -> None:
        _claim(log)
        store.objects[f"{UNIT}/00000001.json"] = content
        with pytest.raises(CorruptCheckpointError, match=r"00000001\.json"):
            log.latest()

    def test_other_objects_beside_the_commits_are_not_taken_for_commits(self, log: RunLog, store: DictStore) -> None:
        commit = _claim(log)
        store.objects |= {f"{UNIT}/hb-1": b"", f"{UNIT}/00000007.json.bak": b"", f"{UNIT}/7.json": b""}
        assert log.latest() == commit


class TestTwoWriters:
    def test_the_loser_of_a_number_learns_the_winner_and_has_recorded_nothing(
        self, log: RunLog, store: DictStore
    ) -> None:
        claimed = _claim(log)
        winner = _log(store).append(claimed, make_state(attempt=2, attempt_id="2-other", run_id=RUN_ID))
        with pytest.raises(SupersededError, match="superseded by attempt 2") as error:
            log.append(claimed, make_state(done="a"))
        assert error.value.by == RUN_ID
        assert _log(store).latest() == winner

    def test_a_lost_claim_is_decided_again_on_what_the_winner_recorded(self, log: RunLog, store: DictStore) -> None:
        seen = []

        def build(latest: Commit | None) -> CheckpointState:
            seen.append(None if latest is None else latest.state.attempt_id)
            if len(seen) == 1:
                _claim(_log(store), make_state(attempt_id="1-faster"))
            return make_state(attempt_id="1-slower")

        assert log.claim(build).number == 1
        assert seen == [None, "1-faster"]

    def test_a_claim_that_is_lost_again_and_again_ends(self, log: RunLog, store: DictStore) -> None:
        def build(latest: Commit | None) -> CheckpointState:
            _claim(_log(store), make_state(attempt_id="1-faster"))
            return make_state()

        with pytest.raises(SupersededError, match="8 times"):
            log.claim(build)

    def test_a_commit_on_a_number_freed_by_a_clean_up_is_detected(self, log: RunLog, store: DictStore) -> None:
        """A paused writer wakes up after its successor finished and cleaned up: its number is free again."""
        mine = _claim(log)
        other = _log(store)
        end = other.append(
            other.append(mine, make_state(attempt_id="2-other", attempt=2)),
            make_state(attempt_id="2-other", attempt=2, status=CheckpointStatus.COMPLETED),
        )
        other.retire(end)
        assert _commits(store) == ["00000002.json"]
        with pytest.raises(SupersededError):
            log.append(mine, make_state(done="a"))
        assert log.latest() == end

    @pytest.mark.parametrize("end", [CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED])
    def test_a_claim_that_lands_on_a_number_freed_by_a_clean_up_is_decided_again(
        self, log: RunLog, store: DictStore, end: CheckpointStatus
    ) -> None:
        """The driver before records its last component, completes and cleans up while the next try claims."""
        seen: list[CheckpointStatus] = []
        first = _claim(log)

        def build(latest: Commit | None) -> CheckpointState:
            assert latest is not None
            seen.append(latest.state.status)
            if len(seen) == 1:
                other = _log(store)
                last = other.append(first, make_state(done="abc"))
                other.retire(other.append(last, make_state(done="abc", status=end)))
            return make_state(attempt=2, attempt_id="2-claims")

        assert log.claim(build).number == 3
        assert seen == [first.state.status, end]


class TestLostAnswers:
    @pytest.mark.parametrize("error", [CheckpointStoreError("connection reset"), None])
    def test_a_writer_whose_answer_was_lost_finds_out_that_it_won(
        self, log: RunLog, store: DictStore, error: Exception | None
    ) -> None:
        """Either the error reaches us, or the client library tries again by itself and is told "exists"."""
        claimed = _claim(log)

        def lose_the_answer(operation: str, path: str) -> None:
            if operation == "create":
                store.after = lambda operation, path: None
                if error is not None:
                    raise error
                store.create(path, b"the client library's own retry")

        store.after = lose_the_answer
        commit = log.append(claimed, make_state(done="a"))
        assert log.latest() == commit
        assert commit.state.completed_components == ("a",)

    def test_an_error_before_the_create_took_effect_is_retried_with_the_same_nonce(
        self, log: RunLog, store: DictStore
    ) -> None:
        claimed = _claim(log)
        errors = iter([CheckpointStoreError("503"), CheckpointStoreError("503")])

        def fail(operation: str, path: str) -> None:
            if operation == "create" and (error := next(errors, None)) is not None:
                raise error

        store.before = fail
        assert log.append(claimed, make_state()).number == 1
        assert _commits(store) == ["00000000.json", "00000001.json"]

    def test_retries_of_an_unreachable_store_are_bounded_and_report_its_error(self, store: DictStore) -> None:
        log = _log(store, retry_seconds=5)
        claimed = _claim(log)

        def down(operation: str, path: str) -> None:
            if operation == "create":
                raise CheckpointStoreError("503 Slow Down")

        store.before = down
        with pytest.raises(CheckpointStoreError, match="within 5 s: 503 Slow Down"):
            log.append(claimed, make_state())

    def test_an_error_that_needs_the_user_is_not_retried(self, log: RunLog, store: DictStore) -> None:
        def refuse(operation: str, path: str) -> None:
            raise CheckpointLocationError("no permission")

        store.before = refuse
        with pytest.raises(CheckpointLocationError, match="no permission"):
            _claim(log)
        assert len(store.calls) == 1


class TestTheDriversToken:
    def test_a_driver_continues_from_the_claim_of_its_token(self, log: RunLog, store: DictStore) -> None:
        claimed = _claim(log)
        assert _log(store).adopt(0, claimed.state.attempt_id, claimed.state.nonce) == claimed

    def test_an_application_that_waited_in_a_queue_cannot_supersede_a_newer_one(
        self, log: RunLog, store: DictStore
    ) -> None:
        old = _claim(log)
        _claim(_log(store), make_state(attempt=2, attempt_id="2-newer", run_id=RUN_ID))
        with pytest.raises(SupersededError, match="attempt 2"):
            log.adopt(old.number, old.state.attempt_id, old.state.nonce)

    def test_a_driver_that_the_cluster_manager_runs_again_goes_on_from_its_own_commits(
        self, log: RunLog, store: DictStore
    ) -> None:
        claimed = _claim(log)
        later = log.append(claimed, make_state(done="a"))
        assert _log(store).adopt(0, claimed.state.attempt_id, claimed.state.nonce) == later

    def test_a_token_for_a_number_of_another_attempt_is_refused(self, log: RunLog) -> None:
        claimed = _claim(log)
        with pytest.raises(SupersededError):
            log.adopt(claimed.number, claimed.state.attempt_id, "another nonce")

    def test_a_token_without_a_log_is_refused(self, log: RunLog) -> None:
        with pytest.raises(SupersededError, match="no longer exists"):
            log.adopt(0, "1-me", "nonce")


class TestEndings:
    def test_the_last_commit_stays_and_numbers_go_on_from_it(self, log: RunLog, store: DictStore) -> None:
        end = log.append(_claim(log), make_state(done="abc", status=CheckpointStatus.COMPLETED))
        log.retire(end)
        assert _commits(store) == ["00000001.json"]
        assert _HINT not in store.objects
        assert _claim(_log(store), make_state(epoch=1)).number == 2

    def test_cleaning_up_twice_is_harmless(self, log: RunLog, store: DictStore) -> None:
        end = log.append(_claim(log), make_state(status=CheckpointStatus.COMPLETED))
        log.retire(end, keep_history=True)
        log.retire(end, keep_history=True)
        assert _commits(store) == ["00000001.json"]

    def test_an_old_clean_up_deletes_nothing_newer(self, log: RunLog, store: DictStore) -> None:
        end = log.append(_claim(log), make_state(status=CheckpointStatus.COMPLETED))
        newer = _claim(_log(store), make_state(epoch=1))
        log.retire(end)
        assert log.latest() == newer

    def test_a_hint_that_a_new_claim_left_during_a_clean_up_stays(self, log: RunLog, store: DictStore) -> None:
        end = log.append(_claim(log), make_state(status=CheckpointStatus.COMPLETED))

        def claim_meanwhile(operation: str, path: str) -> None:
            if (operation, path) == ("delete", _HINT):
                store.before = lambda operation, path: None
                _claim(_log(store), make_state(epoch=1))

        store.before = claim_meanwhile
        log.retire(end)
        assert _HINT in store.objects

    def test_saved_outputs_go_with_the_run_and_those_of_a_newer_attempt_stay(
        self, log: RunLog, store: DictStore
    ) -> None:
        end = log.append(_claim(log), make_state(status=CheckpointStatus.COMPLETED, claim_number=3))
        mine = [f"_outputs/{UNIT}/{number:08d}-x/0000-a/v/part-0" for number in (0, 3)]
        newer = f"_outputs/{UNIT}/00000004-y/0000-a/v/part-0"
        store.objects |= dict.fromkeys([*mine, newer], b"data")
        log.retire(end)
        assert [path for path in store.objects if path.startswith("_outputs")] == [newer]

    def test_history_keeps_one_object_a_run_out_of_the_way_of_look_ups(self, log: RunLog, store: DictStore) -> None:
        end = log.append(_claim(log), make_state(status=CheckpointStatus.COMPLETED))
        log.retire(end, keep_history=True)
        pipeline, unit = UNIT.split("/")
        assert store.objects[f"{pipeline}/_history/{unit}-00000001.json"] == encode(end.state, 1)

    def test_discarded_progress_is_gone_and_the_unit_starts_with_the_next_number(
        self, log: RunLog, store: DictStore
    ) -> None:
        log.append(_claim(log), make_state(done="ab", status=CheckpointStatus.FAILED))
        discarded = log.discard()
        assert discarded is not None
        assert discarded.state.status is CheckpointStatus.DISCARDED
        assert discarded.state.completed_components == ()
        assert _commits(store) == ["00000002.json"]
        assert log.discard() == discarded

    def test_a_running_attempt_whose_progress_is_discarded_learns_it_at_its_next_commit(
        self, log: RunLog, store: DictStore
    ) -> None:
        claimed = _claim(log)
        _log(store).discard()
        with pytest.raises(SupersededError):
            log.append(claimed, replace(claimed.state, completed_components=("a",)))

    def test_discarding_an_unrecorded_run_does_nothing(self, log: RunLog, store: DictStore) -> None:
        assert log.discard() is None
        assert store.objects == {}
