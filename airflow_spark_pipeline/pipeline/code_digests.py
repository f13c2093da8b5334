"""The files that contain a component's code, with a digest of each. Source files are read; nothing is imported.

The files of a component are its class's module, the packages around it, and what they import, directly or not, as long
as it is the user's code, that is, below the given roots. Airflow and the driver find the same: a directory, a zip of it
and a single file give the same names (``my_etl/load.py``) and digests. Many files are summarized by directory.

``import`` and ``from … import`` are followed anywhere in a file, relative ones too, and
``import_module("a.b")`` with a literal name. Not seen: computed names, and files that are not Python. Of a
module that exists only in compiled form, the bytes are compared and its imports are not followed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import hmac
import os
import site
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

# Ours and Spark's: a new version of them is not a change of the user's code.
_NOT_THE_USERS = {"airflow_spark_pipeline", "pyspark", "py4j", "fsspec"}
_DIGEST_CHARS = 16
_PYC_HEADER = 16  # magic number, flags, time and size of the source: another one for each build
_LISTED = 20  # files of a component; commits hold them for each one, so a larger code base is recorded by directory
_INSTALLED = ("site-packages", "dist-packages", "lib-dynload", "_vendor")


def user_roots(path: Sequence[str] | None = None) -> list[str]:
    """Return the entries of a module path with the user's modules: neither installed packages nor Python's own.

    :param path: module path; default: that of this process
    """
    known = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), site.getusersitepackages()}
    roots: list[str] = []
    for entry in sys.path if path is None else path:
        root = os.path.abspath(entry)
        installed = any(part in _INSTALLED for part in Path(root).parts)
        if not installed and root not in known and root not in roots and os.path.exists(root):
            roots.append(root)
    return roots


class CodeFiles:
    """The Python files under some roots, each read and parsed once.

    :param roots: directories and zip files, the first that has a module wins
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self._places = tuple(roots)
        self._modules: dict[str, tuple[str, bytes] | None] = {}
        self._imports: dict[str, tuple[str, ...]] = {}

    @functools.cached_property
    def _roots(self) -> list[_Directory | _Zip]:
        return [_Directory(root) if os.path.isdir(root) else _Zip(root) for root in self._places]

    def digests(self, instance_type: str, salt: str) -> dict[str, str]:
        """Return a digest of each file that the code of a class is in, by file name; empty if it is not here.

        :param instance_type: dotted name of the class
        :param salt: salt of the run, as for fingerprints
        """
        return bounded(self._digests(_prefixes(instance_type), salt), salt)

    def of_script(self, file: str | None, source: str, name: str, salt: str) -> dict[str, str]:
        """Return the digests of a script, or of the source of a class in a notebook, and of what it imports.

        :param name: name of the class, if there is no file
        """
        known, content = name, source.encode()
        if file is not None:
            known, content = Path(file).name, Path(file).read_bytes()
        imported = self._digests(_imported("", f"{known}.py", content), salt)
        return bounded({known: _digest(known, content, salt), **imported}, salt)

    def _digests(self, modules: Iterable[str], salt: str) -> dict[str, str]:
        waiting, names = list(modules), set[str]()
        while waiting:
            name = waiting.pop()
            if name not in names:
                names.add(name)
                waiting += self._imports_of(name)
        found = (self._module(name) for name in names)
        digests = {file: _digest(file, content, salt) for file, content in filter(None, found)}
        return dict(sorted(digests.items()))

    def _module(self, name: str) -> tuple[str, bytes] | None:
        if name not in self._modules:
            self._modules[name] = self._find(name)
        return self._modules[name]

    def _find(self, name: str) -> tuple[str, bytes] | None:
        if name.partition(".")[0] in _NOT_THE_USERS:
            return None
        base = name.replace(".", "/")
        for root in self._roots:
            for file in (f"{base}/__init__.py", f"{base}.py", f"{base}/__init__.pyc", f"{base}.pyc"):
                content = root.read(file)
                if content is not None:
                    return file, content
        return None

    def _imports_of(self, name: str) -> tuple[str, ...]:
        if name not in self._imports:
            module = self._module(name)
            self._imports[name] = () if module is None else _imported(name, *module)
        return self._imports[name]


class _Directory:
    def __init__(self, root: str) -> None:
        self._root = root

    def read(self, file: str) -> bytes | None:
        try:
            with open(os.path.join(self._root, file), "rb") as opened:
                return opened.read()
        except OSError:
            return None


class _Zip:
    def __init__(self, root: str) -> None:
        self._root = root

    @functools.cached_property
    def _archive(self) -> zipfile.ZipFile | None:
        try:
            return zipfile.ZipFile(self._root)
        except (OSError, zipfile.BadZipFile):
            return None  # Python imports nothing from it either

    def read(self, file: str) -> bytes | None:
        # One by one: the runtime's archive has hundreds of files, and none of them is the user's.
        if self._archive is None or file not in self._archive.NameToInfo:
            return None
        try:
            return self._archive.read(file)
        except Exception:  # noqa: BLE001  # damaged, encrypted, or compressed in a way that Python cannot read
            return None


@functools.lru_cache(maxsize=1024)  # parsing is what costs, and a claim and its driver look at the same files
def _imported(name: str, file: str, content: bytes) -> tuple[str, ...]:
    """Return the names of all modules that a module may import, including some that do not exist."""
    return tuple(_find_imports(name, file, content))


def _find_imports(name: str, file: str, content: bytes) -> Iterator[str]:
    if not file.endswith(".py"):
        return
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return
    package = name if file.endswith("/__init__.py") else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _prefixes(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(package, node.module or "", node.level)
            yield from _prefixes(base)
            yield from (f"{base}.{alias.name}" for alias in node.names if base)
        elif isinstance(node, ast.Call) and (called := _literal_import(node)):
            yield from _prefixes(_absolute(package, called.lstrip("."), len(called) - len(called.lstrip("."))))


def _literal_import(node: ast.Call) -> str:
    function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0] if node.args else None
    named = function in ("import_module", "__import__") and isinstance(first, ast.Constant)
    return first.value if named and isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _absolute(package: str, module: str, level: int) -> str:
    if level == 0:
        return module
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".") if name else []
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def bounded(digests: Mapping[str, str], salt: str) -> dict[str, str]:
    """Return the digests by directory (``my_etl/rules/*``) if there are many files, otherwise by top-level package."""
    for depth in (None, 1):
        if len(digests) <= _LISTED:
            break
        groups: dict[str, list[str]] = {}
        for file, digest in digests.items():
            parts = file.split("/")
            name = "/".join([*parts[:-1][:depth], "*"]) if len(parts) > 1 else file
            groups.setdefault(name, []).append(f"{file}={digest}")
        digests = {name: _digest(name, "\n".join(sorted(files)).encode(), salt) for name, files in groups.items()}
    return dict(sorted(digests.items()))


def _digest(file: str, content: bytes, salt: str) -> str:
    # Line ends depend on how a file was checked out.
    text = content[_PYC_HEADER:] if file.endswith(".pyc") else content.replace(b"\r\n", b"\n")
    return hmac.new(salt.encode(), file.encode() + b"\0" + text, hashlib.sha256).hexdigest()[:_DIGEST_CHARS]
