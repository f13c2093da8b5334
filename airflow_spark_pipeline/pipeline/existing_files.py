"""Whether a file exists. Up to Python 3.13, ``Path.exists`` raises errors that name no argument and no way out."""

from __future__ import annotations

import os
from pathlib import Path


def may_exist(path: str | os.PathLike[str]) -> bool:
    """Whether something is at a path, or this user may not look; then reading it says why.

    ``/root/etl.conf`` of another user  ->  true; a name that is too long for a file  ->  false
    """
    try:
        Path(path).stat()
    except PermissionError:
        return True
    except (OSError, ValueError):  # also a name that no file can have
        return False
    return True
