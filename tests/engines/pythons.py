"""Pythons as on a cluster: other versions than Airflow's, without any packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NEWEST_FIRST = ("3.13", "3.12", "3.11", "3.10")
TOO_OLD = ("3.9", "3.8", "3.7", "3.6")
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def find_python(version: str) -> Path | None:
    """An interpreter of this version, ``3.12``, that runs; of pyenv, of uv, or on ``PATH``."""
    return next((path for path in _candidates(version) if _runs(path, version)), None)


def bare_python(version: str, directory: Path) -> Path | None:
    """The interpreter of a new environment that has not even pip; ``None`` where there is no such Python."""
    found = Path(sys.executable).resolve() if version == OWN else find_python(version)
    if found is None:
        return None
    subprocess.run([found, "-m", "venv", "--without-pip", directory], check=True, timeout=120)
    return directory / "bin" / "python"


def other_version() -> str | None:
    """The newest version that is here, supported, and not the one of these tests."""
    return next((version for version in NEWEST_FIRST if version != OWN and find_python(version)), None)


def _candidates(version: str) -> Iterator[Path]:
    home = Path.home()
    yield from sorted(Path(os.environ.get("PYENV_ROOT", home / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
    yield from sorted((home / ".local/share/uv/python").glob(f"cpython-{version}.*/bin/python{version}"))
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)


def _runs(path: Path, version: str) -> bool:
    """A version manager's shim may be there and only print an error."""
    check = f"import sys; sys.exit(sys.version_info[:2] != {tuple(map(int, version.split('.')))!r})"
    return subprocess.run([path, "-c", check], check=False, capture_output=True, timeout=60).returncode == 0
