"""A driver with its JVM and Airflow with its own client at one location, at the same time."""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.clusters import Hdfs
from tests.engines.jars import class_path
from tests.engines.store_process import StoreProcess

pytestmark = pytest.mark.timeout(1_500)

_ROUNDS = int(os.environ.get("ENGINES_ROUNDS", "100"))
# By how many seconds the drivers start after the others: who is the faster changes with the round.
_DELAYS = (0.0, 0.01, 0.02, 0.04, 0.08)


@pytest.fixture(params=["hdfs", "s3a"])
def racers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[StoreProcess]]:
    """Two drivers and two of Airflow's processes."""
    if request.param == "hdfs":
        hdfs: Hdfs = request.getfixturevalue("hdfs_cluster")
        location = f"{hdfs.uri}/{uuid.uuid4().hex[:12]}"
        theirs: dict[str, Any] = {}
        ours: dict[str, Any] = {"host": hdfs.web}
    else:
        location = f"{request.getfixturevalue('s3a_uri')}/{uuid.uuid4().hex[:12]}"
        theirs, ours = request.getfixturevalue("s3a_settings"), request.getfixturevalue("s3_options")
    jars = class_path("s3a") if request.param == "s3a" else ""
    with contextlib.ExitStack() as ends:
        processes = [
            StoreProcess(kind, location, theirs if kind == "jvm" else ours, tmp_path / "log", class_path=jars)
            for kind in ("jvm", "jvm", "python", "python")
        ]
        for process in processes:
            ends.callback(process.close)
        for process in processes:
            assert process.answer() == "ready"
        yield processes


def test_one_writer_wins_through_any_client_and_all_readers_see_its_bytes(
    racers: list[StoreProcess], note: list[str]
) -> None:
    winners: Counter[str] = Counter()
    for number in range(_ROUNDS):
        path, at = f"p/u/{number:08d}.json", time.time() + 0.05
        for who, racer in enumerate(racers):
            late = _DELAYS[number % len(_DELAYS)] if racer.kind == "jvm" else 0.0
            racer.send("race", path=path, data=_content(who), at=at + late)
        answers = [racer.answer() for racer in racers]
        assert sorted(answers) == ["exists", "exists", "exists", "won"], answers
        winner = answers.index("won")
        winners[racers[winner].kind] += 1
        assert [racer.do("read", path=path) for racer in racers] == [_content(winner)] * 4
    note.append(f"{_ROUNDS} rounds of two drivers and two others, one winner each: {dict(winners)}")
    assert set(winners) == {"jvm", "python"}
    names = [racer.do("names", directory="p/u") for racer in racers]
    assert names == [[f"{number:08d}.json" for number in range(_ROUNDS)]] * 4


def test_one_side_never_sees_the_others_heartbeat_absent_or_incomplete(
    racers: list[StoreProcess], note: list[str]
) -> None:
    driver, other = racers[0], racers[2]
    for writer, reader in ((driver, other), (other, driver)):
        content = _content(7)
        writer.do("write", path="p/u/hb-1", data=content)
        writer.send("write", path="p/u/hb-1", data=content, times=_ROUNDS)
        reads, listings = Counter[str](), Counter[bool]()
        for _ in range(_ROUNDS // 2):
            reads[_seen(reader.do("read", path="p/u/hb-1"), content)] += 1
            listings["hb-1" in reader.do("names", directory="p/u")] += 1
        assert writer.answer() == "written"
        note.append(f"{writer.kind} writes, {reader.kind} reads: {dict(reads)}, listed {dict(listings)}")
        # moto answers 500 to a reader whose object is replaced under it, as the guarantees' page tells.
        assert set(reads) - {"CheckpointStoreError"} == {"whole"}
        assert set(listings) == {True}


def _seen(text: str, content: str) -> str:
    return "whole" if text == content else text.partition(":")[0]


def _content(who: int) -> str:
    return json.dumps({"writer": who, "filling": "x" * 20_000})
