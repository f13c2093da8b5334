from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.pipeline.parser import load_pipeline, parse_pipeline

MAIN = "pipeline {{ pipeline-name = p, pipeline-components = [ {{ instance-type = m.C, instance-config {{ {} }} }} ] }}"


def load(folder: pathlib.Path, text: str, **files: str) -> Any:
    for name, content in files.items():
        path = folder / f"{name}.conf"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (folder / "main.conf").write_text(text, encoding="utf-8")
    return load_pipeline(folder / "main.conf").components[0].instance_config


def test_an_included_file_is_looked_up_beside_the_file_that_names_it(tmp_path: pathlib.Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "inner.conf").write_text("y = 2", encoding="utf-8")
    (tmp_path / "sub" / "outer.conf").write_text('include "inner.conf"\nx = 1', encoding="utf-8")
    assert load(tmp_path, 'v { include "sub/outer.conf" }\n' + MAIN.format("v = ${v}")) == {"v": {"x": 1, "y": 2}}


@pytest.mark.parametrize("form", ['"a.conf"', 'file("a.conf")', 'required("a.conf")', 'required( file("a.conf") )'])
def test_every_form_of_a_local_include_works(tmp_path: pathlib.Path, form: str) -> None:
    assert load(tmp_path, MAIN.format(f"include {form}, n = 2"), a="x = 1\n") == {"x": 1, "n": 2}


def test_a_nested_include_finds_its_own_keys_before_those_of_the_root(tmp_path: pathlib.Path) -> None:
    text = 'x = outside\nonly = 7\nnest { a { include "a.conf" } }\n' + MAIN.format("v = ${nest.a}")
    assert load(tmp_path, text, a="x = inside, y = ${x}, z = ${only}") == {"v": {"x": "inside", "y": "inside", "z": 7}}


def test_a_later_key_wins_over_an_included_one(tmp_path: pathlib.Path) -> None:
    text = 'v { include "a.conf", x = 2 }\n' + MAIN.format("v = ${v}")
    assert load(tmp_path, text, a="{ x = 1, y = ${x} }") == {"v": {"x": 2, "y": 2}}


@pytest.mark.parametrize("include", ['include "a.conf"\nv = ${r}', 'v { include "a.conf" }\nr = 1'])
def test_a_default_of_an_included_file_survives_an_optional_override_that_is_not_defined(
    tmp_path: pathlib.Path, include: str
) -> None:
    """Of two values of one key at the top of an included file, pyhocon drops the first one."""
    text = include + "\n" + MAIN.format("v = ${v}, x = 1")
    found = load(tmp_path, text, a="r { p = /data }\nr { p = ${?NOT_SET_X} }\nr.q = 1, q = x\nq = ${?NOT_SET_X}")
    assert found["v"] in ({"p": "/data", "q": 1}, {"r": {"p": "/data", "q": 1}, "q": "x"})


def test_a_repeated_plain_key_of_an_included_file_survives_too(tmp_path: pathlib.Path) -> None:
    text = 'include "a.conf"\n' + MAIN.format("v = ${root}, w = ${other}")
    found = load(tmp_path, text, a="root = /data\nroot = ${?NOT_SET_X}\n\nother = 1\nother = 2")
    assert found == {"v": "/data", "w": 2}


def test_a_component_can_be_included_into_the_list(tmp_path: pathlib.Path) -> None:
    text = 'pipeline { pipeline-name = p, pipeline-components = [ { include "c.conf" } ] }\nroot = /data'
    assert load(tmp_path, text, c='instance-type = m.C\ninstance-config { a = ${root}"/x" }') == {"a": "/data/x"}


def test_a_file_that_is_included_into_a_list_cannot_refer_to_its_own_keys(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        PipelineDefinitionError, match=r"a\.conf:1: a file that is included in a list cannot use its own keys"
    ):
        load(tmp_path, MAIN.format('l = [ { include "a.conf" } ]'), a="x = 1, y = ${x}")


