from __future__ import annotations

import itertools

import pytest

from airflow_spark_pipeline.checkpoint.key import UnitKey, make_run_id, parse_run_id, pipeline_slug, unit_path

KEY = UnitKey("default", "etl", "scheduled__2026-01-01T00:00:00+00:00", "load", -1)


def test_keys_that_differ_anywhere_never_share_a_directory() -> None:
    keys = [
        KEY,
        UnitKey("other", "etl", KEY.run_id, "load", -1),
        UnitKey("default", "ETL", KEY.run_id, "load", -1),
        UnitKey("default", "etl", "scheduled__2026-01-01T00-00-00+00-00", "load", -1),
        UnitKey("default", "etl", KEY.run_id, "lo.ad", -1),
        UnitKey("default", "etl", KEY.run_id, "lo-ad", -1),
        UnitKey("default", "etl", KEY.run_id, "load", 0),
        UnitKey("default", "etl", KEY.run_id, "load", 1),
        UnitKey("default", "etl.load", KEY.run_id, "", -1),
        UnitKey("default", "etl", KEY.run_id, "load", -1, 0),
        UnitKey("default", "etl", KEY.run_id, "load", -1, 1),
        UnitKey("default", "etl", KEY.run_id, "load", 1, 1),
        UnitKey("default", "etl", KEY.run_id, "load.i1", -1),
    ]
    for one, other in itertools.combinations(keys, 2):
        assert one.directory != other.directory


@pytest.mark.parametrize(
    ("key", "directory"),
    [
        (KEY, "etl.scheduled__2026-01-01t00-00-00-0.load-47c5ab7798da9d50"),
        (UnitKey("default", "etl", "r", "load", 3), "etl.r.load.m3-ff0e5a6d95dfe454"),
    ],
)
def test_the_directories_of_tasks_outside_loops_never_change(key: UnitKey, directory: str) -> None:
    assert key.directory == directory
    assert UnitKey.from_dict(key.to_dict()) == key


def test_a_key_without_an_iteration_matches_all_iterations_and_no_other_unit() -> None:
    task, iteration = UnitKey("n", "d", "r", "t"), UnitKey("n", "d", "r", "t", -1, 2)
    assert UnitKey.from_dict(iteration.to_dict()) == iteration
    assert task.may_be_in(task.directory)
    assert task.may_be_in(iteration.directory)
    assert not iteration.may_be_in(task.directory)
    assert not task.may_be_in(UnitKey("n", "d", "r", "t", 2).directory)


def test_pipeline_names_that_look_alike_on_disk_never_share_a_directory() -> None:
    names = ["Daily ETL", "daily etl", "daily-etl", "daily/etl", "../daily etl", "d" * 500, "d" * 501, "日次", "週次"]
    assert len({pipeline_slug(name) for name in names}) == len(names)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..", ".", "\x00", "", "C:\\x", "日次"])
def test_no_name_leaves_the_location(name: str) -> None:
    path = unit_path(name, UnitKey(name, name, name, name))
    assert path.count("/") == 1
    assert ".." not in path
    assert path.isascii()


def test_a_directory_name_is_short_enough_for_every_file_system() -> None:
    key = UnitKey("n" * 500, "d" * 500, "r" * 500, "t" * 500, 10**9)
    assert len(key.directory) <= 150
    assert len(pipeline_slug("p" * 500)) <= 50


def test_a_run_id_leads_to_its_directory_without_a_search() -> None:
    path = unit_path("Daily ETL", KEY)
    assert parse_run_id(make_run_id(path, 17)) == (path, 17)


@pytest.mark.parametrize(
    "forged", ["", "../../x~u~1", "a~../b~1", "a~..~1", "a~b", "a~b~x", "a/b~c~1", "a~b~1\n", "A~b~1", "a~b~\u0661"]
)
def test_a_forged_run_id_is_refused_before_it_touches_anything(forged: str) -> None:
    with pytest.raises(ValueError, match="is not a run id"):
        parse_run_id(forged)


def test_runs_outside_airflow_never_share_a_unit() -> None:
    assert UnitKey.fresh("default", "p").directory != UnitKey.fresh("default", "p").directory
