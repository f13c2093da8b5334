"""The documentation is true: its tables are compared with the code, its links with the files."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import airflow_spark_pipeline
from airflow_spark_pipeline import SparkPipelineOperator, components
from airflow_spark_pipeline.cli.command_table import COMMANDS
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.pipeline.policies import RetryPolicy
from airflow_spark_pipeline.pipeline.schema import FIELDS
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec
from airflow_spark_pipeline.runtime.lifecycle.base import PipelineHooks
from airflow_spark_pipeline.task.result import result
from tests.unit.protocol.mutations import MUTATIONS
from tests.unit.protocol.mutations_of_parts import MUTATIONS_OF_PARTS

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
NEW_PROJECT = ROOT / "airflow_spark_pipeline" / "cli" / "new_project"
PAGES = sorted(DOCS.glob("*.md"))


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    match = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert match is not None, title
    return match[1]


def rows(text: str) -> dict[str, list[str]]:
    """The rows of the tables in a text, by the code in their first cell."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and (names := re.findall(r"`([^`]+)`", cells[0])):
            found.update(dict.fromkeys(names, cells[1:]))
    return found


# ---- the map


def test_every_module_is_on_the_map_in_its_room_and_no_other() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("\nairflow_spark_pipeline/\n")[2]
    rooms: dict[str, str] = {}
    outer = room = ""
    for line in text.partition("\ndags_examples/")[0].splitlines():
        if folder := re.match(r"( +)(\w+)/", line):
            room = f"{outer}{folder[2]}/" if len(folder[1]) > 2 else f"{folder[2]}/"
            outer = outer if len(folder[1]) > 2 else room
        elif re.match(r"  \w", line):
            room = outer = ""
        rooms[room] = f"{rooms.get(room, '')} {line}"
    package = ROOT / "airflow_spark_pipeline"
    # The files of `new_project` are written for the user; they are not modules of the package.
    foreign = {"node_modules", "new_project"}
    modules = [path.relative_to(package) for path in package.rglob("*.py") if not foreign & {*path.parts}]
    for module in modules:
        if module.stem != "__init__" or len(module.parts) == 1:
            room = f"{module.parent.as_posix()}/" if len(module.parts) > 1 else ""
            assert re.search(rf"(?<![\w`]){module.stem}(?!\w)", rooms.get(room, "")), module
    named = set(re.findall(r"\b(\w+_\w+)\b", "".join(rooms.values())))
    folders = {module.parent.name for module in modules}
    assert named - {"spark_pipeline", "dags_examples", "new_project"} <= folders | {module.stem for module in modules}


# ---- the protocol


def test_every_rule_of_the_protocol_has_the_mutation_that_breaks_it() -> None:
    table = section(page("protocol"), "Rules").split("\n\n")[1]
    named = [line.split("|")[3].strip() for line in table.splitlines()[2:]]
    assert sorted(named) == sorted([*MUTATIONS, *MUTATIONS_OF_PARTS])


# ---- the HOCON reference


@pytest.mark.parametrize("kind", FIELDS)
def test_every_field_of_a_block_is_described_and_no_other(kind: str) -> None:
    assert list(rows(section(page("hocon-reference"), kind))) == list(dict.fromkeys(rows_in_schema(kind)))


def rows_in_schema(kind: str) -> list[str]:
    described = list(rows(section(page("hocon-reference"), kind)))
    assert sorted(described) == sorted(FIELDS[kind])
    return described


@pytest.mark.parametrize(("kind", "spec"), [("checkpoint", CheckpointSpec()), ("retry-policy", RetryPolicy())])
def test_the_defaults_are_those_of_the_code(kind: str, spec: Any) -> None:
    described = rows(section(page("hocon-reference"), kind))
    for field in fields(spec):
        default = getattr(spec, field.name)
        if field.name == "given" or default is None:
            continue
        written = {True: "true", False: "false", (): "[]"}.get(default, str(default))
        assert described[field.name.replace("_", "-")][0] == f"`{written}`", field.name


def test_the_defaults_of_a_pipeline_and_its_components_are_those_of_the_code() -> None:
    spec = parse_pipeline("pipeline { pipeline-name = p, pipeline-components = [ { instance-type = m.Some } ] }")
    (component,) = spec.components
    assert (spec.fail_fast, spec.hooks, spec.retry_policy, spec.save_outputs) == (True, (), None, None)
    assert spec.parallelism == 1
    assert (component.instance_name, component.enabled, component.timeout_ms) == ("Some", True, None)
    assert (component.depends_on, component.hooks, component.instance_config) == (None, (), {})


# ---- troubleshooting


def errors() -> set[str]:
    for module in pkgutil.walk_packages(airflow_spark_pipeline.__path__, "airflow_spark_pipeline."):
        if ".runtime.launcher" not in module.name and not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                if not (error.name or "").startswith("airflow.providers"):  # the operator of another platform
                    raise
    found, waiting = set[str](), [SparkPipelineError]
    while waiting:
        for cls in waiting.pop().__subclasses__():
            if cls.__module__.startswith("airflow_spark_pipeline.") and not cls.__name__.startswith("_"):
                found.add(cls.__name__)
                waiting.append(cls)
    return found


