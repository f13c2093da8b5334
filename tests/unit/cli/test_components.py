"""``spark-pipeline components``: lists what a pipeline can name, found as in a run."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from airflow_spark_pipeline import components
from airflow_spark_pipeline.cli.component_fields import config_fields
from airflow_spark_pipeline.runtime.component.base import Component
from tests.unit.cli.shell import Shell

LOAD = '''
from __future__ import annotations
import enum
from dataclasses import dataclass, field
from typing import Literal
from airflow_spark_pipeline import Component


class Speed(enum.Enum):
    SLOW = "slow"
    FAST = "fast"


@dataclass
class Target:
    """A table."""

    table: str
    partitions: list[str] = field(default_factory=list)


@dataclass
class Load(Component):
    """Load a view.

    It is loaded.

    :param target: where it goes, in
        two lines
    :param Speed speed: how fast
    """

    target: Target
    rows: int
    speed: Speed = Speed.FAST
    mode: Literal["append", "overwrite"] = "append"
    api_token: str = "hunter2"
    from_: str | None = None
    ratio: float = 0.5

    def run(self, spark): ...
'''


def own_name(shell: Shell) -> str:
    return re.sub(r"\W", "_", f"own_{shell.directory.name}")


@pytest.fixture
def own(shell: Shell) -> str:
    """A module's name that no other test has: modules are imported once in a process."""
    name = own_name(shell)
    (shell.directory / f"{name}.py").write_text(LOAD)
    return name


def listed(shell: Shell, *arguments: str) -> dict[str, Any]:
    assert shell("components", "--json", *arguments) == 0
    return {each["instanceType"]: each for each in json.loads(shell.out)}


def test_every_built_in_component_is_listed_with_its_docs(shell: Shell) -> None:
    found = listed(shell)
    expected = [
        f"airflow_spark_pipeline.components.{name}"
        for name in components.__all__
        if issubclass(getattr(components, name), Component)
    ]
    assert list(found) == expected
    for name, each in found.items():
        assert each["doc"], name
        for config in each["fields"]:
            assert config["doc"], (name, config["key"])
    assert "No custom components were found in" in shell.err


@pytest.mark.parametrize(("default", "shown"), [("", ""), (None, None), ("hunter2", "***"), (0, "***")])
def test_a_default_of_a_secret_is_shown_only_if_it_is_empty(default: Any, shown: Any) -> None:
    cls = dataclasses.make_dataclass("Load", [("password", Any, dataclasses.field(default=default))])
    assert [each.default for each in config_fields(cls)] == [shown]


def test_a_users_component_is_listed_with_its_fields(shell: Shell, own: str) -> None:
    load = listed(shell)[f"{own}.Load"]
    assert load["doc"] == "Load a view."
    fields = {each["key"]: each for each in load["fields"]}
    assert list(fields) == ["target", "rows", "speed", "mode", "api-token", "from", "ratio"]
    assert fields["target"]["doc"] == "where it goes, in two lines"
    assert fields["speed"] == {
        "key": "speed",
        "type": "one of 'slow', 'fast'",
        "expected": "one of 'slow', 'fast'",
        "required": False,
        "default": "fast",
        "doc": "how fast",
    }
    assert (fields["rows"]["type"], fields["rows"]["required"]) == ("int", True)
    assert fields["from"]["type"] == "str | None"
    assert "hunter2" not in shell.out


def test_the_text_form_has_one_line_a_field(shell: Shell, own: str) -> None:
    assert shell("components", "Load") == 0
    first, *rest = shell.out.splitlines()
    assert first == f"{own}.Load: Load a view."
    assert [line.split()[0] for line in rest] == ["target", "rows", "speed", "mode", "api-token", "from", "ratio"]
    assert rest[1].split() == ["rows", "int", "required"]


def test_a_class_that_a_package_exports_has_the_packages_name(shell: Shell) -> None:
    assert shell("init", "demo") == 0
    found = listed(shell, "--file", "demo/dags/orders.conf")
    assert {"orders_etl.ExtractOrders", "orders_etl.LoadOrders"} <= {*found}


