"""Airflow and the driver as different users of one machine, at one directory. Needs root, to switch users."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CheckpointLocationError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

_ALICE, _BOB, _ETL = 64_101, 64_102, 64_100


def _as(user: int, what: Callable[[], Any], umask: int = 0o022) -> Any:
    """Do something in a process of that user, who belongs to the group etl besides their own group."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_become, args=(user, what, umask, theirs))
    child.start()
    try:
        assert ours.poll(60), "no answer"
        return ours.recv()
    finally:
        child.join(60)


def _become(user: int, what: Callable[[], Any], umask: int, answer: Connection) -> None:
    os.setgroups([_ETL])
    os.setgid(user)
    os.setuid(user)
    os.umask(umask)
    try:
        answer.send(what())
    except CheckpointLocationError as error:
        answer.send(str(error))
    os._exit(0)


@pytest.fixture
def location() -> Iterator[Path]:
    """A directory of alice's, that everybody can reach: pytest's own are for root alone."""
    outer = Path(tempfile.mkdtemp())
    outer.chmod(0o755)
    place = outer / "checkpoints"
    place.mkdir()
    os.chown(place, _ALICE, _ETL)
    yield place
    shutil.rmtree(outer)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_in_a_directory_of_their_group_two_users_write_and_clean_up_after_each_other(
    location: Path, umask: int
) -> None:
    location.chmod(0o2770)
    store = open_store(str(location))
    _as(_ALICE, lambda: store.create("p/u/00000000.json", b"submitted"), umask)
    assert _as(_BOB, lambda: store.read("p/u/00000000.json"), umask) == b"submitted"
    _as(_BOB, lambda: store.create("p/u/00000001.json", b"running"), umask)
    _as(_BOB, lambda: store.write("_outputs/p/u/part", b"rows"), umask)
    assert _as(_ALICE, lambda: store.read("p/u/00000001.json"), umask) == b"running"
    assert _as(_BOB, lambda: store.delete("p/u/00000000.json"), umask) is None
    assert _as(_ALICE, lambda: store.delete_tree("_outputs/p"), umask) is None
    assert [found.name for found in store.list_objects("p/u")] == ["00000001.json"]
    assert {(each.stat().st_gid, oct(each.stat().st_mode)) for each in (location / "p", location / "p" / "u")} == {
        (_ETL, "0o42770" if umask == 0o077 else "0o42775")
    }


def test_a_directory_of_one_user_alone_is_refused_to_the_other_by_both_names(location: Path) -> None:
    location.chmod(0o755)
    store = open_store(str(location))
    _as(_ALICE, lambda: store.create("p/u/00000000.json", b"submitted"))
    said = _as(_BOB, lambda: store.create("p/u/00000001.json", b"running"))
    assert "cannot be used: Permission denied" in said
    assert f"(here uid {_BOB})" in said
    assert [found.name for found in store.list_objects("p/u")] == ["00000000.json"]


def test_permissions_are_not_widened_unless_requested(location: Path) -> None:
    """Without the group's bit what lies below belongs to each user's own group, which nobody meant."""
    location.chmod(0o770)
    store = open_store(str(location))
    _as(_ALICE, lambda: store.create("p/u/00000000.json", b"submitted"), 0o077)
    assert oct((location / "p").stat().st_mode) == "0o40700"
    assert oct((location / "p" / "u" / "00000000.json").stat().st_mode) == "0o100600"
