"""Secrets for tests: each with the place where a user might put it, its name there, and the text around it.

Add a line to `PLANTED`, and every test that plants secrets looks for it. A value is made from the place and the name:
the sources of the tests and of the DAGs do not hold it, and where it turns up, it has leaked.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CONFIG, SPARK, CONF, VARIABLE, HOOK, EXTRA = "config", "spark.config", "conf", "env_vars", "hook", "connection"
_KAFKA = "org.apache.kafka.common.security.plain.PlainLoginModule required username='u' password=\"{}\";"
_ACCOUNT = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={};EndpointSuffix=core.windows.net"
_TRICKY = "{}\"q'\\ é"  # what repr, JSON and URLs escape

PLANTED: tuple[tuple[str, str, str], ...] = (
    # ---- by their names
    *((CONFIG, name, "{}") for name in (
        "password", "db-pass", "userPwd", "client_secret", "API_TOKEN", "tokens", "authorization", "connection-string",
        "dsn", "sas", "private", "pin", "cookie", "bearer", "passphrase", "x-api-key", "private-key",
        "fs.s3a.access.key",
    )),
    *((CONFIG, name, _TRICKY) for name in ("auth", "credential", "secret-2", "jaas", "shared.key")),
    (CONFIG, "keytab", "BQI{}"),
    # ---- by the form of their values
    (CONFIG, "postgres", "jdbc:postgresql://db/o?user=etl&password={}&ssl=true"),
    (CONFIG, "sqlserver", "jdbc:sqlserver://db;user=etl;password={} with space;encrypt=true"),
    (CONFIG, "oracle", "jdbc:oracle:thin:scott/{}@//db:1521/svc"),
    (CONFIG, "mysql", "jdbc:mysql://etl:a/b@{}@db:3306/o"),
    (CONFIG, "snowflake", "jdbc:snowflake://a.snowflakecomputing.com/?user=u&password={}"),
    (CONFIG, "redshift", "jdbc:redshift://db:5439/o;UID=u;PWD={}"),
    (CONFIG, "databricks", "jdbc:databricks://db:443;AuthMech=3;UID=token;PWD={}"),
    (CONFIG, "teradata", "jdbc:teradata://db/USER=u,PASSWORD={},DBS_PORT=1025"),
    (CONFIG, "mongo", "mongodb+srv://etl:{}:x@db/o"),
    (CONFIG, "kafka", _KAFKA),
    (CONFIG, "azure", _ACCOUNT),
    (CONFIG, "blob", "https://a.blob.core.windows.net/c?sv=2024&sig={}&se=2030"),
    (CONFIG, "odbc", "Driver={{ODBC}};Server=db;Uid=u;Pwd={};"),
    (CONFIG, "libpq", "host=db user=u password='{}' dbname=o"),
    (CONFIG, "json", '{{"user": "u", "client_secret": "{}"}}'),
    (CONFIG, "header", "Authorization: Bearer {}"),
    (CONFIG, "jvm", "-Dx=1 -Djavax.net.ssl.trustStorePassword={}"),
    (CONFIG, "connect", "sc://lake:15002/;token={}"),
    # ---- among the settings of Spark, in the file and as an argument
    *((SPARK, f"spark.{name}", "{}") for name in (
        "hadoop.fs.s3a.secret.key", "warehouse.api-key", "hadoop.fs.azure.account.key.a.dfs.core.windows.net",
    )),
    (SPARK, "spark.warehouse.url", "jdbc:postgresql://u:{}@db/o"),
    *((CONF, f"spark.{name}", "{}") for name in (
        "sql.catalog.k.token", "hadoop.fs.s3a.bucket.b.access.key", "ssl.keyPassword", "yarn.keyed.password",
        "kubernetes.authenticate.submission.oauthToken", "hadoop.a.b.pwd",
    )),
    (CONF, "spark.kafka.conf", _KAFKA),
    (CONF, "spark.mart.url", "jdbc:oracle:thin:u/{}@db:1521:o"),
    # ---- elsewhere
    *((VARIABLE, name, "{}") for name in ("SHOP_PASSWORD", "SHOP_API_KEY", "SHOP_REFERENCED")),
    (VARIABLE, "SHOP_DATABASE", "postgresql://u:{}@db/o"),
    *((HOOK, name, "{}") for name in ("webhook", "token")),
    (HOOK, "target", "https://u:{}@hooks/x"),
    *((EXTRA, name, "{}") for name in ("secret", "token")),
)  # fmt: skip


@dataclass(frozen=True)
class Secret:
    """One secret.

    :param core: a part that nothing escapes
    :param value: what a user writes
    """

    place: str
    name: str
    core: str
    value: str


def secrets() -> Iterator[Secret]:
    """Yield what is planted."""
    for place, name, text in PLANTED:
        core = "pl" + hashlib.sha256(f"{place} {name}".encode()).hexdigest()[:14]
        yield Secret(place, name, core, text.format(core))


def values(place: str) -> dict[str, str]:
    """Return what is planted in a place, by name."""
    return {secret.name: secret.value for secret in secrets() if secret.place == place}


def for_a_session(settings: dict[str, str]) -> dict[str, str]:
    """Return settings by the names under which a session of Spark Connect takes them: Hadoop's without a prefix."""
    return {name.removeprefix("spark.hadoop."): value for name, value in settings.items()}


def found_in(data: bytes) -> list[str]:
    """Return the names of the secrets that bytes hold, as they are, in base64 or in hexadecimal."""
    return [
        f"{secret.place} {secret.name}" for secret in secrets() if any(form in data for form in _forms(secret.core))
    ]


def _forms(core: str) -> Iterator[bytes]:
    data = core.encode()
    yield data
    yield data.hex().encode()
    for before in range(3):
        yield base64.b64encode(b"\0" * before + data)[4:-4]


def description(ledger: str, audit: str, events: str) -> str:
    """Return a pipeline's file with what is planted in it; the second component fails in its first attempt.

    :param events: the URL of the directory of Spark's event log, empty on Spark Connect, whose server writes it
    """
    referenced = {
        "reference": "${secret:env://SHOP_REFERENCED}",
        "in-url": "jdbc:x://u:${secret:env://SHOP_REFERENCED}@h",
    }

    def component(name: str, **more: Any) -> dict[str, Any]:
        config = {"ledger": ledger, "planted": {**values(CONFIG), **referenced}, **more}
        return {"instance-type": "steps.Blabber", "instance-name": name, "instance-config": config}

    hooks = "airflow_spark_pipeline.runtime.lifecycle"
    settings = (
        {}
        if not events
        else {
            "spark.ui.enabled": "false",
            "spark.eventLog.compress": "false",
            "spark.eventLog.dir": events,
            "spark.eventLog.enabled": "true",
        }
    )
    return json.dumps(
        {
            "spark": {"config": {**settings, **(values(SPARK) if events else for_a_session(values(SPARK)))}},
            "pipeline": {
                "pipeline-name": "Planted",
                "retry-policy": {"max-retries": 1, "initial-delay-ms": 1},
                "hooks": [
                    {"instance-type": f"{hooks}.LoggingHooks"},
                    {"instance-type": f"{hooks}.AuditHooks", "instance-config": {"path": audit}},
                    {"instance-type": "steps.KeepsSecrets", "instance-config": {"planted": values(HOOK)}},
                ],
                "pipeline-components": [component("a"), component("b", deeds={"1": "fail"})],
            },
        }
    )