@pytest.mark.parametrize("way", ["package", "directory", "module", "zip"])
def test_modules_are_found_in_everything_that_py_files_accepts(
    shell: Shell, tmp_path_factory: pytest.TempPathFactory, way: str
) -> None:
    name = own_name(shell)
    place = tmp_path_factory.mktemp("elsewhere")
    if way == "package":
        (place / name).mkdir()
        (place / name / "__init__.py").touch()
        (place / name / "load.py").write_text(LOAD)
        path, expected = place / name, f"{name}.load.Load"
    elif way == "zip":
        path, expected = place / "libs.zip", f"{name}.Load"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name}.py", LOAD)
    else:
        (place / f"{name}.py").write_text(LOAD)
        path, expected = place / f"{name}.py" if way == "module" else place, f"{name}.Load"
    assert expected in listed(shell, "--py-files", str(path))


def test_a_subclass_of_a_subclass_is_found_and_abstract_and_imported_classes_are_not(shell: Shell, own: str) -> None:
    (shell.directory / f"{own}_more.py").write_text(
        f"from {own} import Load\nfrom airflow_spark_pipeline import Component\n\n\n"
        "class Faster(Load):\n    pass\n\n\nclass Base(Component):\n    pass\n\n\nclass _Hidden(Load):\n    pass\n"
    )
    found = [name for name in listed(shell) if name.startswith("own_")]
    assert found == [f"{own}.Load", f"{own}_more.Faster"]


@pytest.mark.parametrize(
    "source",
    [
        "raise SystemExit('a script was run')\n",
        "import sys\nclass Tool(Exception): pass\nsys.exit('a script was run')\n",
        "from airflow_spark_pipeline import SparkPipelineOperator\nclass Mine(Exception): pass\nraise SystemExit\n",
        "this is not Python\n",
    ],
    ids=["script", "classes", "DAG", "no Python"],
)
def test_scripts_and_dag_files_are_not_run(shell: Shell, own: str, source: str) -> None:
    (shell.directory / "setup.py").write_text("raise SystemExit")
    (shell.directory / "other_script.py").write_text(source)
    assert f"{own}.Load" in listed(shell)
    assert shell.err == ""
    assert "other_script" not in sys.modules


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nowhere_to_be_found", "nowhere_to_be_found"),
        ("raise SystemExit('no')", "cannot be imported"),
        ("class Broken(Component) pass", ":2: "),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_and_hides_nothing(
    shell: Shell, own: str, source: str, said: str
) -> None:
    broken = f"broken_{own}"
    (shell.directory / f"{broken}.py").write_text(
        f"from airflow_spark_pipeline import Component\n{source}\n"
        "class Lost(Component): ...\nclass Two(Component): ...\n"
    )
    assert f"{own}.Load" in listed(shell)
    (warning,) = shell.err.splitlines()
    assert warning.startswith("warning: ")
    assert broken in warning
    assert said in warning


def test_an_unreadable_file_is_named_and_hides_no_other_problem(
    shell: Shell, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = shell.directory / "closed.py"
    closed.touch()
    read = Path.read_bytes

    def refuse(self: Path) -> bytes:
        if self == closed:
            raise PermissionError(13, "Permission denied", str(self))
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert f"{own}.Load" in listed(shell)
    assert shell.err == f"warning: {closed} cannot be read: Permission denied\n"


def test_an_archive_that_is_damaged_is_named_and_hides_nothing(shell: Shell, own: str) -> None:
    damaged = shell.directory / "libs.zip"
    damaged.write_bytes(b"not a zip")
    assert f"{own}.Load" in listed(shell, "--py-files", "libs.zip")
    assert shell.err == f"warning: {damaged} cannot be searched: File is not a zip file\n"


def test_dangling_and_circular_links_are_not_followed(shell: Shell) -> None:
    name = own_name(shell)
    package = shell.directory / name
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "load.py").write_text(LOAD)
    (package / "again").symlink_to(package)
    (package / "gone.py").symlink_to(package / "nowhere.py")
    assert [each for each in listed(shell) if each.startswith("own_")] == [f"{name}.load.Load"]
    assert shell.err == ""


@pytest.mark.parametrize(
    ("asked", "said"), [("Lod", "did you mean 'Load'?"), ("Nothing", "lists all"), ("os.path", "")]
)
def test_a_name_that_does_not_exist_is_refused(shell: Shell, own: str, asked: str, said: str) -> None:
    assert shell("components", asked) == 2
    assert said in shell.err
    assert asked.rpartition(".")[2] in shell.err
    assert shell.out == ""


