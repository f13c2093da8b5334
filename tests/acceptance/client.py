"""Airflow's REST API, and the ledger that the components of a run write."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.deployment import Deployment, wait_for
from tests.acceptance.ledger import Entry, read_ledger, short

_TERMINAL = ("success", "failed")
_SECONDS = 400.0
_STEP = re.compile(r"\[\d+/\d+\] .+ (skipped \(|done in |failed after )")


class Client:
    """Talks to a deployment's API server as an administrator.

    :param token: of a user; not needed where everybody is an administrator
    """

    def __init__(self, deployment: Deployment, token: str | None = None) -> None:
        self.deployment = deployment
        if token is None:
            token = httpx.get(f"{deployment.url}/auth/token", timeout=60.0).raise_for_status().json()["access_token"]
        self._http = httpx.Client(
            base_url=f"{deployment.url}/api/v2", headers={"Authorization": f"Bearer {token}"}, timeout=60.0
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        return self._http.get(path, params=params).raise_for_status().json()

    def find(self, path: str) -> Any:
        """Return what is there, ``None`` where nothing is."""
        response = self._http.get(path)
        return None if response.status_code == httpx.codes.NOT_FOUND else response.raise_for_status().json()

    def page(self, path: str, **params: Any) -> Any:
        """Return what a route of this package's page answers."""
        url = f"{self.deployment.url}/spark-pipeline/api{path}"
        return self._http.get(url, params=params).raise_for_status().json()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._change("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._change("PATCH", path, body)

    def delete(self, path: str) -> None:
        self._http.delete(path).raise_for_status()

    def _change(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        def answer() -> httpx.Response | None:
            response = self._http.request(method, path, json=body)
            return None if response.is_server_error else response  # SQLite was locked for too long

        return wait_for(f"an answer to {method} {path}", answer, seconds=60.0, every=1.0).raise_for_status().json()

    def await_dag(self, dag_id: str) -> None:
        """Return when the DAG can be triggered."""
        wait_for(f"the DAG {dag_id}", lambda: self.find(f"/dags/{dag_id}"), seconds=120, alive=self.deployment.check)


class Run:
    """A DAG run with one pipeline in it.

    :param conf: of the DAG run
    :param task_id: of the pipeline's task
    """

    def __init__(self, client: Client, dag_id: str, run_id: str, conf: Mapping[str, Any], task_id: str) -> None:
        self.client = client
        self.dag_id = dag_id
        self.run_id = run_id
        self.conf = conf
        self.task_id = task_id
        self._path = f"/dags/{dag_id}/dagRuns/{run_id}"
        self._task = f"{self._path}/taskInstances/{task_id}"
        #: Whether the DAG file stood still at no moment at which somebody waited for this run.
        self.was_never_stale = True

    # ---- what a user does

    def trigger(self) -> None:
        self.client.await_dag(self.dag_id)
        body = {"dag_run_id": self.run_id, "logical_date": None, "conf": self.conf}
        self.client.post(f"/dags/{self.dag_id}/dagRuns", body)

    def again(self, run_id: str, **conf: Any) -> Run:
        """Trigger another run of the DAG."""
        run = Run(self.client, self.dag_id, run_id, conf, self.task_id)
        run.trigger()
        return run

    def clear(self, *, only_failed: bool = False, map_index: int | None = None, **options: Any) -> None:
        """Clear the task, as the button in the UI does.

        :param options: of Airflow's API
        """
        task: Any = self.task_id if map_index is None else [self.task_id, map_index]
        body = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": [task], "only_failed": only_failed, **options}
        cleared = self.client.post(f"/dags/{self.dag_id}/clearTaskInstances", body)
        assert cleared["total_entries"] == 1

    def clear_dag_run(self) -> None:
        """Clear the whole DAG run."""
        self.client.post(f"{self._path}/clear", {"dry_run": False})

    def set_state(self, state: str) -> None:
        """Mark the task as failed, or as succeeded."""
        self.client.patch(self._task, {"new_state": state})

    def write_note(self, note: str) -> None:
        """Write a note on the task instance."""
        self.client.patch(self._task, {"note": note})

    def delete(self) -> None:
        self.client.delete(self._path)

    # ---- what a user sees

    @property
    def note(self) -> str | None:
        """The note on the task instance."""
        note: str | None = self.client.get(self._task)["note"]
        return note

    def wait(self, state: str, *, tries: int | None = None, seconds: float = _SECONDS) -> None:
        """Wait until the DAG run ends, which has to be in this state.

        :param tries: how many tries the task has to have had
        """
        end = wait_for(f"the end of {self}", self._end, seconds=seconds, alive=self.client.deployment.check)
        logs = "" if end == state else f"\n{self.all_logs()}"
        assert end == state, f"{self} is {end}{logs}"
        if tries is not None:
            assert self.tries == tries, f"{self} had {self.tries} tries\n{self.all_logs()}"

    @property
    def tries(self) -> int:
        """How many tries the task has had."""
        number: int = self.client.get(self._task)["try_number"]
        return number

    def try_number(self, map_index: int) -> int:
        """How many tries one of the mapped tasks has had."""
        number: int = self.client.get(f"{self._task}/{map_index}")["try_number"]
        return number

    def state_store(self, key: str) -> Any:
        """What the *Storage* tab of the task shows under a key."""
        return self.client.get(f"{self._task}/state-store/{key}")["value"]

    def try_states(self) -> list[str]:
        """The state in which each try of the task ended."""
        tries = self.client.get(f"{self._task}/tries")["task_instances"]
        return [each["state"] for each in sorted(tries, key=lambda each: each["try_number"])]

    def started_at(self, try_number: int) -> float:
        """When a try of the task started, in seconds since the epoch."""
        tries = self.client.get(f"{self._task}/tries")["task_instances"]
        (start,) = [each["start_date"] for each in tries if each["try_number"] == try_number]
        return datetime.fromisoformat(start.replace("Z", "+00:00")).timestamp()

    def log(self, try_number: int) -> list[str]:
        """The log of a try, as the UI shows it: one text a line."""
        answer = self.client.get(f"{self._task}/logs/{try_number}", full_content=True)
        return [_text(line) for line in answer["content"]]

    def steps(self, try_number: int) -> list[str]:
        """What the driver's log of a try says of each component: ``[2/4] b done in 0.1 s``."""
        lines = [line.strip() for line in self.log(try_number)]
        return [line for line in lines if _STEP.match(line)]

    def error(self, try_number: int) -> str:
        """The error that a try of the task ended with, as its log shows it."""
        content = self.client.get(f"{self._task}/logs/{try_number}", full_content=True)["content"]
        details = [line["error_detail"] for line in content if isinstance(line, dict) and line.get("error_detail")]
        return str(details[-1][0]["exc_value"]) if details else ""

    def all_logs(self) -> str:
        """The logs of all tries, for people."""
        parts = []
        for number in range(1, self.tries + 1):
            parts += [f"---- {self}, try {number}", *self.log(number)]
        return "\n".join(parts)

    def xcom(self, map_index: int = -1) -> dict[str, Any]:
        """What the task returned."""
        value = self.client.get(f"{self._task}/xcomEntries/return_value", map_index=map_index)["value"]
        result: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
        return result

    def details(self) -> dict[str, Any]:
        """The task instance with its rendered fields."""
        result: dict[str, Any] = self.client.get(self._task)
        return result

    def page(self) -> Any:
        """What the page is given of the task's runs."""
        task = {"dag_id": self.dag_id, "run_id": self.run_id, "task_id": self.task_id, "map_index": -1}
        return self.client.get(f"{self.client.deployment.url}/spark-pipeline/api/task", **task)

    def stored(self) -> Any:
        """All that the *Storage* tab of the task shows."""
        return self.client.get(f"{self._task}/state-store")

    # ---- what really happened

    @property
    def ledger(self) -> Path:
        return self.client.deployment.ledgers / f"{self.run_id}.jsonl"

    def entries(self, event: str) -> list[Entry]:
        return [entry for entry in read_ledger(self.ledger) if entry.event == event]

    def started(self) -> str:
        """Which component started in which attempt: ``a1 b1 b2 c2 d2``."""
        return short(read_ledger(self.ledger), "start")

    def ended(self) -> str:
        """Which component ran to its end in which attempt."""
        return short(read_ledger(self.ledger), "end")

    def wait_for_start(self, component: str, attempt: int, *, seconds: float = _SECONDS) -> Entry:
        """Wait until a component has started."""

        def probe() -> Entry | None:
            entries = [
                entry for entry in self.entries("start") if (entry.component, entry.attempt) == (component, attempt)
            ]
            return entries[-1] if entries else None

        return probe() or wait_for(
            f"{component} in attempt {attempt} of {self}", probe, seconds=seconds, alive=self._still_running
        )

    def wait_for_marker(self, *, seconds: float = _SECONDS) -> int:
        """Wait until the task waits to be killed. Returns the pid of its process."""
        marker = self.ledger.with_suffix(".dying")

        def probe() -> int | None:
            text = marker.read_text(encoding="utf-8") if marker.exists() else ""
            return int(text) if text else None

        return wait_for(f"the marker of {self}", probe, seconds=seconds, alive=self._still_running)

    def __str__(self) -> str:
        return f"{self.dag_id}/{self.run_id}"

    def _still_running(self) -> None:
        self.client.deployment.check()
        if self._end():
            raise AssertionError(f"{self} has ended already\n{self.all_logs()}")

    def _end(self) -> str | None:
        self.was_never_stale &= not self.client.get(f"/dags/{self.dag_id}")["is_stale"]
        state = self.client.get(self._path)["state"]
        return state if state in _TERMINAL else None


def _text(line: Any) -> str:
    return line if isinstance(line, str) else str(line.get("event", line))
