"""The front end takes its types from the OpenAPI document of the routes, which is up to date."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_committed_document_is_what_the_routes_send(tmp_path: Path) -> None:
    written = tmp_path / "openapi.json"
    subprocess.run([sys.executable, ROOT / "scripts/openapi.py", written], check=True, capture_output=True)
    committed = json.loads((ROOT / "airflow_spark_pipeline/plugins/www/openapi.json").read_text(encoding="utf-8"))
    assert json.loads(written.read_text(encoding="utf-8"))["components"] == committed["components"], (
        "run python scripts/openapi.py airflow_spark_pipeline/plugins/www/openapi.json, npm run types there, and commit"
    )
