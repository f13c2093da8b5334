"""One Airflow with users of three roles, one browser, and real failed runs, for all tests of this folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.client import Run
from tests.acceptance.deployment import Deployment
from tests.e2e.place import CHROMIUM, Flows, browser, make_deployment, open_page

_HERE = Path(__file__).parent
_SECONDS = 1_200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("e2e")
            item.add_marker("airflow")
            item.add_marker(pytest.mark.timeout(_SECONDS))


@pytest.fixture(scope="session")
def airflow(airflow_db: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A running Airflow; when the tests are over, nothing of it is left."""
    if sys.platform != "linux" or shutil.which(CHROMIUM) is None:
        pytest.skip(f"needs Linux, and Chromium at {CHROMIUM} (CHROMIUM=... for another place)")
    deployment = make_deployment(tmp_path_factory.mktemp("e2e"), airflow_db / "airflow.db")
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop()


@pytest.fixture(scope="session")
def flows(airflow: Deployment) -> Iterator[Flows]:
    found = Flows(airflow)
    yield found
    found.close()


_FAIL = {"1": "fail"}
_CONFS: dict[str, dict[str, Any]] = {
    "kept": {"clean": _FAIL},
    "resumed": {"clean": _FAIL},
    "over": {"enrich": _FAIL},
    "chosen": {"clean": _FAIL},
    "edited": {"clean": _FAIL},
    "dropped": {"clean": _FAIL},
    "twice": {"clean": _FAIL, "load": {"1": "parts"}},
    "hostile": {"load": _FAIL, "says": "<img src=x onerror=alert(1)><b>bold</b>", "pipeline": "Sensor events"},
    "live": {"enrich": {"1": "wait"}, "pipeline": "Sensor events"},
    "mapped": {"clean": _FAIL, "pipeline": "Regions"},
}
_DAGS = {"hostile": "sensor_events", "live": "sensor_events", "mapped": "regions"}


_RUN_IDS = {
    "kept": "nightly_2026_11_21",
    "twice": "nightly_2026_11_20",
    "mapped": "nightly_2026_11_19",
}  # these are in the pictures


@pytest.fixture(scope="session")
def runs(flows: Flows) -> dict[str, Run]:
    """The real runs that the tests look at, all on their way at once; all but ``live`` have failed.

    ``twice`` has failed twice, the second time with 37 of 50 parts done; ``mapped`` has two task instances; ``edited``
    has refused to resume, since a component that is done was edited.
    """
    found = {}
    for name, conf in _CONFS.items():
        found[name] = flows.run(_RUN_IDS.get(name, name), _DAGS.get(name, "daily_orders"), **conf)
    for name, run in found.items():
        if name != "live":
            run.wait("failed")
    flows.edit(found["edited"], extract="2")
    for name in ("twice", "edited"):
        found[name].clear()
    for name in ("twice", "edited"):
        found[name].wait("failed", tries=2)
    return found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture
def visit(chromium: Any, airflow: Deployment) -> Iterator[Callable[..., Any]]:
    """Open an address as a user; whatever goes wrong in the page's own code fails the test."""
    pages, errors = [], []

    def open_as(user: str, address: str, **options: Any) -> Any:
        page = open_page(chromium, airflow, user, **options)
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}"))
        pages.append(page)
        page.goto(airflow.url + address)
        return page

    yield open_as
    for page in pages:
        page.context.close()
    assert errors == []