def test_a_missing_required_include_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        PipelineDefinitionError, match=r"main\.conf:1: cannot include `.*gone\.conf`: .* does not exist"
    ):
        load(tmp_path, MAIN.format('include required("gone.conf")'))


@pytest.mark.parametrize("name", ["gone.conf", "gone", "sub/gone.json", 'gone.conf"#'])
def test_a_missing_optional_include_is_skipped_with_a_warning(tmp_path: pathlib.Path, name: str) -> None:
    name = name.removesuffix('"#')
    (tmp_path / "main.conf").write_text(MAIN.format(f'\ninclude "{name}", n = 1'), encoding="utf-8")
    spec = load_pipeline(tmp_path / "main.conf")
    assert spec.components[0].instance_config == {"n": 1}
    (warning,) = spec.warnings
    assert (warning.file, warning.line) == (str(tmp_path / "main.conf"), 2)
    assert f"{name}` is included, but does not exist; it is skipped" in warning.message


def test_a_name_without_a_suffix_means_conf_and_json_of_which_conf_wins(tmp_path: pathlib.Path) -> None:
    (tmp_path / "base.json").write_text('{"x": "json", "y": {"a.b": 1}}', encoding="utf-8")
    assert load(tmp_path, MAIN.format('include "base"')) == {"x": "json", "y": {"a.b": 1}}
    assert load(tmp_path, MAIN.format('include "base"'), base="x = conf, y.c = 2") == {
        "x": "conf",
        "y": {"a.b": 1, "c": 2},
    }
    assert load(tmp_path, MAIN.format('include "base.json"')) == {"x": "json", "y": {"a.b": 1}}
    assert load(tmp_path, MAIN.format('include "./base"')) == {"x": "conf", "y": {"a.b": 1, "c": 2}}


@pytest.mark.parametrize(
    ("present", "name", "way_out"),
    [
        ("base.properties", "base", "would be included here, and .properties files cannot be; write it as HOCON"),
        ("base.properties", "base.properties", "a .properties file cannot be included; write it as HOCON"),
        ("base", "base", "rename `base`"),
        ("base.hocon", "base.hocon", "HOCON reads `base.hocon.conf` or `base.hocon.json` here; rename `base.hocon`"),
    ],
)
def test_a_missing_file_that_hocon_would_ignore_is_an_error(
    tmp_path: pathlib.Path, present: str, name: str, way_out: str
) -> None:
    (tmp_path / present).write_text("x = 1", encoding="utf-8")
    with pytest.raises(PipelineDefinitionError, match=re.escape(way_out)):
        load(tmp_path, MAIN.format(f'include "{name}"'))


def test_the_errors_of_all_files_are_reported_together(tmp_path: pathlib.Path) -> None:
    text = """include "a"
include "b.conf"
spark.masters = local
pipeline { pipeline-name = p, fail-fast = maybe, pipeline-components = [
  { instance-type = m.C, instance-config { x = ${a} } }
] }"""
    with pytest.raises(PipelineDefinitionError) as caught:
        load(tmp_path, text, a="a = 1\nx = s3a://b", b="y = {\n z = 1\n")
    assert [(pathlib.Path(p.file or "").name, p.line) for p in caught.value.problems] == [
        ("a.conf", 2),
        ("b.conf", 1),
        ("main.conf", 3),
        ("main.conf", 4),
    ]


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_line_ends_change_nothing(tmp_path: pathlib.Path, ends: str) -> None:
    files = {"main": MAIN.format('\ninclude "a"\ny = """1\n2"""\n'), "a": 'x = """select\n  1\n"""\nz = 1 # c\n'}
    specs = []
    for written in (files, {name: text.replace("\n", ends) for name, text in files.items()}):
        for name, text in written.items():
            (tmp_path / f"{name}.conf").write_bytes(text.encode())
        specs.append(load_pipeline(tmp_path / "main.conf"))
    assert specs[0] == specs[1]
    assert specs[0].components[0].instance_config == {"x": "select\n  1\n", "y": "1\n2", "z": 1}


