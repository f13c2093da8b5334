"""No command prints a secret that it was given, whatever fails."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.cli.commands import _resume_command
from airflow_spark_pipeline.cli.output import OUTPUT
from tests.steps import describe
from tests.unit.cli.shell import Shell, steps

SECRET = "hunter2xyz"


class Quoting(LocalStore):
    """A store whose errors quote everything."""

    @classmethod
    def from_config(cls, location: str, config: Mapping[str, Any]) -> NoReturn:
        raise ValueError(f"cannot connect with {config} to {location}")


LOCATIONS = [
    f"ftp://a:{SECRET}@h/x",
    f"s3a://AKIAX:{SECRET}@bucket/x",
    f"s3:/AKIAX:{SECRET}@bucket/x",
    f"abfss://x?sig={SECRET}",
    f"memory://me:{SECRET}@x/ck",
]
COMMANDS = [
    ("validate", "steps.conf"),
    ("plan", "steps.conf"),
    ("run", "steps.conf"),
    ("resume", "steps.conf"),
    ("resume", "steps.conf", "1"),
    ("runs", "--file", "steps.conf"),
    ("runs", "--file", "steps.conf", "--finished"),
    ("show", "1", "--file", "steps.conf"),
    ("discard", "1", "--file", "steps.conf"),
    ("prune", "--older-than", "1d", "--file", "steps.conf"),
]


@pytest.mark.parametrize(
    ("location", "command"),
    [(LOCATIONS[0], command) for command in COMMANDS]
    + [(location, command) for location in LOCATIONS[1:] for command in (COMMANDS[0], COMMANDS[1], COMMANDS[5])],
)
def test_a_password_of_the_location_is_not_printed(shell: Shell, location: str, command: tuple[str, ...]) -> None:
    shell.write(describe("a", more=f'checkpoint {{ location = "{location}" }}'))
    shell(*command)
    assert SECRET not in shell.out + shell.err
    shell.write(steps("a"))
    if command[0] != "validate":
        shell(*command, "--location", location)
        assert SECRET not in shell.out + shell.err


@pytest.mark.parametrize("command", COMMANDS[1::2], ids=" ".join)
def test_an_error_of_a_custom_store_about_its_config_shows_no_secret(shell: Shell, command: tuple[str, ...]) -> None:
    store = f"store {{ instance-type = {__name__}.Quoting, instance-config {{ password = {SECRET}, user = me }} }}"
    shell.write(describe("a", more=f'checkpoint {{ location = "x://y:{SECRET}@h", {store} }}'))
    assert shell(*command) == 4
    assert "cannot connect with {'password': '***', 'user': 'me'}" in shell.err
    assert SECRET not in shell.out + shell.err


@pytest.mark.parametrize(
    "line",
    [
        "text = {{ params.password }}@host",
        "bogus-{{ params.password }} = 1",
        "a.{{ params.password }} = 1",
        "text = {{ params[params.password] }}",
        "text = {{ params.password | int + [] }}",
        "text = {{ undefined_function(params.password) }}",
        "text = ${a.{{ params.password }}}",
        "{{ params.password }}",
        'include required("{{ params.password }}")',
        "a = [{{ params.password }} {}]",
    ],
)
@pytest.mark.parametrize(("command", "given"), [("validate", "--set"), ("plan", "yaml"), ("validate", "conf")])
def test_a_value_that_was_given_for_a_secret_name_is_not_printed(
    shell: Shell, line: str, command: str, given: str
) -> None:
    shell.write(steps("a").replace("pipeline-name", f"{line}\n  pipeline-name", 1))
    option = ["--set", f"params.password={SECRET}"]
    if given != "--set":
        suffix, text = {"yaml": ("yaml", f"params.password: {SECRET}"), "conf": ("conf", f"params.password={SECRET}")}[
            given
        ]
        option = ["--values", shell.write(text, f"values.{suffix}")]
    assert shell(command, "steps.conf", *option) == 2
    assert shell.out + shell.err
    assert SECRET not in shell.out + shell.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("v.yaml", f'password: "{SECRET}'),
        ("v.yaml", f"password: !{SECRET}"),
        ("v.yaml", f"password: *{SECRET}"),
        ("v.yaml", f"a:\n  tokens: [{SECRET}\nb: {{"),
        ("v.json", f'{{"password": "{SECRET}" x}}'),
        ("v.conf", f"tokens = [\n{SECRET}!\n]"),
    ],
)
def test_the_error_about_an_unreadable_values_file_does_not_quote_it(shell: Shell, name: str, text: str) -> None:
    shell.write(text, name)
    assert shell("plan", "steps.conf", "--values", name) == 2
    assert re.search(rf"{name}:\d: ", shell.err)
    assert SECRET not in shell.err


def test_the_error_about_a_malformed_set_option_does_not_show_its_value(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        shell("plan", "steps.conf", "--set", f"my-password={SECRET}")
    said = capsys.readouterr().err
    assert "'my-password=…' is not NAME=VALUE" in said
    assert SECRET not in said


def test_the_resume_command_has_a_placeholder_for_each_secret(shell: Shell) -> None:
    shell.write(steps("a:Step:fails = 9"))
    assert shell("run", "steps.conf", "--set", f"params.db_password={SECRET}", "--set", "ds=2026-01-31") == 1
    last = shell.err.splitlines()[-1]
    assert last.startswith("To resume where it failed (put the secrets in place of ***): spark-pipeline resume ")
    assert "--set 'params.db_password=***' --set ds=2026-01-31" in last
    assert SECRET not in shell.out + shell.err


def test_the_command_that_resumes_shows_no_password_of_a_url() -> None:
    command = _resume_command(
        Namespace(
            file=f"https://me:{SECRET}@h/etl.conf",
            settings=[("url", f"jdbc:x://u:{SECRET}@h"), ("limit", "5")],
            values_files=["v.yaml"],
            py_files=[],
            location=f"memory://me:{SECRET}@x",
            conn_id=None,
        ),
        "r1",
    )
    assert SECRET not in command
    assert "--set limit=5 --values v.yaml --location 'memory://me:***@x'" in command


def test_terminal_control_sequences_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    OUTPUT.prepare()
    OUTPUT.write("a\x1b[2J\x00\r\x9b\tb\nc é")
    assert capsys.readouterr().out == "a\\x1b[2J\\x00\\r\\x9b\tb\nc é\n"


@pytest.mark.parametrize("command", [("resume", "steps.conf"), ("show",), ("discard",), ("plan", "steps.conf")])
def test_a_row_number_of_thousands_of_digits_is_refused(shell: Shell, command: tuple[str, ...]) -> None:
    shell("run", "steps.conf")
    more = [] if "steps.conf" in command else ["--file", "steps.conf"]
    assert shell(*command, "9" * 5000, *more) == 2
    assert "There is no run with 5000 digits in" in shell.err


@pytest.mark.parametrize(
    "command",
    [
        ("plan", "steps.conf", "--location", "~nosuchuser/x"),
        ("runs", "--location", "~nosuchuser/x"),
        ("plan", "steps.conf", "--py-files", "~nosuchuser/x"),
        ("validate", "steps.conf", "--py-files", "~nosuchuser/x"),
        ("init", "~nosuchuser/x"),
    ],
    ids=" ".join,
)
def test_an_unknown_users_home_gives_a_one_sentence_error(shell: Shell, command: tuple[str, ...]) -> None:
    assert shell(*command) in (2, 4)
    assert "~nosuchuser/x" in shell.err
    assert "home directory of a user who does not exist here" in shell.err


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_every_command_reports_a_location_that_is_a_file_in_the_same_words(
    shell: Shell, below: str, tmp_path: Path
) -> None:
    (tmp_path / "afile").write_text("x")
    says = f"{tmp_path}/afile{below} cannot be used: {tmp_path}/afile is not a directory. Move it away"
    for command in (("runs",), ("plan", "steps.conf"), ("run", "steps.conf"), ("prune", "--older-than", "1d")):
        assert shell(*command, "--location", f"afile{below}") == 4
        assert says in shell.err


def test_values_that_contain_themselves_are_read_for_secrets_without_an_end(shell: Shell) -> None:
    shell.write(steps("a").replace("pipeline-name", "text = {{ a.password }}@h\n  pipeline-name", 1))
    values = shell.write(f"a: &a\n  password: {SECRET}\n  self: *a\n", "v.yaml")
    assert shell("plan", "steps.conf", "--values", values) == 2
    assert SECRET not in shell.err


@pytest.mark.parametrize("password", ["fail", "000", "run", "test", "Step", "airflow", "json"])
def test_a_password_that_is_a_common_word_changes_no_result(shell: Shell, password: str) -> None:
    """Other programs read them, and people copy the ids."""
    shell.write(steps("a:Step:fails = 9", "b"))
    assert shell("run", "steps.conf") == 1
    shell("runs", "--file", "steps.conf", "--json")
    run_id = json.loads(shell.out)[0]["runId"]
    for command in (
        ("runs", "--file", "steps.conf", "--json"),
        ("show", run_id, "--file", "steps.conf", "--json"),
        ("plan", "steps.conf", run_id, "--json"),
        ("plan", "steps.conf", "--graph"),
    ):
        assert shell(*command) == 0
        before = shell.out
        assert shell(*command, "--set", f"params.password={password}") == 0
        assert re.sub(r"\d+\.\d+", "0", shell.out) == re.sub(r"\d+\.\d+", "0", before)


def test_a_password_that_is_part_of_a_path_does_not_change_the_resume_command(shell: Shell) -> None:
    shell.write(steps("a:Step:fails = 9"))
    assert shell("run", "steps.conf", "--set", "params.password=steps") == 1
    assert "spark-pipeline resume steps.conf " in shell.err.splitlines()[-1]


def test_a_problem_names_its_file_whatever_the_password_is(shell: Shell) -> None:
    shell.write(f"{steps('a')}\nlog-level = DEBUG")
    assert shell("validate", "steps.conf", "--set", "params.password=steps") == 2
    assert shell.out.startswith("steps.conf:")


def test_a_misspelled_option_shows_no_password(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        shell("plan", "steps.conf", "--sett", f"params.password={SECRET}")
    said = capsys.readouterr().err
    assert "--sett params.password=***" in said
    assert SECRET not in said
