"""Values from a DAG run's parameters, through Airflow, the operator and a real driver, to the component."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.deployment import SHORT_LIVED_JVM
from tests.unit.rendering.test_rendering import HOSTILE

_DAG_FILE = Path(__file__).with_name("dags") / "hostile_dags.py"
_START = """
import runpy, sys
dag = runpy.run_path(sys.argv[1])["dag"]
raise SystemExit(dag.test(logical_date=None).state != "success")
"""
_COMPONENT = """
import json
from dataclasses import dataclass, field
from typing import Any
from airflow_spark_pipeline import Component

@dataclass
class Write(Component):
    path: str
    given: dict[str, Any] = field(default_factory=dict)

    def run(self, spark):
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(self.given, file)
"""
_CONF = """
pipeline.pipeline-name = {{ name }}
pipeline.pipeline-components = [ { instance-type = hostile_etl.Write, instance-config {
  path = "{{ path }}"
  given {
    region = ${?REGION}
    after = {{ dag_run.run_after | ds }}
    {% for value in params["values"] %}{% set i = loop.index0 %}
    quoted-{{ i }} = "<{{ value }}>"
    triple-{{ i }} = \"\"\"<{{ value }}>\"\"\"
    bare-{{ i }} = {{ value }}
    {% endfor %}
    include "more.conf"
  }
} } ]
"""
_MORE = '{% for value in params["values"] %}included-{{ loop.index0 }} = {{ value }}\n{% endfor %}'


@pytest.mark.slow
def test_every_value_arrives_in_the_component_as_it_is(airflow_db: Path, tmp_path: Path) -> None:
    """In a DAG run without a logical date; the file of the mapped task comes from XCom."""
    values = [str(value) for value in HOSTILE.values() if len(str(value)) < 1000 and "\0" not in str(value)]
    (tmp_path / "values.json").write_text(json.dumps(values), encoding="utf-8")
    (tmp_path / "hostile_etl.py").write_text(_COMPONENT, encoding="utf-8")
    (tmp_path / "more.conf").write_text(_MORE, encoding="utf-8")
    for name in ("hostile", "one"):
        text = _CONF.replace("{{ name }}", name).replace("{{ path }}", str(tmp_path / f"{name}.json"))
        (tmp_path / f"{name}.conf").write_text(text, encoding="utf-8")
    environment = {
        **os.environ,
        "AIRFLOW__CORE__DAGS_FOLDER": str(_DAG_FILE.parent),
        "AIRFLOW__SPARK_PIPELINE__CHECKPOINT_LOCATION": str(tmp_path / "checkpoints"),
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[1]"}),
        "HOSTILE": str(tmp_path),
        "PYTHONPATH": str(tmp_path),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": SHORT_LIVED_JVM,
        "TMPDIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", _START, str(_DAG_FILE)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    for name in ("hostile", "one"):
        given = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        assert given.pop("region", None) == (values[0] if name == "hostile" else None)
        assert given.pop("after")[:2] == "20"
        expected: dict[str, str] = {}
        for i, value in enumerate(values):
            expected |= {f"quoted-{i}": f"<{value}>", f"triple-{i}": f"<{value}>"}
            expected |= {f"bare-{i}": value, f"included-{i}": value}
        assert given == expected
