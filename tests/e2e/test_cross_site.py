"""Another site in the user's browser cannot write, neither by a form nor by a script."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.acceptance.client import Run
from tests.acceptance.deployment import Deployment


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], str]]:
    """Serve a document from another origin; returns its address."""
    documents: dict[str, str] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(documents.get(self.path, "").encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def serve(document: str) -> str:
        documents["/x"] = document
        return f"http://localhost:{server.server_address[1]}/x"

    yield serve
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("way", ["form", "text form", "fetch", "no-cors fetch"])
def test_another_site_discards_nothing(
    visit: Callable[..., Any],
    runs: dict[str, Run],
    airflow: Deployment,
    elsewhere: Callable[[str], str],
    way: str,
) -> None:
    run = runs["kept"]
    page = visit("admin", "/plugin/spark-pipeline")
    target = f"{airflow.url}/spark-pipeline/api/dags/{run.dag_id}/discard"
    listed = page.request.get(f"{airflow.url}/spark-pipeline/api/runs?q={run.run_id}").json()["runs"]
    (row,) = [each for each in listed if each["run_id"] == run.run_id]
    body = json.dumps({name: row[name] for name in ("run_id", "task_id", "map_index", "id", "number")})
    if "form" in way:
        kind = "text/plain" if way == "text form" else "application/x-www-form-urlencoded"
        document = (
            f"<form method=post action='{target}' enctype='{kind}'>"
            f"<input name='{body[:-1]},\"x\":\"' value='\"}}'></form>"
            "<script>document.forms[0].submit()</script>"
        )
    else:
        mode = "no-cors" if way == "no-cors fetch" else "cors"
        document = (
            f"<script>fetch({json.dumps(target)}, {{method: 'POST', credentials: 'include', mode: '{mode}', "
            f"headers: {{'Content-Type': 'application/json'}}, body: {json.dumps(body)}}})"
            ".catch(() => {}).finally(() => document.title = 'sent')</script>"
        )
    page.goto(elsewhere(document))
    if "form" in way:
        page.wait_for_url("**/discard")
    else:
        page.wait_for_function("document.title === 'sent'")
    again = page.request.get(f"{airflow.url}/spark-pipeline/api/runs?q={run.run_id}").json()["runs"]
    assert [each["number"] for each in again if each["run_id"] == run.run_id] == [row["number"]]
