"""What Spark's Hadoop client guarantees on HDFS and S3A; docs/hadoop-filesystem-guarantees.md has the numbers.

The tests assert both what holds and what does not, so that a version that changes either is noticed.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.engines.conftest import Place, Server
from tests.engines.processes import DriverProcess

pytestmark = pytest.mark.timeout(1_500)

ROUNDS = int(os.environ.get("ENGINES_ROUNDS", "100"))
FEWER_ROUNDS = min(ROUNDS, 10)  # where one bad round is proof
THREADS = 2  # in each of three processes

_CONDITIONAL = "fs.option.create.conditional.overwrite"
_ENABLED = "fs.s3a.create.conditional.enabled"


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


on_both = pytest.mark.parametrize("place", ["hdfs", "s3a"], indirect=True)


@dataclass
class Outcome:
    """Of some rounds in which several writers created one file while others read it."""

    winners: Counter[int] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    winners_content: int = 0

    def __str__(self) -> str:
        return (
            f"rounds by number of winners {dict(sorted(self.winners.items()))}, the winner's content is there in "
            f"{self.winners_content}, writers got {dict(self.answers)}, readers {dict(self.seen)}"
        )


def _race(place: Place, how: str, rounds: int = ROUNDS) -> Outcome:
    directory, outcome = place.new_directory(), Outcome()
    for number in range(rounds):
        path = f"{directory}/{number:08d}.json"
        place.onlooker.send("look", path=path)
        at = time.time() + 0.03
        for writer in place.writers:
            writer.send("race", how=how, path=path, at=at, threads=THREADS)
        answers = [answer for writer in place.writers for answer in writer.answer()]
        outcome.seen.update(place.onlooker.end_look())
        won = [answer.removeprefix("won ") for answer in answers if answer.startswith("won ")]
        outcome.winners[len(won)] += 1
        outcome.answers.update(answer.partition(" ")[0] for answer in answers)
        outcome.winners_content += len(won) == 1 and place.onlooker.do("writer_of", path=path) == won[0]
    return outcome


class TestExclusiveCreation:
    @pytest.mark.parametrize(
        ("place", "how"),
        [
            ("hdfs", "rename"),
            ("hdfs", "context_rename"),
            ("s3a", "build_conditional"),
        ],
        indirect=["place"],
    )
    def test_one_writer_wins_and_readers_see_nothing_or_the_whole(
        self, place: Place, how: str, note: list[str]
    ) -> None:
        """On S3A what is shown is the client's part: the server's decision is made atomic by the test, see Server."""
        outcome = _race(place, how)
        note.append(str(outcome))
        assert outcome.winners == {1: ROUNDS}
        assert outcome.winners_content == ROUNDS
        assert set(outcome.answers) == {"won", "exists"}
        assert set(outcome.seen) <= {"absent", "whole"}
        assert outcome.seen["whole"] > 0

    @pytest.mark.parametrize("how", ["create", "build"])
    def test_on_hdfs_a_plain_create_is_exclusive_but_its_name_is_there_before_its_content(
        self, hdfs: Place, how: str, note: list[str]
    ) -> None:
        rounds = min(ROUNDS, 40)
        outcome = _race(hdfs, how, rounds)
        note.append(str(outcome))
        assert outcome.winners == {1: rounds}
        assert outcome.winners_content == rounds
        assert outcome.seen["empty"] > 0

    @pytest.mark.parametrize("how", ["create", "build", "rename", "context_rename"])
    def test_on_s3a_every_other_call_lets_several_writers_create_one_file(
        self, s3a: Place, how: str, note: list[str]
    ) -> None:
        outcome = _race(s3a, how, FEWER_ROUNDS)
        note.append(str(outcome))
        assert sum(rounds for winners, rounds in outcome.winners.items() if winners > 1) > 0
        assert set(outcome.seen) & {"empty", "torn"} == set()

    @pytest.mark.parametrize(("how", "condition"), [("create", None), ("build", None), ("build_conditional", "*")])
    def test_s3a_sends_the_condition_only_when_the_option_asks_for_it(
        self, s3a: Place, server: Server, how: str, condition: str | None
    ) -> None:
        assert s3a.onlooker.do("put", how=how, path=s3a.new_directory() + "/a") == "won"
        assert server.conditions == [condition]

    def test_s3a_creates_exactly_what_the_server_accepts(self, s3a: Place, server: Server, note: list[str]) -> None:
        """moto's own gap, made wide, shows who decides: with it several win, all with the condition sent."""
        server.pause, server.serial = 0.05, False
        gaping = _race(s3a, "build_conditional", FEWER_ROUNDS)
        granted = Counter(server.granted.values())
        note.append(f"check and store apart: {gaping}; server granted {dict(granted)}")
        assert set(server.conditions) == {"*"}
        assert granted == gaping.winners
        assert max(gaping.winners) > 1
        server.granted.clear()
        server.serial = True
        atomic = _race(s3a, "build_conditional", FEWER_ROUNDS)
        note.append(f"check and store as one: {atomic}; server granted {dict(Counter(server.granted.values()))}")
        assert Counter(server.granted.values()) == atomic.winners == {1: FEWER_ROUNDS}

    def test_the_flag_for_fast_creation_does_not_make_a_plain_create_on_s3a_exclusive(
        self, s3a: Place, note: list[str]
    ) -> None:
        for writer in s3a.writers:
            writer.do("open", settings={**s3a.settings, "fs.s3a.performance.flags": "create"})
        try:
            outcome = _race(s3a, "create", FEWER_ROUNDS)
        finally:
            for writer in s3a.writers:
                writer.do("open", settings=s3a.settings)
        note.append(str(outcome))
        assert sum(rounds for winners, rounds in outcome.winners.items() if winners > 1) > 0

    def test_s3a_offers_conditional_creation_without_being_asked_and_hdfs_does_not(
        self, hdfs: Place, s3a: Place
    ) -> None:
        assert s3a.onlooker.do("capable", path=s3a.uri + "/any", capability=_CONDITIONAL)
        assert not hdfs.onlooker.do("capable", path=hdfs.uri + "/any", capability=_CONDITIONAL)

    def test_s3a_with_conditional_creation_switched_off_refuses_it(self, s3a: Place, note: list[str]) -> None:
        path = s3a.new_directory() + "/a"
        s3a.onlooker.do("open", settings={**s3a.settings, _ENABLED: "false"})
        try:
            assert not s3a.onlooker.do("capable", path=path, capability=_CONDITIONAL)
            assert s3a.onlooker.do("put", how="build_conditional", path=path) == "PathIOException"
            assert s3a.onlooker.do("state", path=path) == "absent"
        finally:
            s3a.onlooker.do("open", settings=s3a.settings)

    def test_hdfs_accepts_a_mandatory_option_that_it_does_not_know(self, hdfs: Place) -> None:
        """So ``must()`` proves nothing there; the path capability tells the truth."""
        assert hdfs.onlooker.do("put", how="build_conditional", path=hdfs.new_directory() + "/a") == "won"


