"""No constructor of the package does I/O; methods and named class methods do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "airflow_spark_pipeline"
CONSTRUCTORS = ("__init__", "__post_init__")
#: Last names of calls that reach a disk, a network, another process, the JVM or a Spark session.
DOES_IO = {
    *("open", "read", "read_text", "read_bytes", "write", "write_text", "write_bytes", "mkdir", "makedirs", "rmtree"),
    *("exists", "isdir", "isfile", "is_dir", "is_file", "stat", "listdir", "scandir", "iterdir", "glob", "rglob"),
    *("unlink", "rename", "link", "symlink_to", "touch", "mkdtemp", "TemporaryDirectory", "NamedTemporaryFile"),
    *("Popen", "check_call", "check_output", "create_connection", "urlopen", "getaddrinfo"),
    *("open_store", "load_store", "list_objects", "list_names", "list_directories", "latest", "adopt", "append_commit"),
    *(
        "driver_jvm",
        "hadoop_configuration",
        "newInstance",
        "getOrCreate",
        "sql",
        "collect",
        "objects",
        "currentCatalog",
    ),
}
#: The same, where the last name alone means other things as well.
DOES_IO_IN_FULL = {"subprocess.run", "spark.conf.get", "self._spark.conf.get", "requests.get", "self._reader.state"}


def io_in_constructors(source: str) -> list[str]:
    """Return ``Class: call`` for each constructor that does I/O, itself or in a function of its file that it calls."""
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found = []
    for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        methods = {node.name: node for node in kind.body if isinstance(node, ast.FunctionDef)}
        known = {**functions, **{f"self.{name}": method for name, method in methods.items()}}
        for constructor in (methods[name] for name in CONSTRUCTORS if name in methods):
            found += [f"{kind.name}: {call}" for call in _io_of(constructor, known, set())]
    return found


def _io_of(function: ast.FunctionDef, known: dict[str, ast.FunctionDef], seen: set[str]) -> Iterator[str]:
    for call in _called_at_once(function.body):
        if call in known:
            if call not in seen:
                seen.add(call)
                yield from _io_of(known[call], known, seen)
        elif call.rpartition(".")[2] in DOES_IO or call in DOES_IO_IN_FULL:
            yield call


def _called_at_once(nodes: list[ast.stmt]) -> Iterator[str]:
    """Yield what is called, without the bodies of functions that are only defined here."""
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)
        if not isinstance(node, ast.Lambda | ast.FunctionDef):
            waiting += ast.iter_child_nodes(node)


def test_no_constructor_does_io() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if "node_modules" not in file.parts]
    assert len(files) > 300
    found = {str(file.relative_to(PACKAGE)): io_in_constructors(file.read_text(encoding="utf-8")) for file in files}
    assert {file: calls for file, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    ("body", "call"),
    [
        ("self.text = open(path).read()", "open"),
        ("self.text = Path(path).read_text()", "Path(path).read_text"),
        ("self.store = open_store(path)", "open_store"),
        ("self.kind = _Directory(path) if os.path.isdir(path) else _Zip(path)", "os.path.isdir"),
        ("self.version = subprocess.run(['spark-submit'])", "subprocess.run"),
        ("self.is_hive = spark.conf.get('spark.sql.catalogImplementation') == 'hive'", "spark.conf.get"),
        ("self.fs = jvm.FileSystem.newInstance(path)", "jvm.FileSystem.newInstance"),
        ("self._prepare(path)", "os.makedirs"),
        ("self.listing = _listing(path)", "os.scandir"),
    ],
)
@pytest.mark.parametrize("constructor", CONSTRUCTORS)
def test_a_constructor_that_does_io_is_detected(constructor: str, body: str, call: str) -> None:
    source = f"""
class Planted:
    def {constructor}(self, path=None, spark=None, jvm=None):
        {body}
    def _prepare(self, path):
        os.makedirs(path)
def _listing(path):
    return list(os.scandir(path))
"""
    assert f"Planted: {call}" in io_in_constructors(source)


def test_modules_that_are_only_opened_later_are_not_found() -> None:
    source = """
class Lazy:
    def __init__(self, path):
        self.open = lambda: open(path)
    @classmethod
    def opened(cls, path):
        return cls(open(path))
"""
    assert io_in_constructors(source) == []