def test_a_class_of_an_installed_package_is_found_by_its_dotted_name(shell: Shell) -> None:
    assert list(listed(shell, "tests.steps.Step", "ReadTable")) == [
        "tests.steps.Step",
        "airflow_spark_pipeline.components.ReadTable",
    ]


# ---- the JSON Schema

SQL = {"sql": "SELECT 1", "view": "v"}


def described(instance_type: str, config: Any, **more: Any) -> dict[str, Any]:
    component = {"instance-type": instance_type, "instance-config": config, **more}
    return {"pipeline": {"pipeline-name": "p", "pipeline-components": [component]}}


def schema(shell: Shell) -> dict[str, Any]:
    assert shell("components", "--json-schema") == 0
    found: dict[str, Any] = json.loads(shell.out)
    jsonschema.Draft202012Validator.check_schema(found)
    return found


GOOD: list[dict[str, Any]] = [
    {"target": {"table": "t"}, "rows": 1},
    {"target": {"table": "t", "partitions": ["a"]}, "rows": "10", "speed": "SLOW", "ratio": 1},
    {"target": "${target}", "rows": "{{ params.rows }}", "speed": "{{ params.speed }}", "mode": "append"},
    {"target": {"table": 5}, "rows": 2, "from": None},
]
BAD: list[dict[str, Any]] = [
    {"rows": 1},
    {"target": {"table": "t"}, "rows": "many"},
    {"target": {"table": "t"}, "rows": 1, "speed": "quick"},
    {"target": {"table": "t"}, "rows": 1, "mode": "replace"},
    {"target": {"tabel": "t"}, "rows": 1},
    {"target": {"table": "t"}, "rows": 1, "row": 2},
    {"target": {"table": "t", "partitions": "a"}, "rows": 1},
]


@pytest.mark.parametrize("config", GOOD, ids=str)
def test_the_schema_accepts_what_validate_accepts(shell: Shell, own: str, config: dict[str, Any]) -> None:
    description = described(f"{own}.Load", config)
    jsonschema.validate(description, schema(shell))
    if "${" not in str(config):
        shell.write(json.dumps(description), "p.json")
        assert shell("validate", "p.json") == 0


@pytest.mark.parametrize("config", BAD, ids=str)
def test_validate_refuses_what_the_schema_refuses(shell: Shell, own: str, config: dict[str, Any]) -> None:
    description = described(f"{own}.Load", config)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(description, schema(shell))
    shell.write(json.dumps(description), "p.json")
    assert shell("validate", "p.json") == 2


@pytest.mark.parametrize(
    ("more", "is_valid"),
    [
        ({"save-outputs": True, "timeout": "10 minutes", "depends-on": ["x"]}, True),
        ({"retry-policy": {"max-retries": 2}, "hooks": [{"instance-type": "m.H", "gate": True}]}, True),
        ({"save-output": True}, False),
        ({"retry-policy": {"retries": 2}}, False),
        ({"depends-on": "x"}, False),
    ],
    ids=str,
)
def test_the_schema_knows_the_fields_of_a_component(shell: Shell, more: dict[str, Any], is_valid: bool) -> None:
    validator = jsonschema.Draft202012Validator(schema(shell))
    description = described("airflow_spark_pipeline.components.SqlToView", SQL, **more)
    assert validator.is_valid(description) is is_valid
    assert validator.is_valid(described("somewhere.Unknown", {"any": 1}, **more)) is is_valid


def test_the_schema_has_every_block_of_a_file(shell: Shell) -> None:
    found = schema(shell)
    whole = described("airflow_spark_pipeline.components.SqlToView", SQL)
    whole["spark"] = {"app-name": "a", "config": {"spark.sql.shuffle.partitions": 4}}
    whole["pipeline"] |= {"checkpoint": {"location": "/c", "on-change": "restart"}, "fail-fast": False}
    jsonschema.validate(whole, found)
    for block, wrong in (("spark", {"app": 1}), ("pipeline", {"checkpoint": {"on-change": "maybe"}})):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**whole, block: {**whole[block], **wrong}}, found)
