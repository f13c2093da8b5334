"""What the extra ``spark`` requires; ``make prerelease`` tests what it resolves to in a fresh environment."""

from __future__ import annotations

from importlib.metadata import requires

from packaging.requirements import Requirement

PACKAGE = "airflow-spark-pipeline"


def required(extra: str | None = None) -> dict[str, Requirement]:
    found = (Requirement(text) for text in requires(PACKAGE) or [])
    chosen = {"extra": extra or ""}
    return {
        each.name: each
        for each in found
        if (each.marker is None if extra is None else each.marker is not None and each.marker.evaluate(chosen))
    }


def test_the_extra_spark_installs_one_version_of_two_packages_that_own_the_same_files() -> None:
    spark = required("spark")
    assert str(spark["pyspark"].specifier) == str(spark["pyspark-client"].specifier)
    assert [each.operator for each in spark["pyspark"].specifier] == ["=="]
    assert "3.0.0" not in spark["pandas"].specifier
    assert "2.3.3" in spark["pandas"].specifier


def test_an_unknown_next_major_version_is_not_allowed() -> None:
    needed = required()
    for name, newest, unknown in [
        ("apache-airflow", "3.99", "4.0"),
        ("apache-airflow-providers-apache-spark", "6.99", "7.0"),
    ]:
        assert newest in needed[name].specifier
        assert unknown not in needed[name].specifier
