"""What reading a description costs: against pyhocon's own reading of the same text, and in a later try."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from unittest import mock

import jinja2
from pyhocon import ConfigFactory

from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.task.description import PipelineSource
from airflow_spark_pipeline.task.templates import describe
from benchmarks.harness import Row, Sample, interleaved, timed

_SIZES = {200: 7, 2_000: 3}  # components, rounds
_COMPONENT = """
    {{
      instance-name = "Load(table_{0})"  # one of many
      instance-type = com.example.etl.Load
      instance-config {{
        input-path = ${{root}}"/landing/table_{0}", output-table = "warehouse.table_{0}"
        columns = [id, name, amount], batch-size = {0}, mode = overwrite, dry-run = false
      }}
      retry-policy {{ max-retries = 2, initial-delay-ms = 10000 }}
      timeout = 2 hours
    }}"""


def rows() -> Iterator[Row]:
    """Read descriptions of several lengths."""
    for components, rounds in _SIZES.items():
        text = _text(components)
        assert len(parse_pipeline(text).components) == components
        measured, base = interleaved(
            lambda text=text: timed(lambda: parse_pipeline(text)),  # type: ignore[misc]  # of this round of the loop
            lambda text=text: timed(lambda: ConfigFactory.parse_string(text)),  # type: ignore[misc]
            rounds,
        )
        yield Row(f"reading a description of {components:,} components", "pyhocon alone", measured, base, aim=1.2)
        again, first = _tries(PipelineSource(text), rounds)
        yield Row(f"reading {components:,} components again in a later try", "in the first try", again, first)


def _tries(source: PipelineSource, rounds: int) -> tuple[Sample, Sample]:
    """Return how long a later try on the same worker takes, and the first one."""

    def take() -> float:
        return timed(lambda: describe(source, {}, jinja2.Environment()))  # noqa: S701  # it renders HOCON

    first, again = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as worker, mock.patch("tempfile.tempdir", worker):
            first.append(take())
            again.append(take())
    return Sample.of(again), Sample.of(first)


def _text(components: int) -> str:
    steps = "".join(_COMPONENT.format(number) for number in range(components))
    return f'root = "s3a://bucket"\npipeline {{\n  pipeline-name = Long\n  pipeline-components = [{steps}\n  ]\n}}\n'
