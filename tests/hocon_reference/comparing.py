"""Compares what this package reads with what the reference implementation of HOCON reads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.pipeline.hocon.includes import Files, read_text, unify_line_ends
from airflow_spark_pipeline.pipeline.hocon.scalars import Places, Word
from airflow_spark_pipeline.pipeline.parser import read_tree
from tests.hocon_reference.cases import CASES
from tests.hocon_reference.generating import ENVIRONMENT, Generator

_HERE = Path(__file__).parent
#: What the reference makes of the cases and of these generated descriptions, for tests without Java.
GOLDEN = _HERE / "golden.json"
GOLDEN_SEED, GOLDEN_FILES = 0, 150
#: What the reference cannot do for reasons that it states itself, and this package can.
_LIMITS_OF_THE_REFERENCE = ("limitations of the config parser", "BugOrBroken")


@dataclass
class Comparison:
    """What came of many files.

    :param equal: accepted by both, with the same values
    :param refused_by_both: no value at all
    :param refused: by this package alone, by reason
    :param wrong: accepted by both, with different values
    :param too_lenient: accepted by this package alone
    """

    equal: int = 0
    refused_by_both: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    too_lenient: list[str] = field(default_factory=list)

    @property
    def refused_share(self) -> float:
        """Of the files that the reference accepts, the part that this package refuses."""
        refused = self.refused.total()
        return refused / max(1, refused + self.equal + len(self.wrong))

    @property
    def broken(self) -> list[str]:
        """What must not be."""
        return [*self.wrong, *self.too_lenient]

    def add(self, file: Path, reference: dict[str, Any]) -> None:
        """Add one file.

        :param reference: what `Oracle.java` printed for it
        """
        value, reason = read(file)
        if "error" in reference:
            if reason:
                self.refused_by_both += 1
            elif not _limit(reference["error"]):
                self.too_lenient.append(f"{file}: {reference['error']}")
        elif reason:
            self.refused[reason] += 1
        elif value == unify(reference["value"]):
            self.equal += 1
        else:
            self.wrong.append(f"{file}: {'; '.join(_differences(value, unify(reference['value']))[:3])}")

    def __str__(self) -> str:
        reasons = "".join(f"\n    {count:5} {reason}" for reason, count in self.refused.most_common())
        return (
            f"{self.equal} equal, {len(self.wrong)} wrong, {self.refused_by_both} refused by both, "
            f"{len(self.too_lenient)} accepted that the reference refuses, "
            f"{self.refused.total()} refused that it accepts ({self.refused_share:.1%}):{reasons}"
        )


def read(file: Path) -> tuple[Any, str]:
    """Return what this package makes of a file, and why it refuses it."""
    text, problem = read_text(file)
    if problem:
        return None, problem
    files = Files([], [], render=lambda text, _: text)
    tree, _ = read_tree(unify_line_ends(text), str(file), file.parent, files, {**os.environ, **ENVIRONMENT}, Places())
    if files.problems:
        return None, _kind(files.problems[0].message)
    try:
        return typed(tree), ""
    except ValueError as error:
        return None, str(error)


def typed(tree: Any) -> Any:
    """Return a tree in the form that `Oracle.java` writes."""
    if isinstance(tree, dict):
        return {key: typed(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [typed(value) for value in tree]
    return _scalar(tree)


def _scalar(word: Word) -> Any:
    if word.kind == "ambiguous":
        raise ValueError("ambiguous scalars")
    if word.kind == "null":
        return None
    # The reference keeps whole numbers of more than 64 bits as text, so as not to round them; here they are exact.
    large = word.kind == "number" and word.text.lstrip("-").isdigit() and not -(2**63) <= int(word.text) < 2**63
    return ("s:", word.text) if word.kind == "text" or large else (word.kind[0] + ":", _canonical(word.kind, word.text))


def _canonical(kind: str, text: str) -> Any:
    return float(Decimal(text)) if kind == "number" else text


def _differences(one: Any, other: Any, path: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [line for key in keys for line in _differences(one.get(key), other.get(key), f"{path}.{key}")]
    return [] if one == other else [f"{path}: {one} instead of {other}"]


def unify(value: Any) -> Any:
    """Return what `Oracle.java` wrote in the form of `typed`."""
    if isinstance(value, dict):
        return {key: unify(child) for key, child in value.items()}
    if isinstance(value, list):
        return [unify(child) for child in value]
    if value is None:
        return None
    kind, text = value[:2], value[2:]
    if kind == "n:":
        return kind, _canonical("number", text)
    return kind, text.replace("\r\n", "\n") if kind == "s:" else text  # line ends are one here, on purpose


def _kind(message: str) -> str:
    """Return a message without what is special to its file."""
    parts = message.split("`")
    return "…".join(parts[::2])[:110] if len(parts) > 1 else message.partition(" (column")[0][:110]


def generate(directory: Path, seed: int, numbers: Iterable[int]) -> list[Path]:
    """Write the files of generated descriptions; returns those to read."""
    return [Generator(seed, number, directory / str(number)).write() for number in numbers]


def compare(directory: Path, seed: int, numbers: Iterable[int]) -> Comparison:
    """Generate descriptions, and read them with both."""
    comparison = Comparison()
    files = generate(directory, seed, numbers)
    for file, reference in zip(files, ask_reference(files), strict=True):
        comparison.add(file, reference)
    return comparison


def write_golden(directory: Path) -> None:
    """Keep what the reference makes of the cases, and of some generated descriptions."""
    files = [write_case(directory / f"case {number}", name) for number, name in enumerate(CASES)]
    files += generate(directory, GOLDEN_SEED, range(GOLDEN_FILES))
    names = [*CASES, *map(str, range(GOLDEN_FILES))]
    answers = [{"error": _limit(answer["error"])} if "error" in answer else answer for answer in ask_reference(files)]
    lines = ",\n".join(json.dumps({name: answer})[1:-1] for name, answer in zip(names, answers, strict=True))
    GOLDEN.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def _limit(error: str) -> str:
    """Return what of an error is the same wherever the file is."""
    return next((limit for limit in _LIMITS_OF_THE_REFERENCE if limit in error), "")


def write_case(directory: Path, name: str) -> Path:
    """Write one of `CASES`; returns the file to read."""
    case = CASES[name]
    files = {"main": case} if isinstance(case, str) else case
    for file, text in files.items():
        path = directory / (file if "." in file else f"{file}.conf")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return directory / "main.conf"


def ask_reference(files: list[Path]) -> list[dict[str, Any]]:
    """Return what the reference implementation makes of files; one JVM reads all."""
    java = Path(os.environ["JAVA_HOME"], "bin", "java") if "JAVA_HOME" in os.environ else Path("java")
    asked = subprocess.run(
        [java, "-cp", _jar(), str(_HERE / "Oracle.java")],
        input="".join(f"{file}\n" for file in files),
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=600,
    )
    return [json.loads(line) for line in asked.stdout.splitlines()]


def _jar() -> str:
    """Return the class path of the reference implementation, which Maven keeps in its own repository."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airflow-spark-pipeline"
    pom = _HERE / "pom.xml"
    known = cache / "hocon-reference.classpath"
    if known.exists() and known.stat().st_mtime > pom.stat().st_mtime and Path(known.read_text()).exists():
        return known.read_text()
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("this needs Maven (the command mvn) to fetch the reference implementation of HOCON")
    cache.mkdir(parents=True, exist_ok=True)
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"
    subprocess.run([maven, "-B", "-q", "-f", str(pom), goal, f"-Dmdep.outputFile={known}"], check=True, timeout=600)
    return known.read_text()
