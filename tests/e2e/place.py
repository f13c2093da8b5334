"""An Airflow with users of three roles, and a browser that opens it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.client import Client, Run
from tests.acceptance.deployment import Deployment, wait_for

HERE = Path(__file__).parent
USERS = ("admin", "user", "viewer")
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# Without the second half, Chromium asks Google's hosts about itself at every start.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def make_deployment(home: Path, database: Path, *, path: str = "", **options: str) -> Deployment:
    """An Airflow that is not started yet, with a user of each role whose password is the name.

    :param path: of its base URL, such as ``/team/airflow``
    :param options: of its configuration: ``core__auth_manager="…"``
    """
    airflow = Deployment(home, database, {"page": HERE / "dags"})
    airflow.url += path
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({name: name for name in USERS}), encoding="utf-8")
    environment = {
        "AIRFLOW__API__BASE_URL": airflow.url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{airflow.url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{name}" for name in USERS),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__SPARK_PIPELINE__LEASE_SECONDS": "30",
        "GATES": str(home / "gates"),
    }
    airflow.environment.update(environment)
    airflow.environment.update({f"AIRFLOW__{name.upper()}": value for name, value in options.items()})
    return airflow


def token(airflow: Deployment, user: str) -> str:
    """Log in."""
    body = {"username": user, "password": user}
    answer = httpx.post(f"{airflow.url}/auth/token", json=body, timeout=60.0).raise_for_status()
    found: str = answer.json()["access_token"]
    return found


class Flows:
    """The DAG runs of a deployment's pipelines."""

    def __init__(self, airflow: Deployment) -> None:
        self.airflow = airflow
        self.client = Client(airflow, token(airflow, "admin"))

    def close(self) -> None:
        self.client.close()

    def run(self, run_id: str, dag_id: str = "daily_orders", **conf: Any) -> Run:
        """Trigger a DAG run: ``run("r1", clean={"1": "fail"})``."""
        run = Run(self.client, dag_id, run_id, conf, "etl")
        run.trigger()
        return run

    def failed(self, run_id: str, dag_id: str = "daily_orders", **conf: Any) -> Run:
        """Return a run whose pipeline has failed."""
        run = self.run(run_id, dag_id, **(conf or {"clean": {"1": "fail"}}))
        run.wait("failed")
        return run

    def edit(self, run: Run, **editions: str) -> None:
        """Edit components of the run's pipeline from its next try on: ``edit(run, extract="2")``."""
        self.client.post("/variables", {"key": f"editions_{run.run_id}", "value": json.dumps(editions)})

    def starts(self, run: Run) -> list[str]:
        """Which component started, and for which time: ``clean-2``."""
        folder = Path(self.airflow.environment["GATES"], run.run_id)
        return sorted(path.name.removeprefix("started-") for path in folder.glob("started-*"))

    def open_gate(self, run: Run, component: str) -> None:
        Path(self.airflow.environment["GATES"], run.run_id, f"open-{component}").touch()

    def wait_for_start(self, run: Run, start: str) -> None:
        wait_for(f"{start} of {run}", lambda: start in self.starts(run), seconds=300, alive=self.airflow.check)


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A Chromium with nothing in it."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)  # a busy machine, and the page's own rhythm
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield chromium
        finally:
            chromium.close()


def open_page(chromium: Any, airflow: Deployment, user: str, **options: Any) -> Any:
    """Return a page of a browser in which the user is logged in."""
    context = chromium.new_context(base_url=f"{airflow.url}/", **options)
    context.add_cookies([{"name": "_token", "value": token(airflow, user), "url": f"{airflow.url}/"}])
    return context.new_page()
