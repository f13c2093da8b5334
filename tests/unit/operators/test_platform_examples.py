"""The example DAGs of platforms: each is parsed and serialized, as Airflow's DAG processor does."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.airflows import DagSerialization

EXAMPLES = sorted((Path(__file__).parents[3] / "dags_examples" / "platforms").glob("*.py"))


def dag_of(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_of_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        pytest.skip(f"not installed here: {error.name}")
    return module.dag


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_parsed_and_serialized_with_its_arguments_and_its_link(file: Path) -> None:
    dag = dag_of(file)
    assert dag.dag_id == file.stem
    tasks: list[Any] = list(DagSerialization.from_dict(DagSerialization.to_dict(dag)).tasks)
    (task,) = tasks
    assert task.pipeline.endswith("ready_made.conf")
    assert Path(task.pipeline).is_file()
    assert {"pipeline", "checkpoint_location", "resolved_pipeline"} <= set(task.template_fields)
    assert task.retries == 3
    assert "Spark pipeline run" in task.operator_extra_link_dict


def test_airflow_reads_the_examples_of_platforms_only_where_they_were_copied() -> None:
    ignored = (EXAMPLES[0].parents[1] / ".airflowignore").read_text(encoding="utf-8").splitlines()
    assert [line for line in ignored if not line.startswith("#")] == ["platforms/"]
