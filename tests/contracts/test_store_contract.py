"""The contract of all stores, on which the protocol of the log relies."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectExistsError, ObjectNotFoundError
from airflow_spark_pipeline.checkpoint.stores.locations import open_store

StoreMaker = Callable[[], CheckpointStore]


class TestStoreContract:
    def test_a_directory_that_does_not_exist_lists_nothing(self, make_store: StoreMaker) -> None:
        assert _names(make_store(), "pipeline/unit") == []

    def test_a_location_exists_once_something_is_stored_and_asking_writes_nothing(self, make_store: StoreMaker) -> None:
        store = make_store()
        assert store.exists() in (False, True, None)  # a bucket or directory may have been there before
        assert store.list_directories("") == []
        store.create("p/u/00000000.json", b"1")
        assert make_store().exists() in (True, None)

    def test_a_created_object_is_listed_and_read_by_another_client(self, make_store: StoreMaker) -> None:
        one, other = make_store(), make_store()
        assert _names(other, "p/u") == []  # a listing cache must not keep this answer
        one.create("p/u/00000000.json", b"\x00content")
        assert _names(other, "p/u") == ["00000000.json"]
        assert other.read("p/u/00000000.json") == b"\x00content"

    def test_a_listing_is_one_level_deep_and_names_objects_only(self, make_store: StoreMaker) -> None:
        store = make_store()
        store.create("p/u/a", b"1")
        store.create("p/u/deeper/b", b"2")
        assert _names(store, "p/u") == ["a"]

    def test_directories_that_are_listed_together_hold_what_each_holds_alone(self, make_store: StoreMaker) -> None:
        store = make_store()
        directories = [f"p/u{mark}{number}" for number in range(10) for mark in ("", "-", ".", "~")]
        for directory in directories[1:]:
            store.write(f"{directory}/00000000.json", b"1")
        store.write("p/u/deeper/00000000.json", b"1")
        store.write("p/u-1/hb-1", b"1")
        store.delete("p/u.1/00000000.json")
        for asked in (directories, [*directories[:3], "q/u"], []):
            listed = make_store().list_together(asked)
            assert listed.keys() <= set(asked)
            assert listed == {directory: store.list_objects(directory) for directory in listed}
        if store.way in ("s3fs", "boto3"):
            assert store.list_together(directories).keys() == set(directories)

    def test_times_are_the_stores_and_a_later_write_is_never_earlier(self, make_store: StoreMaker) -> None:
        store = make_store()
        store.write("p/u/first", b"1")
        store.write("p/u/second", b"2")
        times = {found.name: found.modified for found in make_store().list_objects("p/u")}
        assert times["second"] >= times["first"] > 0
        time.sleep(store.clock_slack + 0.05)  # what makes two times of this store's clock differ for sure
        store.write("p/u/first", b"again")
        times = {found.name: found.modified for found in make_store().list_objects("p/u")}
        assert times["first"] > times["second"]

    def test_a_second_create_is_refused_and_changes_nothing(self, make_store: StoreMaker) -> None:
        store = make_store()
        store.create("p/u/a", b"first")
        with pytest.raises(ObjectExistsError):
            make_store().create("p/u/a", b"second")
        assert store.read("p/u/a") == b"first"

    def test_reading_a_missing_object_is_a_separate_error(self, make_store: StoreMaker) -> None:
        with pytest.raises(ObjectNotFoundError):
            make_store().read("p/u/a")

    def test_write_creates_and_replaces(self, make_store: StoreMaker) -> None:
        store = make_store()
        store.write("p/_open/u", b"")
        store.write("p/_open/u", b"again")
        assert make_store().read("p/_open/u") == b"again"

    def test_a_deleted_object_is_gone_for_everybody_and_deleting_it_again_is_no_error(
        self, make_store: StoreMaker
    ) -> None:
        store, other = make_store(), make_store()
        store.create("p/u/a", b"1")
        assert _names(other, "p/u") == ["a"]
        store.delete("p/u/a")
        store.delete("p/u/a")
        assert _names(other, "p/u") == []
        with pytest.raises(ObjectNotFoundError):
            other.read("p/u/a")

    @pytest.mark.parametrize("there", [["a", "b", "c"], ["a", "c"], []], ids=["all", "some", "none"])
    def test_existing_names_are_deleted_and_no_others(self, make_store: StoreMaker, there: list[str]) -> None:
        store, other = make_store(), make_store()
        for name in [*there, "d", "aa"]:
            store.create(f"p/u/{name}", b"1")
        store.delete_all([f"p/u/{name}" for name in "abc"])
        store.delete_all([])
        assert sorted(_names(other, "p/u")) == ["aa", "d"]

    def test_directories_are_listed_one_level_deep(self, make_store: StoreMaker) -> None:
        store, other = make_store(), make_store()
        assert other.list_directories("p") == []
        for path in ("p/u/a", "p/u/deeper/b", "p/v/c", "p/d"):
            store.create(path, b"1")
        assert sorted(other.list_directories("p")) == ["u", "v"]
        assert sorted(other.list_directories("")) == ["p"]

    def test_a_deleted_tree_is_gone_at_every_depth_and_nothing_beside_it(self, make_store: StoreMaker) -> None:
        store, other = make_store(), make_store()
        for path in ("p/u/a", "p/u/deeper/b", "p/uv/c"):
            store.create(path, b"1")
        store.delete_tree("p/u")
        store.delete_tree("p/u")
        assert other.list_objects("p/u") == []
        assert other.list_objects("p/u/deeper") == []
        assert _names(other, "p/uv") == ["c"]

    def test_a_name_is_free_again_after_a_delete(self, make_store: StoreMaker) -> None:
        """Why numbers must never be reused: the store itself does not prevent it."""
        store = make_store()
        store.create("p/u/a", b"1")
        store.delete("p/u/a")
        store.create("p/u/a", b"2")
        assert store.read("p/u/a") == b"2"

    def test_one_of_many_threads_that_create_a_name_wins(self, make_store: StoreMaker) -> None:
        store = make_store()
        for number in range(10):
            wins = _race(store, f"p/u/{number}", threads=4)
            assert len(wins) == 1, wins
            assert store.read(f"p/u/{number}") == wins[0]

    def test_a_store_that_was_used_before_a_fork_works_in_the_child(self, make_store: StoreMaker) -> None:
        store = make_store()
        store.create("p/u/parent", b"1")
        context = multiprocessing.get_context("fork")
        child = context.Process(target=_use_in_child, args=(store,))
        child.start()
        child.join(60)
        assert child.exitcode == 0


def _names(store: CheckpointStore, directory: str) -> list[str]:
    names = [found.name for found in store.list_objects(directory)]
    assert sorted(store.list_names(directory)) == sorted(names)
    return names


def _race(store: CheckpointStore, path: str, *, threads: int) -> list[bytes]:
    barrier, wins = threading.Barrier(threads), []

    def create(who: int) -> None:
        data = f"writer {who}".encode() * 1_000
        barrier.wait()
        try:
            store.create(path, data)
        except ObjectExistsError:
            return
        wins.append(data)

    writers = [threading.Thread(target=create, args=(who,)) for who in range(threads)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return wins


def _use_in_child(store: CheckpointStore) -> None:
    # The memory store's content is the process's own copy; reading it shows that the object is usable at all.
    ok = store.read("p/u/parent") == b"1"
    os._exit(0 if ok else 1)


@pytest.mark.s3
@pytest.mark.parametrize("size", [2, 5_000, 3_000_000])
def test_each_operation_of_s3fs_is_one_request(
    s3_bucket: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A list of a thousand runs reads a thousand objects."""
    import s3fs

    bucket, options = s3_bucket
    store = open_store(f"s3://{bucket}/some/prefix", options)
    store.write("p/u/first.json", b"{}")
    sent: list[str] = []
    call = s3fs.S3FileSystem._call_s3

    async def counted(system: Any, method: str, *args: Any, **arguments: Any) -> Any:
        sent.append(method)
        return await call(system, method, *args, **arguments)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", counted)
    store.create("p/u/00000001.json", b"x" * size)
    assert len(store.read("p/u/00000001.json")) == size
    with pytest.raises(ObjectNotFoundError):
        store.read("p/u/00000002.json")
    assert sent == ["put_object", "get_object", "get_object"]


def test_a_delete_on_s3_takes_no_name_for_a_pattern(s3_bucket: tuple[str, dict[str, Any]]) -> None:
    bucket, options = s3_bucket
    store, other = (open_store(f"s3://{bucket}/{name}", options) for name in ("run[s]*", "runs-of-others"))
    for each in (store, other):
        each.write("p/u/a.json", b"{}")
        each.write("p/u/b.json", b"{}")
    store.delete_all(["p/u/a.json"])
    assert [found.name for found in store.list_objects("p/u")] == ["b.json"]
    store.delete_tree("p/u")
    assert store.list_objects("p/u") == []
    assert [found.name for found in other.list_objects("p/u")] == ["a.json", "b.json"]
