"""The run that a command means: an id, the beginning of one, a row's number, or the last run."""

from __future__ import annotations

import io
import json

import pytest

from airflow_spark_pipeline.cli import printing
from tests.unit.cli.shell import Shell, steps


@pytest.fixture
def failed(shell: Shell) -> list[str]:
    """Three failed runs that a resume completes; their ids, the newest first."""
    shell.write(steps("a", "b:Step:fails = 99", "c"))
    for _ in range(3):
        assert shell("run", "steps.conf") == 1
    shell.write(steps("a", "b", "c"))
    assert shell("runs", "--file", "steps.conf", "--json") == 0
    return [run["runId"] for run in json.loads(shell.out)]


def unit(run_id: str) -> str:
    return run_id.rpartition("~")[0]


def completed(shell: Shell) -> list[str]:
    assert shell("runs", "--file", "steps.conf", "--all", "--json") == 0
    return [unit(run["runId"]) for run in json.loads(shell.out) if run["state"] == "completed"]


def beginning(run_id: str) -> str:
    """The shortest beginning that has a letter of the unit: run ids of one pipeline begin alike."""
    pipeline, name, _ = run_id.split("~")
    return f"{pipeline}~{name[:12]}"


def test_resume_without_an_id_takes_the_last_run_and_names_it(shell: Shell, failed: list[str]) -> None:
    assert shell("resume", "steps.conf") == 0
    assert f"Resuming {failed[0]}" in shell.err
    assert completed(shell) == [unit(failed[0])]


def test_resume_without_an_id_looks_only_at_runs_of_the_same_pipeline(shell: Shell, failed: list[str]) -> None:
    other = steps("a", "b:Step:fails = 99").replace("pipeline-name = ", 'pipeline-name = "other "')
    shell.write(other, "other.conf")
    assert shell("run", "other.conf") == 1
    assert shell("resume", "steps.conf") == 0
    assert completed(shell) == [unit(failed[0])]


def test_resume_without_an_unfinished_run_is_an_error(shell: Shell) -> None:
    shell.write(steps("a"))
    assert shell("run", "steps.conf") == 0
    assert shell("resume", "steps.conf") == 2
    assert "No unfinished run of 'Steps' exists in " in shell.err


@pytest.mark.parametrize("row", [1, 2, 3])
def test_the_number_of_a_row_means_its_run(shell: Shell, failed: list[str], row: int) -> None:
    assert shell("runs", "--file", "steps.conf") == 0
    lines = shell.out.splitlines()
    assert [line.split()[0] for line in lines[::2]] == ["1", "2", "3"]
    assert [line.strip() for line in lines[1::2]] == failed
    assert shell("resume", "steps.conf", str(row)) == 0
    assert completed(shell) == [unit(failed[row - 1])]


def test_a_filter_does_not_change_the_numbers_and_ended_runs_have_none(shell: Shell, failed: list[str]) -> None:
    assert shell("resume", "steps.conf", failed[0]) == 0
    assert shell("runs", "--file", "steps.conf", "--all") == 0
    assert sorted(line.split()[0] for line in shell.out.splitlines()[::2]) == ["1", "2", "Steps"]
    assert shell("runs", "--file", "steps.conf", "--newer-than", "1h", "--state", "failed") == 0
    assert [line.split()[0] for line in shell.out.splitlines()[::2]] == ["1", "2"]


@pytest.mark.parametrize("row", ["0", "4", "99"])
def test_a_number_without_a_row_is_refused(shell: Shell, failed: list[str], row: str) -> None:
    assert shell("resume", "steps.conf", row) == 2
    assert f"There is no run {row} in " in shell.err
    assert "has 3 rows" in shell.err
    assert completed(shell) == []


@pytest.mark.parametrize("command", ["resume", "plan", "show", "discard"])
def test_an_unambiguous_beginning_is_enough(shell: Shell, failed: list[str], command: str) -> None:
    file = ("steps.conf",) if command in ("resume", "plan") else ("--file", "steps.conf")
    more = ("--yes",) if command == "discard" else ()
    text = beginning(failed[1])
    arguments = (*file, text) if command in ("resume", "plan") else (text, *file)
    assert shell(command, *arguments, *more) == 0
    assert shell("runs", "--file", "steps.conf", "--json") == 0
    left = [unit(run["runId"]) for run in json.loads(shell.out)]
    assert (unit(failed[1]) in left) == (command in ("plan", "show"))
    assert {unit(failed[0]), unit(failed[2])} <= {*left}


@pytest.mark.parametrize("command", ["resume", "plan", "show", "discard"])
def test_an_ambiguous_beginning_lists_the_candidates_and_does_nothing(
    shell: Shell, failed: list[str], command: str
) -> None:
    text = failed[0].split("~")[0]
    arguments = ("steps.conf", text) if command in ("resume", "plan") else (text, "--file", "steps.conf")
    assert shell(command, *arguments) == 2
    assert f"3 runs have an id that begins with {text!r}; write more of it:" in shell.err
    assert [run_id for run_id in failed if run_id in shell.err] == failed
    assert shell.out == ""
    assert completed(shell) == []


@pytest.mark.parametrize("text", ["nonsense", "steps-x", ""])
def test_the_beginning_of_an_id_that_matches_no_run_is_refused(shell: Shell, failed: list[str], text: str) -> None:
    assert shell("show", text, "--file", "steps.conf") == 2
    assert f"has an id that begins with {text!r}" in shell.err


def test_show_finds_a_finished_run_by_the_beginning_of_its_id(shell: Shell, failed: list[str]) -> None:
    assert shell("resume", "steps.conf", failed[2]) == 0
    assert shell("show", beginning(failed[2]), "--file", "steps.conf") == 0
    assert "completed" in shell.out


def test_a_run_of_a_machine_whose_clock_is_ahead_is_listed(
    shell: Shell, failed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing, "age_of", lambda state: -3.0)
    assert shell("runs", "--file", "steps.conf", "--json") == 0
    assert [run["runId"] for run in json.loads(shell.out)] == failed
    assert shell("runs", "--file", "steps.conf", "--newer-than", "1h", "--json") == 0
    assert [run["runId"] for run in json.loads(shell.out)] == failed


@pytest.mark.parametrize("answer", [None, "", "n", "y"])
def test_a_run_is_discarded_only_if_somebody_says_yes(
    shell: Shell, failed: list[str], monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    """Without a standard input, and at its end (Ctrl-D), nobody has."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", None if answer is None else Terminal(answer and f"{answer}\n"))
    assert shell("discard", failed[0], "--file", "steps.conf") == (0 if answer == "y" else 2)
    assert ("Nothing was done" in shell.err) is (answer != "y")