class TestKilledWriters:
    @pytest.mark.parametrize("victim", ["both", "python"])
    def test_on_hdfs_a_plain_create_leaves_a_part_that_nobody_can_create_again(
        self, hdfs: Place, victim: str, note: list[str]
    ) -> None:
        states, nexts = _kill_between_create_and_close(hdfs, victim, "create")
        note.append(f"readers {dict(states)}, next writer {dict(nexts)}")
        assert set(states) <= {"empty", "torn"}
        assert set(nexts) == {"exists"}

    def test_on_hdfs_a_killed_rename_leaves_only_its_temporary_file(self, hdfs: Place, note: list[str]) -> None:
        directory = hdfs.new_directory()
        driver = hdfs.new_driver()
        for number in range(10):
            driver.do("start_writing", path=f"{directory}/.tmp-{number}-gone", flush=number % 2 == 0)
        driver.kill("both")
        nexts = Counter(hdfs.onlooker.do("put", how="rename", path=f"{directory}/{number}") for number in range(10))
        names = [name for name, _, _ in hdfs.onlooker.do("listing", path=directory)]
        note.append(f"next writer {dict(nexts)}, listed afterwards {len(names)}")
        assert nexts == {"won": 10}
        assert {hdfs.onlooker.do("state", path=f"{directory}/{number}") for number in range(10)} == {"whole"}
        assert len([name for name in names if name.startswith(".tmp-")]) == 10

    @pytest.mark.parametrize("victim", ["both", "python"])
    def test_on_s3a_a_killed_writer_leaves_nothing(self, s3a: Place, victim: str, note: list[str]) -> None:
        states, nexts = _kill_between_create_and_close(s3a, victim, "build_conditional")
        note.append(f"readers {dict(states)}, next writer {dict(nexts)}")
        assert set(states) == {"absent"}
        assert set(nexts) == {"won"}


def _kill_between_create_and_close(place: Place, victim: str, how: str) -> tuple[Counter[str], Counter[str]]:
    directory = place.new_directory()
    driver = place.new_driver()
    paths = [f"{directory}/{number}" for number in range(10)]
    for number, path in enumerate(paths):
        driver.do("start_writing", path=path, flush=number % 2 == 0)
    driver.kill(victim)
    states = Counter(place.onlooker.do("state", path=path) for path in paths)
    return states, Counter(place.onlooker.do("put", how=how, path=path) for path in paths)


class TestListingAndDeleting:
    @on_both
    def test_another_process_lists_a_create_and_a_delete_as_soon_as_they_return(self, place: Place) -> None:
        directory = place.new_directory()
        how = "rename" if place.name == "hdfs" else "build_conditional"
        one, other = place.writers[0], place.writers[1]
        for number in range(min(ROUNDS, 40)):
            name = f"{number:08d}.json"
            assert one.do("put", how=how, path=f"{directory}/{name}") == "won"
            assert name in _names(other, directory)
            if number % 2:
                assert one.do("delete", path=f"{directory}/{name}")
                assert name not in _names(other, directory)
                assert other.do("state", path=f"{directory}/{name}") == "absent"

    @on_both
    def test_deleting_a_missing_object_is_no_error_and_frees_the_name(self, place: Place) -> None:
        how = "rename" if place.name == "hdfs" else "build_conditional"
        path = place.new_directory() + "/a"
        assert place.onlooker.do("put", how=how, path=path) == "won"
        assert place.onlooker.do("delete", path=path) is True
        assert place.onlooker.do("delete", path=path) is False
        assert place.onlooker.do("put", how=how, path=path) == "won"


