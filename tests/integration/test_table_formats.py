"""``docs/tables.md``: its files run, fail, and resume with the real connectors, fetched by Maven."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.engines.jars import fetched

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(600)]

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
ORDERS = [{"id": 1, "total": 3.5}, {"id": 2, "total": 4.0}]
OF_SPARK = ("/io/delta/", "/io/unitycatalog/", "/org/apache/iceberg/")  # the other jars are those of Spark itself


def description(title: str) -> str:
    found = re.search(rf"## {title}\n\n```hocon\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def jars(package: str) -> str:
    """Return the jars of the package that the page names; pom.xml has to name it, too."""
    group, artifact, number = package.split(":")
    profile = group.rpartition(".")[2]
    found = [jar for jar in fetched(profile, number).split(os.pathsep) if any(part in jar for part in OF_SPARK)]
    assert any(jar.endswith(f"{artifact}-{number}.jar") for jar in found), (package, found)
    return ",".join(found)


def command(file: Path, verb: str, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    file.write_text(text, encoding="utf-8")
    line = [str(Path(sys.executable).with_name("spark-pipeline")), verb, str(file), *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=file.parent)


@pytest.mark.parametrize(
    ("title", "spark", "write", "commits"),
    [
        ("Delta", "4.2", "WriteFiles", "lake/orders/_delta_log/*.json"),
        ("Iceberg", "4.1", "WriteTable", "lake/sales/orders/metadata/v*.metadata.json"),
    ],
)
def test_a_run_whose_check_failed_skips_the_written_table_and_reads_it(
    tmp_path: Path, title: str, spark: str, write: str, commits: str
) -> None:
    if not version("pyspark").startswith(spark):
        pytest.skip(f"the connector of {title} that the page names is for Spark {spark}")
    (tmp_path / "data" / "orders").mkdir(parents=True)
    (tmp_path / "data" / "orders" / "a.json").write_text("\n".join(map(json.dumps, ORDERS)), encoding="utf-8")
    text = description(title).replace('"/data', f'"{tmp_path}/data').replace('"/lake', f'"{tmp_path}/lake')
    package = re.search(r'"spark.jars.packages" = "(.*)"', text)
    assert package is not None
    text = text.replace(package[0], f'"spark.jars" = "{jars(package[1])}"')
    where = ["--location", str(tmp_path / "checkpoints")]
    file = tmp_path / "orders.conf"

    failed = command(file, "run", text.replace("min = 1", "min = 3"), *where)
    assert "view 'written' has 2 rows; expected at least 3" in failed.stdout, failed
    written = sorted(tmp_path.glob(commits))
    assert len(written) == 1

    resumed = command(file, "resume", text, *where)
    assert resumed.returncode == 0, resumed
    assert re.search(rf"{write}\S* skipped \(done in attempt 1\)", resumed.stdout), resumed.stdout
    assert "set again" not in resumed.stdout
    assert sorted(tmp_path.glob(commits)) == written

    again = command(file, "run", text.replace("min = 1", "min = 2, max = 2"), *where)
    assert again.returncode == 0, again
    assert len(sorted(tmp_path.glob(commits))) == 2
