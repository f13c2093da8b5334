"""Exclusive creation between processes while others read: one winner, and no reader sees a part."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.stores.locations import open_store

_ROUNDS = 40
_RACER = """
import json, sys
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.checkpoint.stores.base import ObjectExistsError, ObjectNotFoundError

location, options, who, rounds = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
if options.pop("by_boto3", False):
    from airflow_spark_pipeline.checkpoint.stores.s3 import S3Store
    store = S3Store(location, location.partition("://")[2], options)
else:
    store = open_store(location, options)
data = json.dumps({"writer": who, "filling": "x" * 20_000}).encode()
print("ready", flush=True)
sys.stdin.readline()
wins, torn = [], 0
for number in range(rounds):
    path = f"p/u/{number:08d}.json"
    try:
        store.create(path, data)
        wins.append(number)
    except ObjectExistsError:
        pass
    try:
        torn += json.loads(store.read(path)).get("filling") != "x" * 20_000
    except ValueError:
        torn += 1
print(json.dumps({"wins": wins, "torn": torn}))
"""


def _race(location: str, options: dict[str, object]) -> list[dict[str, object]]:
    command = [sys.executable, "-c", _RACER, location, json.dumps(options)]
    racers = [
        subprocess.Popen([*command, str(who), str(_ROUNDS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for who in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [json.loads(racer.communicate(timeout=120)[0]) for racer in racers]


def race_for_names(location: str, options: dict[str, object]) -> None:
    """Have four processes create the same names: each goes to one of them, and nobody reads a part."""
    answers = _race(location, options)
    wins = [number for answer in answers for number in answer["wins"]]  # type: ignore[attr-defined]
    assert sorted(wins) == list(range(_ROUNDS))
    assert [answer["torn"] for answer in answers] == [0, 0, 0, 0]
    options = {name: value for name, value in options.items() if name != "by_boto3"}
    assert len(open_store(location, options).list_objects("p/u")) == _ROUNDS


@pytest.mark.parametrize(
    "place", ["local", pytest.param("s3", marks=pytest.mark.s3), pytest.param("boto3", marks=pytest.mark.s3)]
)
def test_one_of_several_processes_creates_each_name_and_readers_see_whole_objects(
    place: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    options: dict[str, object] = {}
    location = str(tmp_path / "checkpoints")
    if place != "local":
        bucket, options = request.getfixturevalue("s3_bucket")
        options = {**options, **({"by_boto3": True} if place == "boto3" else {})}
        location = f"s3://{bucket}/race"
    race_for_names(location, options)
