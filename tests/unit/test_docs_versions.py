"""The site of several releases, built in a small repository whose pages are one line each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = "#!/bin/sh\nmkdir -p site && cp page.txt site/index.html\n"


class Repository:
    """A repository with the script, and a stand-in for the one that builds a site."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "scripts").mkdir(parents=True)
        for name in ("docs_versions.sh", "lib.sh"):
            shutil.copy(ROOT / "scripts" / name, directory / "scripts" / name)
        build = directory / "scripts" / "docs.sh"
        build.write_text(BUILD, encoding="utf-8")
        build.chmod(0o755)
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@t.example")
        subprocess.run(["git", *identity, *arguments], cwd=self.directory, check=True, capture_output=True)

    def release(self, tag: str) -> None:
        (self.directory / "page.txt").write_text(tag, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", tag)
        self.git("tag", tag)

    def build(self) -> Path:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        subprocess.run(
            ["sh", "scripts/docs_versions.sh", "python"], cwd=self.directory, env=environment, check=True, timeout=60
        )
        return self.directory / "site"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def versions(site: Path) -> list[str]:
    return [entry["version"] for entry in json.loads((site / "versions.json").read_text(encoding="utf-8"))]


def test_each_of_the_newest_releases_has_its_own_pages(repository: Repository) -> None:
    for tag in ("v0.1.0", "v0.2.0", "v0.9.0", "v0.10.0", "v1.0.0rc1", "v0.3.0", "v0.4.0", "nightly"):
        repository.release(tag)
    site = repository.build()
    assert versions(site) == ["0.10.0", "0.9.0", "0.4.0", "0.3.0", "0.2.0"]
    assert (site / "0.9.0" / "index.html").read_text(encoding="utf-8") == "v0.9.0"
    (first, *others) = json.loads((site / "versions.json").read_text(encoding="utf-8"))
    assert first["aliases"] == ["latest"]
    assert all(entry["aliases"] == [] for entry in others)
    assert 'url=0.10.0/"' in (site / "index.html").read_text(encoding="utf-8")
    assert 'url=../0.10.0/"' in (site / "latest" / "index.html").read_text(encoding="utf-8")


def test_the_site_is_built_again_in_place_of_the_last_one(repository: Repository) -> None:
    repository.release("v0.1.0")
    repository.build()
    repository.release("v0.2.0")
    assert versions(repository.build()) == ["0.2.0", "0.1.0"]


def test_without_a_release_the_docs_of_the_working_tree_are_built(repository: Repository) -> None:
    (repository.directory / "page.txt").write_text("now", encoding="utf-8")
    site = repository.build()
    assert versions(site) == ["dev"]
    assert (site / "dev" / "index.html").read_text(encoding="utf-8") == "now"
    assert 'url=dev/"' in (site / "index.html").read_text(encoding="utf-8")
