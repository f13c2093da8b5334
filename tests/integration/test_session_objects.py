"""How the views and functions of a session are read: with their identities, in a few calls."""

from __future__ import annotations

import random
from typing import Any

import pytest

from airflow_spark_pipeline.runtime.spark.session_objects_classic import ObjectsReader, split

pytestmark = pytest.mark.spark


class Counting(ObjectsReader):
    """Counts how often an object is asked for its identity."""

    asked = 0

    def __init__(self, jvm: Any) -> None:
        super().__init__(jvm)
        self._ask = jvm.java.lang.System.identityHashCode

    def _identity(self, item: Any) -> int:
        self.asked += 1
        found: int = self._ask(item)
        return found

    def asked_since(self) -> int:
        asked, self.asked = self.asked, 0
        return asked


class Session:
    """A session without views and functions, and a reader of it."""

    def __init__(self, spark: Any) -> None:
        self.spark = spark.newSession()
        self.reader = Counting(spark._jvm)
        state = self.spark._jsparkSession.sessionState()
        self.catalog = state.catalog()
        self._registries = (state.functionRegistry(), state.tableFunctionRegistry())

    def view(self, name: str) -> None:
        self.spark.range(1).createOrReplaceTempView(name)

    def views(self) -> dict[str, int]:
        return self.reader.views(self.catalog.tempViews())

    def function(self, name: str, value: int) -> None:
        self.spark.udf.register(name, lambda: value, "int")

    def functions(self) -> dict[str, int]:
        return self.reader.functions(self.catalog, self._registries)

    def truth(self) -> dict[str, int]:
        """The identities of the views, each asked for on its own."""
        views = self.catalog.tempViews()
        names = split(views.keys().mkString("\x1e\x1f"))
        identity = self.spark._jvm.java.lang.System.identityHashCode
        return {name: identity(views.apply(name)) for name in names}


@pytest.fixture
def session(spark: Any) -> Session:
    return Session(spark)


def test_one_new_view_among_many_costs_one_call(session: Session) -> None:
    for number in range(30):
        session.view(f"v{number}")
    assert len(session.views()) == session.reader.asked_since() == 30

    assert len(session.views()) == 30
    assert session.reader.asked_since() == 0

    session.view("one_more")
    session.view("and_another")
    assert len(session.views()) == 32
    assert session.reader.asked_since() == 2


def test_a_view_that_is_replaced_next_to_a_new_one_has_another_identity(session: Session) -> None:
    for name in ("a", "b"):
        session.view(name)
    before = session.views()
    session.view("c")
    session.view("a")
    after = session.views()
    assert (after["b"], after["a"] == before["a"]) == (before["b"], False)
    assert after == session.truth()


def test_every_change_of_views_is_detected(session: Session) -> None:
    chance = random.Random(20261128)  # noqa: S311  # no secret
    for step in range(120):
        for _ in range(chance.randint(0, 3)):
            name = f"v{chance.randint(0, 12)}"
            if chance.random() < 0.3:
                session.spark.catalog.dropTempView(name)
            else:
                session.view(name)
        assert session.views() == session.truth(), f"in step {step}"


def test_functions_are_read_only_after_one_was_created_or_replaced(session: Session) -> None:
    assert session.functions() == {}
    session.function("one", 1)
    session.function("two", 2)
    before = session.functions()
    assert (sorted(before), session.reader.asked_since()) == (["one", "two"], 2)

    assert session.functions() == before
    assert session.reader.asked_since() == 0

    session.function("two", 22)
    after = session.functions()
    assert (after["one"], after["two"] == before["two"]) == (before["one"], False)

    session.spark.sql("DROP TEMPORARY FUNCTION one")
    assert session.functions() == {"two": after["two"]}


def test_functions_of_an_unknown_registry_are_read_each_time(session: Session) -> None:
    session.function("one", 1)
    found = [session.reader.functions(session.catalog, (session.catalog,)) for _ in range(2)]
    assert found[0] == found[1] == session.functions()
