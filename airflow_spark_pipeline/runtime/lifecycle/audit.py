"""An audit trail: JSON lines in a file on any file system that fsspec serves.

Guarantees: a line reports only what has been recorded; lines of earlier attempts are never changed.
On a local disk all attempts append to the file that ``path`` names, each line by one write. An object store cannot
append: there ``path`` is a prefix, and each attempt writes its own object, ``<path>/<run id>.jsonl``, and rewrites it
completely with each event. Configuration is written with its secrets masked, once, with ``before_pipeline``.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineEvent, PipelineHooks
from airflow_spark_pipeline.runtime.lifecycle.records import record_of
from airflow_spark_pipeline.secrets import mask_text

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass
class AuditHooks(PipelineHooks):
    """Write every event to an audit file.

    :param path: a local file (absolute, or ``file://``), or a URL such as ``s3://bucket/audit``
    :param storage_options: fsspec options for the file system, such as credentials and the endpoint
    :raises ValueError: the path is relative, so it would be a different file in each process
    """

    path: str
    storage_options: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        scheme = _SCHEME.match(self.path)
        self._local = scheme is None or scheme[1].lower() == "file"
        self._lines: dict[str, list[str]] = {}
        # Unlike that of Path, this expanduser keeps the name of a user who does not exist.
        self._file = Path(unquote(urlsplit(self.path).path)) if scheme else Path(os.path.expanduser(self.path))
        if self._local and not self._file.is_absolute():
            raise ValueError(f"the audit path {self.path} is relative; write it in full")
        if scheme and any(mark in self.path for mark in "?#"):  # the rest would be ignored
            raise ValueError(f"the audit path {mask_text(self.path)} contains `?` or `#`, which end the path of a URL")

    @classmethod
    def to_file(cls, path: str | os.PathLike[str], **storage_options: Any) -> AuditHooks:
        """Return an instance that writes to a path or URL."""
        return cls(os.fspath(path), storage_options)

    def before_pipeline(self, event: PipelineEvent) -> None:
        """Write the event, with the configuration."""
        self._write("before_pipeline", event, config=True)

    def after_pipeline(self, event: PipelineEvent) -> None:
        """Write the event."""
        self._write("after_pipeline", event)

    def before_component(self, event: ComponentEvent) -> None:
        """Write the event."""
        self._write("before_component", event)

    def after_component(self, event: ComponentEvent) -> None:
        """Write the event."""
        self._write("after_component", event)

    def on_component_failure(self, event: ComponentEvent) -> None:
        """Write the event."""
        self._write("on_component_failure", event)

    def on_retry(self, event: ComponentEvent) -> None:
        """Write the event."""
        self._write("on_retry", event)

    def on_resume(self, event: PipelineEvent) -> None:
        """Write the event."""
        self._write("on_resume", event)

    def on_superseded(self, event: PipelineEvent) -> None:
        """Write the event."""
        self._write("on_superseded", event)

    def _write(self, name: str, event: PipelineEvent | ComponentEvent, *, config: bool = False) -> None:
        line = json.dumps(record_of(name, event, config=config), ensure_ascii=False, default=str) + "\n"
        if self._local:
            self._append(line.encode())
        else:
            self._put(event.run.run_id, line)

    def _append(self, line: bytes) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # One write at the end of the file: a line of another attempt cannot land inside it.
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            written = os.write(descriptor, line)
            if written != len(line):
                raise OSError(f"{self._file}: only {written} of {len(line)} bytes could be written")
        finally:
            os.close(descriptor)

    def _put(self, run_id: str, line: str) -> None:
        import fsspec  # shipped with the runtime, and takes a second to import

        lines = self._lines.setdefault(run_id, [])
        lines.append(line)
        file_system, root = fsspec.core.url_to_fs(self.path, **self.storage_options)
        file_system.pipe_file(f"{root.rstrip('/')}/{run_id}.jsonl", "".join(lines).encode())
