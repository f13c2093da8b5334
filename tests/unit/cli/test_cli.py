"""``spark-pipeline``, called as from a shell; only Spark is missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.cli.command_table import COMMANDS
from airflow_spark_pipeline.cli.main import main
from airflow_spark_pipeline.cli.parser import build
from tests.steps import Step, calls, component, describe, names
from tests.unit.cli.shell import Shell, steps

ROOT = Path(__file__).resolve().parents[3]


# ---- run and resume


def test_after_a_failure_the_last_line_is_the_command_that_resumes(shell: Shell) -> None:
    assert shell("run", "steps.conf") == 1
    *_, said, last = shell.err.splitlines()
    assert "failed at [2/3] b" in said
    command = last.removeprefix("To resume where it failed: spark-pipeline ")
    assert command.startswith("resume steps.conf ")

    import shlex

    assert shell(*shlex.split(command)) == 0
    assert names(shell.ledger) == "abbc"
    assert "completed in attempt 2: 2 of 3 components ran, 1 skipped" in shell.out


def test_ctrl_c_prints_the_same_resume_command(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(self: Step, spark: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Step, "run", press)
        assert shell("run", "steps.conf") == 130
    interrupted, last = shell.err.splitlines()
    assert interrupted == "Interrupted."
    assert last.startswith("To resume where it stopped: spark-pipeline resume steps.conf ")


def test_auto_resume_continues_the_newest_run(shell: Shell) -> None:
    assert shell("run", "steps.conf") == 1
    assert shell("run", "steps.conf", "--auto-resume") == 0
    assert names(shell.ledger) == "abbc"


def test_a_component_can_be_run_alone(shell: Shell) -> None:
    assert shell("run", "steps.conf", "--only", "c") == 0
    assert names(shell.ledger) == "c"
    assert shell("run", "steps.conf", "--only", "d") == 2
    assert "only names 'd', which does not exist" in shell.err


def test_an_undefined_jinja_name_is_an_error_that_explains_how_to_pass_it(shell: Shell) -> None:
    shell.write(steps('a:Step:message = "{{ ds }}"'))
    assert shell("run", "steps.conf") == 2
    assert "'ds' has no value here; give it with --set ds=…" in shell.err
    assert shell("run", "steps.conf", "--set", "ds=2026-01-31") == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_long_pause_between_two_tries_ends_with_the_process_and_loses_nothing(
    shell: Shell, number: signal.Signals
) -> None:
    hooks = 'hooks = [ { instance-type = "airflow_spark_pipeline.LoggingHooks", instance-config { format = human } } ]'
    hour = f"retry-policy {{ initial-delay-ms = 3600000, max-delay-ms = 3600000 }}, {hooks}"
    shell.write(steps("a", "b:Step:fails = 1", more=hour))
    script = (
        # A shell starts what it runs in the background with Ctrl-C ignored; so would be what the tests start there.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys; from tests.sparkless import FakeSpark; from airflow_spark_pipeline.runtime.spark import starting\n"
        "from airflow_spark_pipeline.runtime.standalone import one_run, spark\n"
        "starting.open_session = lambda config: FakeSpark(); spark.active_session = lambda: None\n"
        "one_run.require_spark = lambda *, connect: None\n"
        "from airflow_spark_pipeline.cli.main import main; sys.exit(main(['run', 'steps.conf']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert any("is tried again in" in line for line in process.stdout)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == (130 if number is signal.SIGINT else -number)

    assert shell("resume", "steps.conf", shell.run_id()) == 0
    assert names(shell.ledger) == "abb"


def test_a_custom_store_and_a_custom_hook_are_named_in_the_file(shell: Shell, redis_url: str) -> None:
    store = f'store {{ instance-type = redis_store.RedisStore, instance-config {{ url = "{redis_url}", prefix = p }} }}'
    hook = 'hooks = [ { instance-type = tests.steps.Noting, instance-config { ledger = ${LEDGER}".hooks" } } ]'
    more = f'checkpoint {{ location = "/nowhere", {store} }}, {hook}'
    shell.write(describe("a", "b:Step:fails = 1", more=more))
    assert shell("run", "steps.conf") == 1
    assert shell("resume", "steps.conf", shell.run_id()) == 0
    assert names(shell.ledger) == "abb"
    assert calls(f"{shell.ledger}.hooks")[-5:] == [
        "before_pipeline",
        "on_resume",
        "before_component:b",
        "after_component:b",
        "after_pipeline",
    ]


# ---- plan, runs, show, discard, prune


def test_the_plan_of_a_resume_shows_what_is_skipped_and_why(shell: Shell) -> None:
    shell("run", "steps.conf")
    run_id = shell.run_id()
    assert shell("plan", "steps.conf", run_id) == 0
    assert shell.out.splitlines() == [
        f"resumes {run_id}",
        "[1/3]  a  skip  done in attempt 1",
        "[2/3]  b  run   failed in attempt 1: OutageError",
        "[3/3]  c  run   not run yet",
    ]
    assert shell("plan", "steps.conf", run_id, "--json") == 0
    assert [step["action"] for step in json.loads(shell.out)["steps"]] == ["skip", "run", "run"]


def test_the_plan_reports_an_edit_that_a_resume_would_refuse(shell: Shell) -> None:
    shell("run", "steps.conf")
    run_id = shell.run_id()
    shell.write(steps("a:Step:message = other", "b:Step:fails = 1", "c"))
    assert shell("plan", "steps.conf", run_id) == 2
    assert "pipeline.pipeline-components[0].instance-config.message" in shell.err


def test_runs_are_listed_with_their_state_and_their_whole_id(shell: Shell) -> None:
    shell("run", "steps.conf")
    assert shell("runs", "--file", "steps.conf", "--pipeline", "Steps", "--state", "failed", "--newer-than", "1h") == 0
    line, run_id = shell.out.splitlines()
    assert line.startswith("1  Steps  failed  1/3 done")
    assert line.endswith("b: OutageError: down")
    assert run_id.startswith("    steps-")
    for option in (("--state", "running"), ("--older-than", "1h"), ("--pipeline", "Other")):
        assert shell("runs", "--file", "steps.conf", *option) == 0
        assert shell.out == ""


def test_a_run_is_shown_with_its_components_and_its_error(shell: Shell) -> None:
    shell("run", "steps.conf")
    run_id = shell.run_id()
    location = f"{shell.ledger}.checkpoints"
    assert shell("show", run_id, "--location", location) == 0
    assert f"run          {run_id}" in shell.out
    assert "[2/3]  b  failed" in shell.out
    assert shell.out.splitlines()[-1] == "OutageError: down"
    assert shell("show", run_id, "--location", location, "--json") == 0
    assert json.loads(shell.out)["lastCheckpointedIndex"] == 0


def test_a_component_whose_dependency_failed_is_shown_with_the_reason(shell: Shell) -> None:
    last = (component("c", more="depends-on = [a, b]"), component("d", more="depends-on = [c]"))
    shell.write(steps("a", "b:Step:fails = 9", *last, more="fail-fast = false"))
    assert shell("run", "steps.conf") == 1
    assert "[3/4] c not run (depends on b, which failed)" in shell.out
    assert "[4/4] d not run (depends on c, which was not run)" in shell.out
    run_id, place = shell.run_id(), ("--location", f"{shell.ledger}.checkpoints")
    assert shell("show", run_id, *place) == 0
    shown = [line.split(maxsplit=3) for line in shell.out.splitlines() if line.startswith("[")]
    assert shown[2] == ["[3/4]", "c", "upstream_failed", "depends on b, which failed"]
    assert shown[3] == ["[4/4]", "d", "upstream_failed", "depends on c, which was not run"]
    assert shell("plan", "steps.conf", run_id) == 0
    assert "not run in attempt 1: depends on b, which failed" in shell.out


def test_a_relative_location_means_the_directory_that_the_user_is_in(shell: Shell) -> None:
    shell("run", "steps.conf")
    assert shell("runs", "--location", "ledger.checkpoints") == 0
    assert shell.out.startswith("1  Steps  failed")


def test_a_run_is_discarded_only_on_request(shell: Shell) -> None:
    shell("run", "steps.conf")
    run_id = shell.run_id()
    place = ("--file", "steps.conf")
    assert shell("discard", run_id, *place) == 2
    assert "Use --yes" in shell.err
    assert shell("discard", run_id, *place, "--yes") == 0
    assert shell("runs", *place) == 0
    assert shell.out == ""
    assert shell("resume", "steps.conf", run_id) == 2
    assert "was discarded" in shell.err


def test_prune_reports_what_it_would_do_and_does_it(shell: Shell) -> None:
    shell("run", "steps.conf")
    shell.run_id()
    assert shell("prune", "--file", "steps.conf", "--older-than", "0s", "--dry-run") == 0
    assert shell.out.startswith("would be discarded  steps-")
    shell.run_id()
    assert shell("prune", "--file", "steps.conf", "--older-than", "0s", "--json") == 0
    assert len(json.loads(shell.out)["discarded"]) == 1
    assert shell("runs", "--file", "steps.conf", "--all") == 0
    assert "discarded" in shell.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "nonsense", "--location", "."), 2, "has an id that begins with 'nonsense'"),
        (("show", "p-0123456789ab~u-0123456789abcdef~0", "--location", "."), 2, "No run p-"),
        (("show", "p-0123456789ab~u-0123456789abcdef~0", "--location", "none"), 4, "(from --location) does not exist"),
        (
            ("resume", "steps.conf", "p-0123456789ab~u-0123456789abcdef~0", "--location", "."),
            2,
            "is not a run of 'Steps'",
        ),
        (("run", "nothing.conf"), 2, "there is no such file"),
        (("runs", "--location", "ftp://host/x"), 4, "unknown scheme ftp://"),
        (("runs", "--location", "/proc/nothing"), 4, "/proc/nothing"),
        (("run", "steps.conf", "--py-files", "nowhere"), 2, "nowhere: --py-files: there is no such file"),
        (("validate", "steps.conf", "--py-files", "nowhere"), 2, "nowhere: --py-files: there is no such file"),
    ],
)
def test_a_users_mistake_gives_one_message_and_an_exit_code(
    shell: Shell, arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert shell(*arguments) == code
    assert said in shell.err


@pytest.mark.parametrize(
    "arguments", [(), ("fly",), ("prune",), ("prune", "--older-than", "soon"), ("run", "a", "--set", "x")]
)
def test_wrong_arguments_are_exit_code_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_every_command_has_its_function_and_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    from airflow_spark_pipeline.cli import commands

    for command in COMMANDS:
        assert callable(getattr(commands, command.name))
        with pytest.raises(SystemExit) as left:
            build().parse_args([command.name, "--help"])
        assert left.value.code == 0
        assert "exit codes:" in capsys.readouterr().out


# ---- validate


BROKEN: dict[str, str] = {
    **{
        f"field {written}": said
        for written, said in {
            "fail-fats = true": "did you mean 'fail-fast'?",
            "fail-fast = maybe": "expected true or false",
            "fail-fast = 3": "expected true or false",
            "checkpoint = yes": "expected an object",
            "checkpoint { enabled = 1.5 }": "expected true or false",
            "checkpoint { on-change = explode }": "expected one of 'fail', 'restart'",
            "checkpoint { config-match = loose }": "expected one of 'completed', 'strict'",
            "checkpoint { location = [] }": "expected text",
            "checkpoint { store { } }": "missing; expected text",
            'checkpoint { store { instance-type = "a b" } }': "is not a Python name",
            "checkpoint { auto_resume = true }": "did you mean 'auto-resume'?",
            "save-outputs = often": "expected true or false",
            "replay-on-resume = [true]": "expected true or false",
            "retry-policy = 3": "expected an object",
            "retry-policy { max-retries = -1 }": "expected 0 or more",
            "retry-policy { max-retries = 2.5 }": "expected a whole number",
            "retry-policy { initial-delay-ms = soon }": "expected a whole number",
            "retry-policy { backoff-multiplier = 0 }": "expected 1 or more",
            "retry-policy { jitter-factor = 1.1 }": "between 0 and 1",
            "retry-policy { retries = 1 }": "unknown key 'retries'",
            'retry-policy { retryable-exceptions = ["not a name"] }': "is not a class name",
            "hooks = { }": "expected a list, found an object",
            "hooks = [ 1 ]": "expected an object",
            "hooks = [ { instance-type = nowhere.Hooks } ]": "the driver has no module 'nowhere'",
            "hooks = [ { instance-type = tests.steps.Nothing } ]": "has no class 'Nothing'",
            "hooks = [ { instance-type = tests.steps.note } ]": "is not a class",
            "hooks = [ { instance-type = tests.steps.Noting } ]": "ledger",
            "hooks = [ { instance-type = airflow_spark_pipeline.CheckpointHooks } ]": "checkpoint.enabled",
            'hooks = [ { instance-type = "airflow_spark_pipeline.runtime.lifecycle.AuditHooks" } ]': "path",
            'hooks = [ { instance-type = "airflow_spark_pipeline.runtime.lifecycle.LoggingHooks", '
            "instance-config { format = loud } } ]": "one of 'structured', 'human'",
            "checkpoint { location = ${nowhere} }": "`${nowhere}` is defined neither",
        }.items()
        for written in [written]
    },
    **{
        f"component {written}": said
        for written, said in {
            "enabled = perhaps": "expected true or false",
            "timeout = soon": "expected a duration",
            "timeout = 0": "the duration is zero",
            "depends-on = [nobody]": "there is no component 'nobody'",
            "depends-on = me": "expected a list, found text",
            "instance-nam = x": "did you mean 'instance-name'?",
            "save-outputs = 7": "expected true or false",
            "retry-policy { max-delay-ms = x }": "expected a whole number",
            "hooks = [ { instance-type = tests.steps.Step, gate = no, instance-config { ledger = x } } ]": "is a gate",
            "instance-config { ledger = x, fails = many }": "fails",
            "instance-config { ledger = x, fials = 1 }": "did you mean 'fails'?",
            "instance-config { }": "ledger",
            "instance-config = 3": "expected an object",
            "instance-type = tests.steps.Stepp": "did you mean 'Step'?",
            "instance-type = tests.steps": "is a module",
            "instance-type = tests.steps.OutageError": "is not a component",
            "instance-type = nowhere.Step": "the driver has no module 'nowhere'",
            "instance-type = Step": "write package.module.Class",
            'instance-type = "3.Step"': "is not a Python name",
            "instance-type = null": "missing; expected text",
        }.items()
    },
    "text pipeline {": "is never closed",
    "text ": "empty",
    "text pipelin { }": "did you misspell it as 'pipelin'?",
    "text pipeline { pipeline-name = x }": "pipeline-components",
    "text pipeline { pipeline-name = x, pipeline-components = [] }": "the list is empty",
    'text include required("nothing.conf")': "nothing.conf",
    "text x = ${nothing}": "nothing",
}


def _broken(kind: str) -> str:
    where, _, written = kind.partition(" ")
    if where == "text":
        return written
    if where == "field":
        return describe("a", more=written)
    return describe(
        f"{{ instance-type = tests.steps.Step, instance-config {{ ledger = x }}, {written} }}"
        if "instance-config {" not in written
        else f"{{ instance-type = tests.steps.Step, {written} }}"
    )


def test_each_of_fifty_broken_files_is_detected_with_one_line_for_each_problem(shell: Shell) -> None:
    assert len(BROKEN) >= 50
    for number, (kind, said) in enumerate(BROKEN.items()):
        file = shell.write(_broken(kind), f"{number}.conf")
        assert shell("validate", file) == 2, kind
        lines = shell.out.splitlines()
        assert any(said in line for line in lines), (kind, lines)
        assert all(line.startswith(f"{file}:") for line in lines), (kind, lines)


def test_all_problems_of_all_files_are_found_at_once(shell: Shell) -> None:
    first = shell.write(describe("a:Step:fails = many", "b:Stepp", more="fail-fast = maybe"), "first.conf")
    second = shell.write(describe("a:Nothing"), "second.conf")
    assert shell("validate", first, "steps.conf", second) == 2
    assert [line.split(":")[0] for line in shell.out.splitlines()] == ["first.conf"] * 3 + ["second.conf"]
    assert shell.err.splitlines() == ["steps.conf: OK"]


def test_validate_and_plan_warn_of_probable_mistakes(shell: Shell) -> None:
    shell.write('include "local.conf"\n' + steps('a:Step:message = "in ${city}"'))
    for command in ("validate", "plan"):
        assert shell(command, "steps.conf") == 0
        warnings = [line for line in shell.err.splitlines() if line.startswith("warning: ")]
        assert [line.split(":")[1:3] for line in warnings] == [
            [" steps.conf", "1"],
            [" steps.conf", warnings[1].split(":")[2]],
        ]
        assert "local.conf` is included, but does not exist" in warnings[0]
        assert "`${city}` is inside quotes" in warnings[1]


def test_a_file_with_jinja_in_it_is_checked_without_values(shell: Shell) -> None:
    shell.write(steps('a:Step:message = "{{ ds }} {{ params.region | upper }} {{ macros.ds_add(ds, 1) }}"'))
    assert shell("validate", "steps.conf") == 0


@pytest.mark.parametrize("name", ["nycflights.conf", "ready_made.conf"])
def test_the_files_of_the_example_dags_are_valid(shell: Shell, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "dags_examples")
    assert shell("validate", name, "--set", "params.outage=false") == 0, shell.out


def test_classes_need_not_exist_if_only_the_file_is_checked(shell: Shell) -> None:
    shell.write(describe('{ instance-type = "cluster.only.Step" }'))
    assert shell("validate", "--no-classes", "steps.conf") == 0
    assert shell("validate", "steps.conf") == 2


def test_the_output_of_a_module_is_not_taken_for_the_result(shell: Shell) -> None:
    (shell.directory / "chatty_steps.py").write_text("print('hello')\nfrom tests.steps import Step\n", encoding="utf-8")
    shell.write(describe('{ instance-type = "chatty_steps.Step", instance-config { ledger = x } }'))
    assert shell("validate", "steps.conf") == 0
    assert (shell.out, "hello" in shell.err) == ("", True)


def test_validate_and_plan_start_neither_a_process_nor_spark(shell: Shell) -> None:
    """Shown by an audit hook that Python calls for whatever starts a process."""
    watched = """
import sys
started = []
sys.addaudithook(lambda event, args: started.append(event) if event in
    ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system") else None)
from airflow_spark_pipeline.cli.main import main
assert main(["validate", "steps.conf"]) == 0
assert main(["plan", "steps.conf"]) == 0
assert not started, started
assert not [name for name in sys.modules if name.partition(".")[0] in ("pyspark", "py4j", "airflow")]
"""
    environment: dict[str, Any] = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LEDGER": str(shell.ledger)}
    done = subprocess.run(
        [sys.executable, "-c", watched], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_the_commands_are_airflows_as_well() -> None:
    from airflow_spark_pipeline.cli.airflow import get_cli_commands
    from airflow_spark_pipeline.get_provider_info import get_provider_info

    assert get_provider_info()["cli"] == ["airflow_spark_pipeline.cli.airflow.get_cli_commands"]
    (group,) = get_cli_commands()
    assert [command.name for command in group.subcommands] == [command.name for command in COMMANDS]


def test_a_component_named_twice_and_others_are_found_with_classes(shell: Shell) -> None:
    shell.write(describe(component("a"), component("a")))
    assert shell("validate", "steps.conf") == 2
    assert "is also the name of" in shell.out
