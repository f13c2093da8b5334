from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec

TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
COMPONENTS = st.builds(ComponentSpec, TEXT, TEXT, st.dictionaries(TEXT, JSON, max_size=3), TEXT)
CHECKPOINTS = st.builds(
    CheckpointSpec,
    st.booleans(),
    st.none() | TEXT,
    st.booleans(),
    st.booleans(),
    given=st.frozensets(st.sampled_from(["enabled", "location", "auto_resume", "cleanup_on_success"])),
)
SPARKS = st.builds(SparkSpec, st.none() | TEXT, st.none() | TEXT, st.dictionaries(TEXT, TEXT, max_size=3))
PIPELINES = st.builds(
    PipelineSpec,
    TEXT,
    st.lists(COMPONENTS, max_size=3).map(tuple),
    SPARKS,
    CHECKPOINTS,
    st.booleans(),
    st.none() | TEXT,
)


def through_json(data: dict[str, Any]) -> Any:
    return json.loads(json.dumps(data))


@given(PIPELINES)
def test_a_pipeline_survives_json(spec: PipelineSpec) -> None:
    assert PipelineSpec.from_dict(through_json(spec.to_dict())) == spec


@given(COMPONENTS, CHECKPOINTS, SPARKS)
def test_each_part_survives_the_way_through_json(
    component: ComponentSpec, checkpoint: CheckpointSpec, spark: SparkSpec
) -> None:
    assert ComponentSpec.from_dict(through_json(component.to_dict())) == component
    assert CheckpointSpec.from_dict(through_json(checkpoint.to_dict())) == checkpoint
    assert SparkSpec.from_dict(through_json(spark.to_dict())) == spark


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CheckpointSpec().enabled = True  # type: ignore[misc]


def test_defaults_fill_only_unset_fields() -> None:
    stated = CheckpointSpec(enabled=False, given=frozenset({"enabled"}))
    changed = stated.with_defaults(enabled=True, auto_resume=True)
    assert (changed.enabled, changed.auto_resume, set(changed.given)) == (False, True, {"enabled"})


def test_overrides_win_and_count_as_stated() -> None:
    changed = CheckpointSpec(enabled=True, given=frozenset({"enabled"})).with_overrides(
        enabled=False, location="/x", auto_resume=None
    )
    assert (changed.enabled, changed.location, changed.auto_resume) == (False, "/x", False)
    assert changed.given == {"enabled", "location"}
    assert changed.with_defaults(enabled=True).enabled is False
    assert CheckpointSpec.from_dict(through_json(changed.to_dict())) == changed


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="no field autoresume; it has enabled"):
        CheckpointSpec().with_defaults(autoresume=True)
    with pytest.raises(TypeError, match="no field given"):
        CheckpointSpec().with_overrides(given=frozenset())


@pytest.mark.parametrize(
    ("segments", "text"),
    [
        (("a", "b-c", 0, "d"), "a.b-c[0].d"),
        (("spark", "config", "spark.x"), 'spark.config."spark.x"'),
        (("", 'q"\\', 1), '""."q\\"\\\\"[1]'),
        ((), ""),
    ],
)
def test_a_path_is_written_unambiguously(segments: tuple[str | int, ...], text: str) -> None:
    assert join_path(segments) == text


@pytest.mark.parametrize("module", ["spec", "fingerprint", "hocon"])
def test_the_description_needs_neither_airflow_nor_a_parser_library(module: str) -> None:
    code = (
        f"import sys, airflow_spark_pipeline.pipeline.{module}; "
        "bad = {'airflow', 'pyhocon', 'pyparsing', 'pyspark'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
