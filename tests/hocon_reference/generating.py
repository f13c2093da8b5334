"""Generates random descriptions: defaults and overrides, includes, and all spellings.

The same seed and number always give the same files. Most substitutions lead to keys that exist and do not lead back,
or nearly every file would be refused by everybody.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

ENVIRONMENT = {"FUZZ_REGION": "eu-west-1", "FUZZ_EMPTY": "", "FUZZ_NUMBER": "7"}
ROOTS = ["common", "env", "spark", "pipeline", "job"]
NAMES = ["a", "b", "c", "config", "path", '"spark.executor.memory"', '"x y"', "app-name", "имя", "k1"]
SCALARS = [
    "1",
    "-5",
    "0",
    "1.5",
    "2.50",
    "1e3",
    "12345678901234567890",
    "true",
    "false",
    "null",
    "text",
    "two words",
    "5m",
    "10 minutes",
    "90 s",
    "8g",
    "yes",
    "2026-01-31",
    "1.2.3",
    "a/b/c",
    '"quoted"',
    '""',
    '" padded "',
    r'"tab\tquote\"\\slash\/"',
    r'"\u00e9\ud83d\ude00"',
    '"é😀 ключ"',
    '"# no // comment"',
    '"s3a://bucket/x=${not.one}"',
    '"""triple "quoted" \\d"""',
    '"""two\nlines {\n"""',
    '""""edge""""',
    "x\ty",
    'un"quo"ted',
    '1" one"',
]
#: What readers take for different types, so that it is refused; rare in what people write.
AMBIGUOUS = ["007", ".5", "True", "None"]


class Generator:
    """Makes the files of one description.

    :param directory: gets ``main.conf`` and the files that it includes
    """

    def __init__(self, seed: int, number: int, directory: Path) -> None:
        self._random = random.Random(f"{seed}/{number}")  # noqa: S311  # has to be the same each time
        self._directory = directory
        # Paths that are defined, in the order in which they may refer to each other: of text, lists and objects.
        self._known: dict[str, list[str]] = {"text": [], "list": [], "object": []}
        self._files = 0

    def write(self) -> Path:
        directory = self._directory
        directory.mkdir(parents=True)
        members = self._defaults_and_overrides() if self._chance(0.6) else self._anything(0)
        text = self._join(members)
        if self._chance(0.1):
            text = "{\n" + text + "\n}"
        if self._chance(0.08) and "\n" in text:
            text = text.replace("\n", "\r\n")
        main = directory / "main.conf"
        self._write(main, ("\ufeff" if self._chance(0.03) else "") + text)
        return main

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _pick(self, choices: list[str]) -> str:
        return self._random.choice(choices)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_bytes(text.encode())

    def _defaults_and_overrides(self) -> list[str]:
        """Blocks that others are based on, then settings laid over them."""
        bases = self._random.sample(["common", "defaults", "env.prod", "base.spark"], self._random.randint(1, 3))
        members = [self._base(base) for base in bases]
        for target in self._random.sample(["spark", "pipeline", "job.config", "job"], self._random.randint(1, 3)):
            base = self._pick(bases)
            mark = "?" if self._chance(0.2) else ""
            first = f"${{{mark}{base}}}"
            if self._chance(0.15):
                first = f"${{{mark}{self._pick(self._known['object'])}}}"
            if self._chance(0.15):
                first += " " * self._random.randint(0, 2) + f"${{{self._pick(bases)}}}"
            if self._chance(0.25):
                first += " " + self._object(1)
            later = [self._layer(target, base) for _ in range(self._random.randint(0, 3))]
            layers = [f"{target}{self._equals()}{first}", *later]
            if self._chance(0.25):
                self._random.shuffle(layers)
            members += layers
        if self._chance(0.3):
            self._random.shuffle(members)
        return [*members, *self._anything(1)] if self._chance(0.3) else members

    def _base(self, base: str) -> str:
        fields = [f"master{self._equals()}{self._scalar()}", f'"spark.executor.memory" = {self._scalar()}']
        if self._chance(0.5):
            fields.append("deep " + self._block([f"x = {self._scalar()}", f"y = {self._scalar()}"]))
            self._known["object"].append(f"{base}.deep")
        if self._chance(0.5):
            fields.append("list = [1, 2]")
            self._known["list"].append(f"{base}.list")
        if self._chance(0.2):
            fields.append("list += 3")
        if self._chance(0.2):
            fields.append(f"memo = ${{?FUZZ_{self._pick(['REGION', 'UNSET', 'NUMBER'])}}}")
        self._known["object"].append(base)
        self._known["text"].append(f"{base}.master")
        if self._chance(0.2):
            return f"{base} {{\n{self._include(fields)}\n}}"
        return f"{base} {self._block(fields)}"

    def _layer(self, target: str, base: str) -> str:
        kind = self._random.randint(0, 9)
        if kind == 0:
            return f"{target}.{self._pick(['master', 'deep', 'list', 'new'])} = {self._value(1)}"
        if kind == 1 and f"{base}.list" in self._known["list"] and self._chance(0.7):
            return f"{target}.list = ${{{base}.list}} [{self._scalar()}]"
        if kind == 1:
            return f"{target}.list += {self._scalar()}"
        if kind == 2:
            return f"{target} = ${{{target}}} {self._object(1)}"
        if kind == 3:
            return f"{target}.deep.x = ${{{self._pick(['?FUZZ_UNSET', '?FUZZ_REGION', 'FUZZ_REGION'])}}}"
        if kind == 4:
            return f"{target}.path = ${{{base}.master}}/x"
        if kind == 5:
            return f"{target} = ${{?{self._pick([base, 'nowhere', f'{base}.deep'])}}}"
        if kind == 6:
            return f"{target} {{\n{self._include([f'z = {self._value(1)}'])}\n}}"
        if kind == 7:
            return f'{target}."spark.executor.memory" = {self._scalar()}'
        return f"{target} {self._block([self._member(1) for _ in range(self._random.randint(1, 3))])}"

    def _anything(self, depth: int) -> list[str]:
        return [self._member(depth) for _ in range(self._random.randint(1, 7 if depth == 0 else 3))]

    def _member(self, depth: int) -> str:
        if depth < 3 and self._chance(0.06):
            return self._include(self._anything(depth + 1))
        first = self._pick(ROOTS) if depth == 0 else self._pick(NAMES)
        key = ".".join([first, *(self._pick(NAMES) for _ in range(self._random.choice([0, 0, 0, 1, 1, 2])))])
        if self._chance(0.05):
            return f"{key} += {self._value(depth + 1)}"
        if depth == 0 and self._chance(0.1) and any(self._known.values()):
            kind = self._pick([kind for kind, paths in self._known.items() if paths])
            more = {"text": "/x", "list": " [1]", "object": " {z = 1}"}[kind]
            path = self._pick(self._known[kind])
            return f"{path} = ${{{'?' * self._chance(0.5)}{path}}}{more}"
        value = self._value(depth)
        written = f"{key} {value}" if value.startswith("{") and self._chance(0.6) else f"{key}{self._equals()}{value}"
        if depth == 0 and value[0] != "$":
            kind = {"{": "object", "[": "list"}.get(value[0], "text")
            self._known[kind].append(key)
        return written

    def _equals(self) -> str:
        return self._pick([" = ", " = ", "=", ": ", " : ", " =\n  ", " = # why\n  "])

    def _scalar(self) -> str:
        return self._pick(AMBIGUOUS) if self._chance(0.004) else self._pick(SCALARS)

    def _value(self, depth: int) -> str:
        kind = self._random.random()
        if kind < 0.45 or depth > 4:
            return self._scalar()
        if kind < 0.60:
            return self._reference()
        if kind < 0.72:
            return self._concatenation(depth)
        if kind < 0.87:
            return self._object(depth)
        return self._list(depth)

    def _reference(self, kind: str = "") -> str:
        optional = self._chance(0.3)
        known = self._known[kind] if kind else [path for paths in self._known.values() for path in paths]
        if known and self._chance(0.85):
            path = self._pick(known)
        elif optional:
            path = self._pick(["nowhere", "FUZZ_UNSET", "common.none", *(ROOTS if self._chance(0.3) else [])])
        elif kind in ("list", "object"):
            optional, path = True, "nowhere"
        elif self._chance(0.05):
            path = self._pick(["nowhere", *ROOTS])
        else:
            path = self._pick(["FUZZ_REGION", "FUZZ_EMPTY", "FUZZ_NUMBER"])
        return f"${{{'?' * optional}{path}}}"

    def _concatenation(self, depth: int) -> str:
        space = self._pick(["", " ", "  "])
        kind = self._pick(["text", "text", "list", "object"])
        parts = [self._reference(kind)]
        if kind == "object":
            parts.append(self._object(depth))
        elif kind == "list":
            parts.append(self._list(depth))
        elif self._chance(0.3):
            parts.append(self._reference(kind))
        else:
            parts.insert(self._random.randint(0, 1), self._pick(["text", '"quoted "', "/path", "5"]))
        if self._chance(0.2):
            parts.append(self._reference(kind if self._chance(0.95) else ""))
        return space.join(parts)

    def _object(self, depth: int) -> str:
        return self._block(self._anything(depth + 1) if self._chance(0.9) else [])

    def _block(self, members: list[str]) -> str:
        if not any("#" in member or "//" in member for member in members) and self._chance(0.3):
            return "{ " + ", ".join(members) + " }"
        return "{\n" + self._join(members) + "\n}"

    def _list(self, depth: int) -> str:
        items = [self._value(depth + 2) for _ in range(self._random.randint(0, 3))]
        items = [item for item in items if "include" not in item and "+=" not in item]
        separator = self._pick([", ", ",", "\n", ",\n"])
        return "[" + separator.join(items) + ("," if items and self._chance(0.1) else "") + "]"

    def _join(self, members: list[str]) -> str:
        text = ""
        for member in members:
            if self._chance(0.1):
                text += self._pick(["# comment {\n", "// comment }\n", "\n", "  \t\n"])
            text += member + self._pick(["\n", "\n", "\n", "\n\n", ",\n", " # after\n", " // after\n", "\n ,\n"])
        return text

    def _include(self, members: list[str]) -> str:
        self._files += 1
        if self._chance(0.08):
            return f'include "gone{self._files}"'
        # What is included here was written for the folder of the main file.
        folder = "" if any("include" in member for member in members) else self._pick(["", "", "sub/"])
        stem = f"{folder}part{self._files}"
        path = self._directory / stem
        path.parent.mkdir(exist_ok=True)
        text = self._join(members)
        if self._chance(0.2):
            text = "{" + text + "}"
        suffixed = self._chance(0.5)
        if self._chance(0.15):
            value = {"master": "json", "deep": {"x": [1, "two", None, True]}, "a.b": 1.5}
            self._write(path.with_name(path.name + ".json"), json.dumps(value))
            if self._chance(0.5):
                return f'include "{stem}.json"' if suffixed else f'include "{stem}"'
        self._write(path.with_name(path.name + ".conf"), text)
        name = f"{stem}.conf" if suffixed else stem
        forms = ['include "{}"', 'include required("{}")', 'include   "{}"', 'include required( "{}" )']
        return self._pick(forms).replace("{}", name)