def test_files_that_include_each_other_are_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        PipelineDefinitionError, match=r"b\.conf:1: files include each other in a circle: .*a\.conf -> "
    ):
        load(tmp_path, MAIN.format('include "a.conf"'), a='include "b.conf"', b='include "a.conf"')


def test_a_file_that_includes_itself_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(PipelineDefinitionError, match="circle"):
        load(tmp_path, MAIN.format('include "main.conf"'))


@pytest.mark.parametrize("form", ["${NAME}", '"${NAME}/a.conf"'])
def test_an_include_with_a_substitution_is_an_error(tmp_path: pathlib.Path, form: str) -> None:
    with pytest.raises(PipelineDefinitionError, match="an include cannot use substitutions"):
        load(tmp_path, MAIN.format(f"include {form}"))


@pytest.mark.parametrize("form", ['url("http://x/a.conf")', 'package("p:a.conf")', 'classpath("a.conf")', "a.conf"])
def test_unsupported_forms_of_include_are_errors(tmp_path: pathlib.Path, form: str) -> None:
    with pytest.raises(PipelineDefinitionError, match="include is not supported"):
        load(tmp_path, MAIN.format(f"include {form}"))


def test_an_include_by_url_is_not_fetched(tmp_path: pathlib.Path) -> None:
    with pytest.raises(PipelineDefinitionError, match="only local files"):
        load(tmp_path, MAIN.format('include "https://localhost:1/a.conf"'))


def test_a_syntax_error_in_an_included_file_names_that_file_and_line(tmp_path: pathlib.Path) -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        load(tmp_path, MAIN.format('include "a.conf"'), a="x = 1\ny = s3a://b\n")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / "a.conf"), 2)
    assert "(column 8)" in problem.message


def test_a_wrong_field_in_an_included_file_names_that_file_and_line(tmp_path: pathlib.Path) -> None:
    text = 'pipeline { include "a.conf", pipeline-components = [ { instance-type = C } ] }'
    with pytest.raises(PipelineDefinitionError, match=r"a\.conf:2: pipeline\.fail-fast: expected true or false"):
        load(tmp_path, text, a="pipeline-name = p\nfail-fast = maybe")


def test_text_without_a_file_cannot_include_a_relative_name_unless_told_where(tmp_path: pathlib.Path) -> None:
    text = MAIN.format('include "a.conf"')
    with pytest.raises(PipelineDefinitionError, match="does not come from a file"):
        parse_pipeline(text)
    (tmp_path / "a.conf").write_text("x = 1", encoding="utf-8")
    assert parse_pipeline(text, base_dir=tmp_path).components[0].instance_config == {"x": 1}


def test_an_included_file_may_start_with_a_byte_order_mark(tmp_path: pathlib.Path) -> None:
    assert load(tmp_path, MAIN.format('include "a.conf"'), a="\ufeffx = 1") == {"x": 1}


@pytest.mark.parametrize("name", ["/", "", " ", "."])
def test_an_include_without_the_name_of_a_file_is_an_error_with_its_line(tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(PipelineDefinitionError, match=r"main\.conf:2: .*is not the name of a file"):
        load(tmp_path, f'x = 1\ninclude "{name}"\n' + MAIN.format("v = 1"))


def test_an_include_that_this_user_may_not_look_at_is_an_error(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: pathlib.Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    stat, read = pathlib.Path.stat, pathlib.Path.read_bytes
    monkeypatch.setattr(
        pathlib.Path, "stat", lambda self, **how: refuse(self) if "a." in self.name else stat(self, **how)
    )
    monkeypatch.setattr(pathlib.Path, "read_bytes", lambda self: refuse(self) if "a." in self.name else read(self))
    with pytest.raises(PipelineDefinitionError, match=r"Permission denied|cannot be read"):
        load(tmp_path, 'include "a"\n' + MAIN.format("v = 1"))
