"""Session variables of a Spark Connect client, read from its statements, since Spark cannot list them."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_spark_pipeline.runtime.spark.session_reading_connect import ConnectReader
from airflow_spark_pipeline.runtime.spark.session_variables_connect import SessionVariables


class IntegerType:
    def simpleString(self) -> str:  # noqa: N802  # Spark's name
        return "int"


class VariantType(IntegerType):
    pass


@dataclass
class Field:
    dataType: Any  # noqa: N815


class Result:
    def __init__(self, kind: Any) -> None:
        self.schema = type("Schema", (), {"fields": [Field(kind)]})

    def collect(self) -> list[tuple[str]]:
        return [("CAST('7' AS int)",)]


class Spark:
    """A session in which every variable is a 7, except those that are missing."""

    def __init__(self, kind: Any = None, missing: tuple[str, ...] = ()) -> None:
        self.asked: list[str] = []
        self._kind = kind or IntegerType()
        self._missing = missing

    def sql(self, query: str) -> Result:
        self.asked.append(query)
        if any(f"`{name}`" in query for name in self._missing):
            raise RuntimeError("[UNRESOLVED_COLUMN.WITHOUT_SUGGESTION] no such variable")
        return Result(self._kind)


def _heard(*statements: str, spark: Spark | None = None, parameters: bool = False) -> SessionVariables:
    variables = SessionVariables(spark or Spark())
    for statement in statements:
        variables.heard(statement, parameters=parameters)
    return variables


@pytest.mark.parametrize(
    ("statement", "defaults"),
    [
        ("DECLARE VARIABLE a INT DEFAULT 1 + 1", {"a": "1 + 1"}),
        ("declare a", {"a": "NULL"}),
        ("DECLARE a = 5;", {"a": "5"}),
        ("DECLARE OR REPLACE VAR a, b INT = 3 ;", {"a": "3", "b": "3"}),
        ("-- why\n/* and\nhow */ DECLARE session.a STRING DEFAULT 'x = default'", {"a": "'x = default'"}),
        ("DECLARE system.session.`A b` MAP<STRING, INT>", {"a b": "NULL"}),
        ("DECLARE VARIABLE `it``s` INT DEFAULT 2", {"it`s": "2"}),
    ],
)
def test_a_variable_is_read_with_the_default_of_its_declaration(statement: str, defaults: dict[str, str]) -> None:
    variables = _heard(statement)
    expected = {name: {"type": "int", "default": d, "value": "CAST('7' AS int)"} for name, d in defaults.items()}
    assert variables.values() == expected
    assert variables.unreadable == {}


@pytest.mark.parametrize(
    ("statements", "readable", "unreadable"),
    [
        (["EXECUTE IMMEDIATE 'DECLARE VARIABLE a INT DEFAULT 1'"], [], ["a"]),
        (["SET VAR a = 1"], [], ["a"]),
        (["SET VARIABLE (a, session.b) = (SELECT 1, 2)"], [], ["a", "b"]),
        (["DECLARE a INT", "SET VAR a = 1"], ["a"], []),
        (["DECLARE a INT", "DROP TEMPORARY VARIABLE IF EXISTS session.a"], [], []),
        (["EXECUTE IMMEDIATE 'DECLARE a INT'", "DECLARE OR REPLACE a INT"], ["a"], []),
        (["DECLARE a INT", "EXECUTE IMMEDIATE 'DECLARE OR REPLACE a INT'"], [], ["a"]),
        (["BEGIN DECLARE i INT; SET i = 1; END"], [], []),
        (["CREATE TABLE declared AS SELECT 1"], [], []),
    ],
)
def test_of_a_variable_without_a_known_default_only_the_name_is_recorded(
    statements: list[str], readable: list[str], unreadable: list[str]
) -> None:
    variables = _heard(*statements)
    assert list(variables.values()) == readable
    assert list(variables.unreadable) == unreadable


def test_the_default_in_a_statement_with_parameters_is_unknown() -> None:
    variables = _heard("DECLARE a INT DEFAULT :n", parameters=True)
    assert (variables.values(), list(variables.unreadable)) == ({}, ["a"])


def test_of_a_variable_whose_type_has_no_text_only_the_name_is_recorded() -> None:
    variables = _heard("DECLARE v VARIANT", spark=Spark(VariantType()))
    assert (variables.values(), list(variables.unreadable)) == ({}, ["v"])


def test_a_declaration_that_failed_leaves_nothing() -> None:
    variables = _heard("DECLARE a INT DEFAULT 1 / 'x'", "DECLARE b INT", spark=Spark(missing=("a",)))
    assert list(variables.values()) == ["b"]
    assert variables.unreadable == {}


def test_variables_are_read_only_after_statements_that_may_change_them() -> None:
    spark = Spark()
    variables = _heard("DECLARE a INT", spark=spark)
    variables.values()
    asked = len(spark.asked)
    variables.values()
    assert len(spark.asked) == asked
    variables.heard("BEGIN SET a = 5; END", parameters=False)
    variables.values()
    assert len(spark.asked) > asked


def test_a_reader_that_has_stopped_leaves_the_client_as_it_was() -> None:
    """Otherwise the client would call one more reader with each run in a session, until the stack is full."""

    class Client:
        def _execute(self) -> None: ...
        def _execute_and_fetch_as_iterator(self) -> None: ...

    client = Client()
    for _ in range(3):
        reader = ConnectReader(SimpleNamespace(client=client))
        assert "_execute" in vars(client)
        reader.stop()
        assert vars(client) == {}
