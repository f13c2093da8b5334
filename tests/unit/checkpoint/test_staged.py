"""Staged files for jobs of a platform: uploaded once, and removed when no job needs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.prune import prune
from airflow_spark_pipeline.checkpoint.staged import STAGED, request_path, requests_directory, split_url
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.launch.staging import Staging
from airflow_spark_pipeline.protocol import DriverRequest, Token
from tests.histories_of_runs import History

DAY = 24 * 3600.0
UNIT = "daily-0123456789ab/dag.run.task-0123456789abcdef"


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return open_store(str(tmp_path / "lake"))


def request(attempt: int) -> DriverRequest:
    return DriverRequest({"pipeline-name": "daily"}, unit=UNIT, token=Token(attempt, f"{attempt}-0123456789ab", "n"))


def age(url: str, days: float) -> None:
    modified = os.stat(url).st_mtime - days * DAY
    os.utime(url, (modified, modified))


def test_a_file_is_uploaded_once_under_a_name_by_its_content(store: CheckpointStore, tmp_path: Path) -> None:
    module = tmp_path / "my_etl.py"
    module.write_text("one = 1", encoding="utf-8")
    first = Staging(store).file(module)
    age(first, 1)
    written = os.stat(first).st_mtime
    assert Staging(store).file(module) == first
    assert os.stat(first).st_mtime == written
    module.write_text("two = 2", encoding="utf-8")
    second = Staging(store).file(module)
    assert second != first
    assert Path(first).name == Path(second).name == "my_etl.py"
    assert Path(first).read_text(encoding="utf-8") == "one = 1"


def test_a_file_that_is_a_week_old_is_uploaded_again(store: CheckpointStore, tmp_path: Path) -> None:
    """Otherwise it could be pruned while a job is queued that needs it."""
    module = tmp_path / "my_etl.py"
    module.write_text("", encoding="utf-8")
    url = Staging(store).file(module)
    age(url, 8)
    before = os.stat(url).st_mtime
    Staging(store).file(module)
    assert os.stat(url).st_mtime > before + 7 * DAY


def test_only_the_newest_attempt_of_a_unit_has_a_request(store: CheckpointStore) -> None:
    staging = Staging(store)
    staging.request(UNIT, request(1))
    url = staging.request(UNIT, request(2))
    assert store.list_names(requests_directory(UNIT)) == ["2-0123456789ab.json"]
    assert staging.request_url(UNIT, "2-0123456789ab") == url
    assert staging.staged_request(UNIT, "2-0123456789ab") == request(2)
    assert staging.staged_request(UNIT, "1-0123456789ab") is None
    staging.forget(UNIT)
    staging.forget(UNIT)
    assert store.list_names(requests_directory(UNIT)) == []


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://lake/checkpoints", "s3://lake/checkpoints"),
        ("/shared/check points", "/shared/check points"),
        (f"abfss://c@a.dfs.core.windows.net/{STAGED}", f"abfss://c@a.dfs.core.windows.net/{STAGED}"),
    ],
)
def test_the_url_of_a_request_names_its_location(url: str, location: str) -> None:
    name = request_path(UNIT, "1-0123456789ab")
    assert split_url(f"{url}/{name}") == (location, name)


@pytest.mark.parametrize("url", ["", "s3://lake/request.json", f"{STAGED}/requests/x.json", f"s3://lake/{STAGED}/"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not the URL of a staged file"):
        split_url(url)


def test_prune_takes_old_requests_and_code_that_no_job_can_need(store: CheckpointStore, tmp_path: Path) -> None:
    staging = Staging(store)
    files = {}
    for name, days in [("queued", 6), ("recent", 13), ("old", 40)]:
        module = tmp_path / f"{name}.py"
        module.write_text(name, encoding="utf-8")
        files[name] = staging.file(module)
        age(files[name], days)
    old = staging.request(UNIT, request(1))
    age(old, 3)
    fresh = staging.request(UNIT.replace("daily", "hourly"), request(1))
    expected = [files["old"], old]
    report = prune(store, DAY, dry_run=True)
    assert sorted(f"{store.location}/{name}" for name in report.staged) == sorted(expected)
    assert os.path.exists(old)
    assert prune(store, DAY, pipeline_name="daily").staged == []  # what is staged belongs to all pipelines
    assert sorted(f"{store.location}/{name}" for name in prune(store, DAY).staged) == sorted(expected)
    assert [os.path.exists(url) for url in (files["queued"], files["recent"], files["old"], old, fresh)] == [
        True,
        True,
        False,
        False,
        True,
    ]


def test_a_location_without_anything_staged_is_not_written_to(store: CheckpointStore, tmp_path: Path) -> None:
    assert prune(store, DAY).staged == []
    assert not (tmp_path / "lake").exists()


def test_the_request_of_a_driver_that_is_alive_is_kept(store: CheckpointStore) -> None:
    """Its platform may start it again, with the same request."""
    history = History(store).running().beat()
    kept = Staging(store).request(history.path, request(1))
    gone = Staging(store).request(UNIT, request(1))
    for url in (kept, gone):
        age(url, 3)
    assert [Path(name).parent.name for name in prune(store, DAY).staged] == [UNIT.replace("/", "~")]
    assert (os.path.exists(kept), os.path.exists(gone)) == (True, False)


def test_a_file_that_is_uploaded_again_while_prune_looks_around_is_kept(
    store: CheckpointStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = []
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(name, encoding="utf-8")
        urls.append(Staging(store).file(tmp_path / name))
        age(urls[-1], 40)
    delete = type(store).delete

    def delete_and_upload(self: CheckpointStore, path: str) -> None:
        delete(self, path)
        for each in ("a.py", "b.py"):
            Staging(store).file(tmp_path / each)

    monkeypatch.setattr(type(store), "delete", delete_and_upload)
    assert len(prune(store, DAY).staged) == 1
    assert all(os.path.exists(url) for url in urls)
