"""The key of a unit of work, and the directory names and run ids that are derived from it.

Guarantees: two different keys, or two different pipeline names, never share a directory, whatever characters they
contain; names are plain ASCII of limited length, so that every store accepts them, and start with a letter or a digit,
so that they never collide with the package's names (``_open``, ``_history``); a run id leads to its directory without a
search. Not guaranteed: that a name can be turned back into the key; the key is kept in every commit.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SLUG_LENGTH = 32
_PIPELINE = r"[a-z0-9][a-z0-9_-]*-[0-9a-f]{12}"  # daily-etl-0123456789ab
_UNIT = r"[a-z0-9][a-z0-9_.-]*-[0-9a-f]{16}"  # etl.scheduled__2026.load-0123456789abcdef
_RUN_ID = re.compile(rf"(?P<pipeline>{_PIPELINE})~(?P<unit>{_UNIT})~(?P<claim>\d{{1,18}})", re.ASCII)
_NUMBERED = re.compile(r"run-(\d{1,12})\.", re.ASCII)
_UNIT_PATH = re.compile(rf"{_PIPELINE}/{_UNIT}", re.ASCII)


@dataclass(frozen=True, slots=True)
class UnitKey:
    """The unit of work that a log belongs to: a task instance of a DAG run, or outside Airflow a single run.

    :param namespace: name that separates deployments which share a location
    :param map_index: map index of the task instance; -1 if the task is not mapped
    :param iteration: iteration of the loop that contains the task, counted from 0; ``None`` outside loops
    """

    namespace: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    iteration: int | None = None

    @classmethod
    def fresh(cls, namespace: str, pipeline_name: str) -> UnitKey:
        """Return a new, unique key for a run outside Airflow."""
        return cls(namespace, "", uuid.uuid4().hex, pipeline_name)

    @classmethod
    def numbered(cls, namespace: str, pipeline_name: str, number: int) -> UnitKey:
        """Return the key of the run of this number outside Airflow: who counts the same has the same run."""
        return cls(namespace, "", f"run-{number}", pipeline_name)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> UnitKey:
        """Return the key from the form that :meth:`to_dict` returned."""
        if not raw:
            return NO_KEY
        return cls(raw["namespace"], raw["dagId"], raw["runId"], raw["taskId"], raw["mapIndex"], raw.get("iteration"))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form that every commit contains; the directory's digest is computed from it."""
        if self == NO_KEY:
            return {}
        raw = {
            "namespace": self.namespace,
            "dagId": self.dag_id,
            "runId": self.run_id,
            "taskId": self.task_id,
            "mapIndex": self.map_index,
        }
        # Only in a loop: otherwise the directories of all runs from before loops existed would change.
        return raw if self.iteration is None else {**raw, "iteration": self.iteration}

    @property
    def directory(self) -> str:
        """Name of the unit's directory: readable parts, and a digest of the whole key that makes it unique."""
        iteration = "" if self.iteration is None else f".i{self.iteration}"
        return f"{self._readable}{iteration}-{_digest(self.to_dict(), 16)}"

    def may_be_in(self, directory: str) -> bool:
        """Whether a directory is this unit's or, if the key has no iteration, may belong to one of its iterations."""
        return directory == self.directory or (self.iteration is None and directory.startswith(f"{self._readable}.i"))

    @property
    def _readable(self) -> str:
        parts = [_slug(part) for part in (self.dag_id, self.run_id, self.task_id) if part]
        return ".".join([*parts, f"m{self.map_index}"] if self.map_index >= 0 else parts) or "x"


#: Nobody's: of a discarded run of which nothing could be read, and of a guest outside Airflow. ``{}`` in JSON.
NO_KEY = UnitKey("", "", "", "")


def number_of(unit: str) -> int:
    """Return the number in the name of a unit's directory, or 0 if there is none, see :meth:`UnitKey.numbered`."""
    match = _NUMBERED.match(unit)
    return 0 if match is None else int(match[1])


def pipeline_slug(pipeline_name: str) -> str:
    """Return the directory name of a pipeline: readable, and unique for each pipeline name."""
    return f"{_slug(pipeline_name)}-{_digest(pipeline_name, 12)}"


def unit_path(pipeline_name: str, key: UnitKey) -> str:
    """Return the directory of a unit, relative to the checkpoint location."""
    return f"{pipeline_slug(pipeline_name)}/{key.directory}"


def is_pipeline_name(name: str) -> bool:
    """Whether a directory in a location may belong to a pipeline, and not to this package or to other software."""
    return re.fullmatch(_PIPELINE, name, re.ASCII) is not None


def is_unit_path(path: str) -> bool:
    """Whether a path relative to a location may be a unit's directory; a listing may also contain other paths."""
    return _UNIT_PATH.fullmatch(path) is not None and ".." not in path


def make_run_id(unit: str, claim_number: int) -> str:
    """Return the run id of the attempt that claimed the unit in directory ``unit`` with commit ``claim_number``."""
    return f"{unit.replace('/', '~')}~{claim_number}"


def parse_run_id(run_id: str) -> tuple[str, int]:
    """Return the unit's directory (relative to the location) and the claim number of a run id.

    :raises ValueError: this is not a run id; no file system was accessed
    """
    match = _RUN_ID.fullmatch(run_id)
    if match is None or ".." in run_id:
        raise ValueError(
            f"{run_id!r} is not a run id. Run ids look like 'daily-etl-1a2b3c4d5e6f~dag.run.task-0123456789abcdef~0'."
        )
    return f"{match['pipeline']}/{match['unit']}", int(match["claim"])


def _slug(text: str) -> str:
    # ``_x`` becomes ``x``: names that start with an underscore are reserved. The digest keeps the two apart.
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")[:_SLUG_LENGTH] or "x"


def _digest(value: Any, length: int) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:length]
