"""The output of a driver reaches the task log, whatever bytes it has."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airflow_spark_pipeline.launch import child_process
from airflow_spark_pipeline.launch.child_process import Child
from airflow_spark_pipeline.launch.driver_output import PIECE, TEXT, lines

ODD = [
    pytest.param(b"caf\xe9\n", ["caf\\xe9"], id="a byte that is not UTF-8"),
    pytest.param("café 😀\n".encode(), ["café 😀"], id="UTF-8"),
    pytest.param(b"\xff\xfe\x00a\n", ["\\xff\\xfe\\x00a"], id="UTF-16"),
    pytest.param(b"a\0b\n", ["a\\x00b"], id="a NUL"),
    pytest.param(b"10 %\r20 %\r\nend\n", ["10 %", "20 %", "end"], id="a progress bar"),
    pytest.param(b"\x1b[31mred\x1b[0m\n", ["\x1b[31mred\x1b[0m"], id="colours"),
    pytest.param(b"no end", ["no end"], id="a last line without an end"),
    pytest.param(b"", [], id="nothing"),
    pytest.param(b"\n\n", ["", ""], id="empty lines"),
    pytest.param("é".encode()[:1], ["\\xc3"], id="half a character"),
]


@pytest.mark.parametrize(("printed", "shown"), ODD)
def test_any_bytes_are_shown_as_lines(printed: bytes, shown: list[str]) -> None:
    assert list(lines(io.TextIOWrapper(io.BytesIO(printed), TEXT["encoding"], TEXT["errors"]))) == shown


def test_a_line_of_megabytes_is_passed_on_in_pieces() -> None:
    output = io.TextIOWrapper(io.BytesIO(b"x" * 5_000_000 + b"\nnext\n"), TEXT["encoding"], TEXT["errors"])
    *pieces, last = lines(output)
    assert "".join(pieces) == "x" * 5_000_000
    assert max(map(len, pieces)) == PIECE
    assert last == "next"


@pytest.mark.parametrize(("printed", "shown"), ODD)
def test_a_child_may_print_any_bytes(printed: bytes, shown: list[str]) -> None:
    told: list[str] = []
    code = Child(dict(os.environ), told.append).run([sys.executable, "-c", f"import os; os.write(1, {printed!r})"])
    assert (code, told) == (0, shown)


def test_a_line_that_cannot_be_passed_on_does_not_stop_the_child() -> None:
    def broken(line: str) -> None:
        raise OSError("the log is full")

    assert Child(dict(os.environ), broken).run([sys.executable, "-c", "print('x\\n' * 100_000)"]) == 0


def test_a_process_that_the_child_leaves_behind_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(child_process, "_READ_SECONDS", 0.2)
    told: list[str] = []
    code = (
        "import subprocess, sys; "
        "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print(left.pid, flush=True)"
    )
    start = time.monotonic()
    try:
        assert Child(dict(os.environ), told.append).run([sys.executable, "-c", code]) == 0
    finally:
        subprocess.run(["kill", *told], check=False)
    assert time.monotonic() - start < 30
    assert len(told) == 1
