"""scripts/pytest.sh: failed tests run once more, and no other failure is forgiven."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FAILS_ONCE = """
from pathlib import Path

def test_steady():
    with open("steady", "a") as runs:
        runs.write("x")

def test_unsteady():
    first = not Path("unsteady").exists()
    Path("unsteady").touch()
    assert not first
"""


def run(place: Path, tests: str, *, second_chance: bool = True) -> tuple[int, str]:
    """The exit code and the names of the tests that passed the second time."""
    (place / "test_it.py").write_text(tests, encoding="utf-8")
    (place / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    names = place / "names"
    names.touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["SECOND_CHANCE"] = str(names) if second_chance else ""
    command = [str(ROOT / "scripts/pytest.sh"), sys.executable, "-p", "no:hypothesispytest", "-q"]
    result = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    return result.returncode, names.read_text(encoding="utf-8")


def test_a_test_that_fails_once_passes_and_is_named(tmp_path: Path) -> None:
    assert run(tmp_path, FAILS_ONCE) == (0, "  test_it.py::test_unsteady\n")
    assert (tmp_path / "steady").read_text() == "x"


def test_without_a_second_chance_it_fails(tmp_path: Path) -> None:
    assert run(tmp_path, FAILS_ONCE, second_chance=False) == (1, "")


def test_a_test_that_fails_twice_fails(tmp_path: Path) -> None:
    assert run(tmp_path, "def test_red():\n    assert False\n") == (1, "")


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("import nothing_of_this_name\n", id="a file that cannot be imported"),
        pytest.param("def test_red():\n    raise KeyboardInterrupt\n", id="an interrupt"),
        pytest.param("import os\n\ndef test_red():\n    os._exit(3)\n", id="pytest itself ends"),
        pytest.param("", id="no test"),
    ],
)
def test_a_test_run_that_breaks_off_fails(tmp_path: Path, broken: str) -> None:
    code, names = run(tmp_path, broken)
    assert code != 0
    assert names == ""
