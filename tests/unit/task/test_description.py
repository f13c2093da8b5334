"""Where a description is looked up."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.pipeline.parser import read_pipeline
from airflow_spark_pipeline.task.description import PipelineSource, read_source

CONF = "pipeline { pipeline-name = Shop }\n"


def problem(pipeline: str, folder: Path) -> str:
    with pytest.raises(PipelineDefinitionError) as caught:
        read_source(pipeline, folder)
    (found,) = caught.value.problems
    return str(found)


# ---- found


def test_a_relative_path_starts_at_the_dag_file(tmp_path: Path) -> None:
    (tmp_path / "confs").mkdir()
    (tmp_path / "confs" / "shop.conf").write_text(CONF, encoding="utf-8")
    file = tmp_path / "confs" / "shop.conf"
    assert read_source("confs/shop.conf", tmp_path) == PipelineSource(CONF, str(file), file.parent)


def test_an_absolute_path_stays_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "shop.conf"
    file.write_text(CONF, encoding="utf-8")
    assert read_source(str(file), Path("/nowhere")) == PipelineSource(CONF, str(file), tmp_path)


def test_a_url_is_read_and_cannot_have_relative_includes(tmp_path: Path) -> None:
    file = tmp_path / "shop.conf"
    file.write_text(CONF, encoding="utf-8")
    assert read_source(file.as_uri(), Path("/nowhere")) == PipelineSource(CONF, file.as_uri(), None)


@pytest.mark.parametrize("text", [CONF, "pipeline.pipeline-name = Shop\npipeline.fail-fast = yes", "{}"])
def test_text_is_the_description_itself_and_includes_start_at_the_dag_file(text: str, tmp_path: Path) -> None:
    assert read_source(text, tmp_path) == PipelineSource(text, None, tmp_path, is_final=True)


def test_a_description_may_have_any_suffix(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text(CONF, encoding="utf-8")
    assert read_source("shop", tmp_path).text == CONF


def test_the_error_about_a_missing_relative_path_lists_the_searched_places(tmp_path: Path) -> None:
    expected = f"{tmp_path / 'shop.conf'}: there is no such file (relative paths are looked up next to the DAG file)"
    assert problem("shop.conf", tmp_path) == expected


def test_a_missing_absolute_path_needs_no_explanation(tmp_path: Path) -> None:
    assert problem(str(tmp_path / "shop.conf"), tmp_path) == f"{tmp_path / 'shop.conf'}: there is no such file"


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    """Editors on Windows write one; Jinja and an error's column must not see it."""
    (tmp_path / "shop.conf").write_text(CONF, encoding="utf-8-sig")
    assert read_source("shop.conf", tmp_path).text.removeprefix("\ufeff") == CONF


def test_a_missing_object_behind_a_url_is_named_by_the_url(tmp_path: Path) -> None:
    url = (tmp_path / "shop.conf").as_uri()
    assert problem(url, tmp_path).startswith(f"{url}: cannot be read: ")


def test_a_path_that_is_not_beside_the_dag_file_is_looked_up_in_the_search_path(tmp_path: Path) -> None:
    for folder, text in (("dags", CONF), ("one", CONF), ("two", "{}")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.conf").write_text(text, encoding="utf-8")
        (tmp_path / folder / "each.conf").write_text(folder, encoding="utf-8")
    search = (str(tmp_path / "one"), str(tmp_path / "two"))
    found = {name: read_source(name, tmp_path / "dags", search).text for name in ("one.conf", "two.conf", "each.conf")}
    assert found == {"one.conf": CONF, "two.conf": "{}", "each.conf": "dags"}
    with pytest.raises(
        PipelineDefinitionError, match=r"next to the DAG file, then in template_searchpath: .*/one, .*/two"
    ):
        read_source("three.conf", tmp_path / "dags", search)


def test_a_name_that_is_too_long_for_a_file_is_one_that_does_not_exist(tmp_path: Path) -> None:
    assert "there is no such file" in problem("x" * 300 + ".conf", tmp_path)


def test_a_directory_that_this_user_may_not_look_into_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert problem("private/shop.conf", tmp_path) == f"{tmp_path}/private/shop.conf: cannot be read: Permission denied"


def test_the_password_of_a_url_is_not_shown(tmp_path: Path) -> None:
    found = problem("memory://me:hunter2@host/shop.conf", tmp_path)
    assert "hunter2" not in found
    assert "memory://me:***@host/shop.conf" in found


def test_an_include_in_a_description_from_a_url_is_an_error(tmp_path: Path) -> None:
    """It has no directory in which the included file could be, and without it the run would have other settings."""
    reading = read_pipeline('include "base.conf"\npipeline {}', file="s3://bucket/etl/orders.conf")
    assert any("the included file `base.conf` cannot be found" in problem.message for problem in reading.problems)