def test_every_error_is_in_the_troubleshooting_with_what_to_do() -> None:
    text = page("troubleshooting")
    described = set(re.findall(r"^### (\w+)$", text, re.MULTILINE))
    assert errors() - described == set()
    assert described - errors() == {"InjectedFailureError"}
    for name in described:
        assert len(section(text, name)) > 60, name


@pytest.mark.parametrize("name", sorted({"ResumeRefusedError", "PipelineDefinitionError", "CheckpointStoreError"}))
def test_whether_a_retry_helps_follows_the_error_class(name: str) -> None:
    cls = next(c for c in (*SparkPipelineError.__subclasses__(), *_below()) if c.__name__ == name)
    said = section(page("troubleshooting"), name)
    assert ("*Retry: yes.*" if cls.retry_helps else "*Retry: no.*") in said


def _below() -> list[type[SparkPipelineError]]:
    return [below for cls in SparkPipelineError.__subclasses__() for below in cls.__subclasses__()]


# ---- command line, operator, components, hooks


def test_every_command_and_every_option_is_described() -> None:
    text = page("command-line")
    for command in COMMANDS:
        assert re.search(rf"`{command.name}\b", text), command.name
        for argument in command.arguments:
            for flag in argument.flags:
                assert not flag.startswith("--") or flag in text, (command.name, flag)
    for code in ("0", "1", "2", "3", "4", "130"):
        assert f"| `{code}` |" in text


def test_every_argument_of_the_operator_is_described() -> None:
    own = set(inspect.signature(SparkPipelineOperator.__init__).parameters) - {"self", "kwargs"}
    assert own - set(rows(section(page("operator"), "Arguments"))) == set()


def test_every_field_of_the_result_is_named() -> None:
    source = inspect.getsource(result)
    for name in re.findall(r'"(\w+)":', source):
        assert f"`{name}`" in page("operator"), name


def test_every_ready_made_component_is_described_with_all_of_its_config() -> None:
    described = rows(section(page("components"), "Ready-made"))
    for name in components.__all__:
        cls = getattr(components, name)
        if name.endswith("Error"):
            continue
        written = set(re.findall(r"`([^`]+)`", described[name][0]))
        assert written == {field.name.replace("_", "-") for field in fields(cls)}, name


def test_every_method_of_a_hook_is_described() -> None:
    methods = {name for name in vars(PipelineHooks) if not name.startswith("_")} - {"gate", "compose"}
    assert methods <= set(rows(section(page("hooks-and-retries"), "Your own")))


def test_every_metric_is_described() -> None:
    text = page("hooks-and-retries")
    for module in ("airflow_spark_pipeline.runtime.lifecycle.metrics", "airflow_spark_pipeline.task.stats"):
        documented = importlib.import_module(module).__doc__ or ""
        for name in re.findall(r"``(spark_pipeline\.[\w.]+)``", documented):
            short = "." + name.rpartition(".")[2]
            assert f"`{name}`" in text or f"`{short}`" in text, name


# ---- all pages


@pytest.mark.parametrize("path", PAGES, ids=[path.stem for path in PAGES])
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert "://" in target or (path.parent / target).exists(), target


def test_every_page_is_listed() -> None:
    for path in PAGES:
        assert path.stem in ("README", "hadoop-filesystem-guarantees") or f"({path.name})" in page("README"), path.name


@pytest.mark.parametrize("path", PAGES, ids=[path.stem for path in PAGES])
def test_every_python_example_compiles(path: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
        compile(block, path.name, "exec")


@pytest.mark.parametrize("path", PAGES, ids=[path.stem for path in PAGES])
def test_every_whole_hocon_example_parses(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://localhost")
    monkeypatch.setenv("data", "/data")  # an excerpt's substitutions
    for block in re.findall(r"```hocon\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
        if "{{" in block:
            continue
        if "pipeline-components" in block:
            text = block
        elif block.lstrip().startswith("{"):
            text = f"pipeline {{ pipeline-name = p, pipeline-components = [ {block} ] }}"
        else:
            inside = block.lstrip().startswith(FIELDS["pipeline"])  # the example is a part of that block
            rest = f"pipeline {{ {block} }}" if inside else block
            text = f"pipeline {{ pipeline-name = p, pipeline-components = [ {{ instance-type = m.C }} ] }}\n{rest}"
        parse_pipeline(text)


@pytest.mark.parametrize(
    ("language", "file"),
    [("hocon", "dags/orders.conf"), ("python", "dags/orders_etl/load.py"), ("python", "dags/orders.py")],
)
def test_getting_started_shows_the_files_that_init_writes(language: str, file: str) -> None:
    written = (NEW_PROJECT / file).read_text(encoding="utf-8")
    blocks = re.findall(rf"```{language}\n(.*?)```", page("getting-started"), re.DOTALL)
    assert sum(block in written for block in blocks) == 1
    assert all(any(block in other.read_text() for other in NEW_PROJECT.rglob("*.*")) for block in blocks)


def test_the_project_of_init_matches_getting_started() -> None:
    text = page("getting-started")
    readme = (NEW_PROJECT / "README.md").read_text(encoding="utf-8")
    commands = [
        line.partition("  #")[0].strip()
        for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
        for line in block.splitlines()
    ]
    assert "airflow standalone" in commands
    for command in commands:
        assert command in text, command
