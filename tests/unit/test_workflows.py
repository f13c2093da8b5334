"""The workflows of the repository run the targets of the Makefile, with pinned actions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_spark_pipeline.cli.command_table import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def matrix(job: str, name: str) -> list[str]:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    found: list[str] = jobs[job]["strategy"]["matrix"][name]
    return found


def test_there_are_workflows_for_tests_and_for_releases() -> None:
    assert [workflow.name for workflow in WORKFLOWS] == ["ci.yml", "release.yml"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_and_names_its_version(workflow: Path) -> None:
    used = re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", action), action


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_target_that_a_workflow_makes_exists(workflow: Path) -> None:
    made = [name for step in steps(workflow) for name in re.findall(r"make ([a-z0-9-]+)", step.get("run", ""))]
    assert made
    assert set(made) <= TARGETS


def test_the_suites_of_the_matrix_are_targets() -> None:
    assert set(matrix("suite", "target")) <= TARGETS


def test_the_workflow_makes_what_the_one_command_for_everything_makes() -> None:
    text = (ROOT / ".ci/run").read_text(encoding="utf-8")
    everything = set(re.findall(r"^ *make ([a-z0-9-]+)", text, re.MULTILINE))
    assert everything == {"check", "www-check", "dist", "test", "slow", "e2e", "topology", "matrix"}
    made = {name for step in steps(WORKFLOWS[0]) for name in re.findall(r"make ([a-z0-9-]+)", step.get("run", ""))}
    assert everything <= made | set(matrix("suite", "target"))


def test_slow_suites_run_nightly() -> None:
    workflow = yaml.safe_load(WORKFLOWS[0].read_text(encoding="utf-8"))
    assert workflow[True]["schedule"]  # YAML 1.1 reads the key "on" as true
    assert "schedule" in workflow["jobs"]["nightly"]["if"]
    assert workflow["jobs"]["nightly"]["steps"][-2:] == [{"run": "make nightly"}, {"run": "make platforms"}]


def test_every_set_of_versions_is_tested_nightly() -> None:
    workflow = yaml.safe_load(WORKFLOWS[0].read_text(encoding="utf-8"))
    assert "schedule" in workflow["jobs"]["matrix"]["if"]
    described = (ROOT / "scripts" / "matrix.sh").read_text(encoding="utf-8")
    assert matrix("matrix", "name") == re.findall(r"^#   (\w+-[\d.]+) ", described, re.MULTILINE)


def test_every_supported_python_is_tried() -> None:
    classifiers = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text())
    assert matrix("unit", "python") == classifiers


def test_the_devcontainer_runs_the_demo() -> None:
    text = (ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8")
    container = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert container["postCreateCommand"] == "make demo"
    image = (ROOT / ".devcontainer" / container["build"]["dockerfile"]).read_text(encoding="utf-8")
    assert re.search(r"^FROM python:3\.12-", image, re.MULTILINE)
    assert "openjdk-17" in image, "make installs Java only where that needs no password"
    assert f"ARG USER={container['remoteUser']}" in image


def test_a_release_passes_on_what_no_file_names() -> None:
    (build,) = [step["run"] for step in steps(WORKFLOWS[1]) if "make dist" in step.get("run", "")]
    assert 'RELEASE="${GITHUB_REF_NAME#v}"' in build
    assert 'REPOSITORY="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY"' in build


def test_the_hooks_for_users_name_a_command_that_exists() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    program, command = hook["entry"].split()
    assert f'{program} = "airflow_spark_pipeline.cli.main:main"' in (ROOT / "pyproject.toml").read_text(
        encoding="utf-8"
    )
    assert command in {each.name for each in COMMANDS}