class TestReplacing:
    @pytest.mark.parametrize(
        ("place", "how"), [("hdfs", "replace_by_rename"), ("s3a", "replace_by_create")], indirect=["place"]
    )
    def test_a_replaced_file_is_always_listed_and_always_whole(self, place: Place, how: str, note: list[str]) -> None:
        read, listed = _watch_replacing(place, how)
        note.append(f"readers {dict(read)}, listings {dict(listed)}")
        # moto answers 500 to a reader whose object is replaced under it; S3A makes an IOException of that.
        assert set(read) - {"IOException", "AWSStatus500Exception"} == {"whole"}
        assert set(listed) == {"listed"}

    def test_on_hdfs_replacing_by_create_shows_an_empty_file(self, hdfs: Place, note: list[str]) -> None:
        read, listed = _watch_replacing(hdfs, "replace_by_create")
        note.append(f"readers {dict(read)}, listings {dict(listed)}")
        assert read["empty"] > 0
        assert set(listed) == {"listed"}


def _watch_replacing(place: Place, how: str) -> tuple[Counter[str], Counter[str]]:
    path = place.new_directory() + "/heartbeat"
    writer, reader, lister = place.writers[0], place.onlooker, place.writers[1]
    writer.do("replace", how=how, path=path, times=1)
    reader.send("look", path=path)
    lister.send("watch_listing", path=path)
    writer.do("replace", how=how, path=path, times=ROUNDS)
    return Counter(reader.end_look()), Counter(lister.end_look())


class TestTimes:
    def test_on_hdfs_a_rename_keeps_the_time_of_the_close(self, hdfs: Place, note: list[str]) -> None:
        before, after = hdfs.onlooker.do("rename_later", path=hdfs.new_directory() + "/a", seconds=2)
        note.append(f"time after the close {before}, after a rename 2 s later {after}")
        assert before == after

    def test_on_hdfs_times_have_milliseconds(self, hdfs: Place, note: list[str]) -> None:
        directory = hdfs.new_directory()
        for number in range(10):
            hdfs.onlooker.do("put", how="rename", path=f"{directory}/{number}")
        times = [modified for _, _, modified in hdfs.onlooker.do("listing", path=directory)]
        note.append(f"last digits {[each % 1_000 for each in times]}")
        assert any(each % 1_000 for each in times)
        assert sorted(times) == times
        assert len(set(times)) == len(times)

    def test_on_hdfs_times_are_the_name_nodes_whatever_the_drivers_clock_says(
        self, hdfs: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: list[str]
    ) -> None:
        monkeypatch.setenv("LD_PRELOAD", str(_clock_an_hour_ahead(tmp_path)))
        driver = hdfs.new_driver()
        monkeypatch.delenv("LD_PRELOAD")
        try:
            path = hdfs.new_directory()
            ahead = driver.do("java_time") - time.time() * 1_000
            assert driver.do("put", how="rename", path=f"{path}/a") == "won"
            [(_, _, modified)] = driver.do("listing", path=path)
        finally:
            driver.close()
        note.append(f"driver's clock {ahead / 1_000:.0f} s ahead, time {modified / 1_000 - time.time():.1f} s")
        assert ahead > 3_000_000
        assert abs(modified / 1_000 - time.time()) < 120

    def test_on_s3a_times_are_the_servers_in_whole_seconds(
        self, s3a: Place, monkeypatch: pytest.MonkeyPatch, note: list[str]
    ) -> None:
        models: Any = importlib.import_module("moto.s3.models")
        now = models.utcnow
        monkeypatch.setattr(models, "utcnow", lambda: now() + timedelta(hours=1))
        directory = s3a.new_directory()
        for number in range(5):
            s3a.onlooker.do("put", how="build_conditional", path=f"{directory}/{number}")
        times = [modified for _, _, modified in s3a.onlooker.do("listing", path=directory)]
        note.append(f"server's clock 3600 s ahead, times {[round(each / 1_000 - time.time()) for each in times]} s")
        assert {each % 1_000 for each in times} == {0}
        assert all(abs(each / 1_000 - time.time() - 3_600) < 120 for each in times)


def _names(driver: DriverProcess, directory: str) -> list[str]:
    return [name for name, _, _ in driver.do("listing", path=directory)]


_SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *out) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(clock, out);
    if (clock == CLOCK_REALTIME) out->tv_sec += 3600;
    return answer;
}
"""


def _clock_an_hour_ahead(directory: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a C compiler makes the clock that is an hour ahead")
    source, library = directory / "ahead.c", directory / "ahead.so"
    source.write_text(_SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    return library
