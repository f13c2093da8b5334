from __future__ import annotations

from pathlib import Path

import pytest

from tests.mistakes import Shop, make_shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return make_shop(tmp_path, monkeypatch)
