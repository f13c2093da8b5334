"""Secrets inside texts with harmless names: what is masked, and what stays readable."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline.secrets import mask, mask_text, secrets_in

KAFKA = "org.apache.kafka.common.security.plain.PlainLoginModule required"
# A text, the secrets in it, and a part of it that must stay.
TEXTS = [
    ("jdbc:postgresql://db:5432/o?user=etl&password=Hunter2&ssl=true", "Hunter2", "&ssl=true"),
    ("jdbc:sqlserver://h:1433;databaseName=d;user=u;password=Hunter2;encrypt=true", "Hunter2", ";encrypt=true"),
    ("jdbc:sqlserver://h;user=u;password=my pass w;encrypt=true", "my pass w", ";encrypt=true"),
    ("jdbc:sqlserver://h;password={p;w}}x};encrypt=true", "p;w}x", ";encrypt=true"),
    ("jdbc:oracle:thin:scott/tiger@//h:1521/svc", "tiger", "@//h:1521/svc"),
    ("jdbc:oracle:thin:scott/ti/g@er@h:1521:sid", "ti/g@er", "@h:1521:sid"),
    ('jdbc:oracle:oci8:scott/"t@ger"@h:1521:sid', "t@ger", "@h:1521:sid"),
    ("jdbc:snowflake://a.snowflakecomputing.com/?user=u&password=p%40ss&db=d", "p@ss", "&db=d"),
    ("jdbc:redshift://h:5439/db;UID=u;PWD=Hunter2", "Hunter2", "UID=u"),
    ("jdbc:databricks://h:443;AuthMech=3;UID=token;PWD=dapi0123456789abcdef", "dapi0123456789abcdef", "UID=token"),
    ("jdbc:mysql://u:s3cr3t/p@ss:w@h1:3306,h2/db?useSSL=true", "s3cr3t/p@ss:w", "@h1:3306,h2/db?useSSL=true"),
    ("jdbc:mysql://address=(host=h)(port=1)(user=u)(password=Hunter2)/db", "Hunter2", ")/db"),
    ("jdbc:teradata://h/USER=u,PASSWORD=Hunter2,DBS_PORT=1", "Hunter2", ",DBS_PORT=1"),
    ("jdbc:db2://h:50000/db:user=u;password=Hunter2;sslConnection=true;", "Hunter2", ";sslConnection=true;"),
    ("jdbc:hive2://h:10000/db;user=u;password=Hunter2", "Hunter2", "user=u"),
    ("mongodb+srv://u:pa#ss@h/db", "pa#ss", "@h/db"),
    ("postgresql://u:a/b@c@db.example.com:5432/x?application_name=a@b.c", "a/b@c", "@db.example.com:5432/x?appl"),
    ("https://u:Hunter2@host/path?email=a@b.com", "Hunter2", "@host/path?email=a@b.com"),
    ("redis://:Hunter2@h:6379/0", "Hunter2", "@h:6379/0"),
    ("s3://AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY@b/x", "wJalrXUtnFEMI/K7MDENG", "@b/x"),
    (f'{KAFKA} username="u" password="Hunter2";', "Hunter2", 'username="u"'),
    ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc+/d==;EndpointSuffix=x", "abc+/d==", "AccountName=a;"),
    ("https://a.blob.core.windows.net/c?sv=2020&sig=abc%2Bdef%3D&se=2025", "abc+def=", "&se=2025"),
    ("Endpoint=sb://x.windows.net/;SharedAccessKeyName=n;SharedAccessKey=k3y=", "k3y=", "SharedAccessKeyName=n"),
    ("Server=tcp:x,1433;Database=d;User ID=u;Password=p@ss w;Encrypt=True", "p@ss w", ";Encrypt=True"),
    ("Driver={ODBC};Server=x;Uid=u;Pwd=Hunter2;", "Hunter2", "Uid=u"),
    ("host=h user=u password='Hun ter2' dbname=d", "Hun ter2", "dbname=d"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI", "aws_secret"),
    ('{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\\nMIIE"}', "MIIE", "service_account"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----", "MIIEabc", ""),
    ("Authorization: Bearer planted-bearer", "planted-bearer", "Authorization: Bearer"),
    ("Authorization: Basic ZXRsOkh1bnRlcjI=", "Hunter2", "Authorization: Basic"),
    (
        "mssql+pyodbc:///?odbc_connect=DRIVER%3D%7BX%7D%3BUID%3Du%3BPWD%3DHunter2%3BDatabase%3Dd",
        "Hunter2",
        "%3BDatabase",
    ),
    ("mssql+pyodbc:///?odbc_connect=pwd%3dHunter2%3buid%3du", "Hunter2", "%3buid%3du"),
    ("https://h/login?next=%2Fx%3Faccess_token%3DHunter2%26a%3Db", "Hunter2", "%26a%3Db"),
    ("curl -s -u etl:Hunter2 https://h/x", "Hunter2", "https://h/x"),
    ("curl --user 'etl:Hunter2' https://h/x", "Hunter2", "https://h/x"),
    ("curl https://mycurl.se/curl -u etl:Hunter2", "Hunter2", "https://mycurl.se/curl"),
    ("Bearer abcdef123456", "abcdef123456", "Bearer"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVm", "eyJzdWIiOiIxMjM0In0", ""),
    ("sc://h:443/;user_id=etl;token=abc;use_ssl=true", "abc", ";use_ssl=true"),
    ("clone https://x:ghp_0123456789abcdefABCDEF0123@github.com/a", "ghp_0123456789abcdefABCDEF0123", "@github.com/a"),
    ("xoxb-123456-abcdef", "xoxb-123456-abcdef", ""),
    ("jdbc:sqlserver://h;user=u;password=a;b;encrypt=true", "a;b", ";encrypt=true"),
    ("jdbc:x://h/d?user=u&password=a&b#c&ssl=true", "a&b#c", "&ssl=true"),
    ("s3://me:Hunter2@/", "Hunter2", "s3://me:"),
    ("s3://me:Hunter2@", "Hunter2", "s3://me:"),
    ("http://u:Hunter2@[::1]:8080/", "Hunter2", "@[::1]:8080/"),
    ("ldap://cn=admin,dc=x:Hunter2@h", "Hunter2", "@h"),
    ("x-api-key: Hunter2", "Hunter2", "x-api-key"),
    ('["--password", "Hunter2", "--x"]', "Hunter2", '"--x"'),
    ("https://x.webhook.office.com/webhookb2/a@b/IncomingWebhook/1c/4", "IncomingWebhook/1c/4", "office.com/"),
    ("https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature=0a1b2c3d&x=1", "0a1b2c3d", "X-Amz-Expires=60"),
    ("https://hooks.slack.com/services/T0/B0/xyz", "T0/B0/xyz", "https://hooks.slack.com/services/"),
    ("-Djavax.net.ssl.trustStorePassword=Hunter2 -Dx=1", "Hunter2", "-Dx=1"),
    ("<name>x</name><password>Hunter2</password>", "Hunter2", "<name>x</name>"),
    ("create user x identified by 'Hunter2'", "Hunter2", "create user x"),
    ("--password Hunter2 --region eu", "Hunter2", "--region eu"),
    ("Config(user='u', token='Hunter2')", "Hunter2", "user='u'"),
    ("Config(region='eu', key='Hunter2')", "Hunter2", "region='eu'"),
    ("pass = 'Hunter2'", "Hunter2", "pass = '"),
    ("Authorization: Splunk 7c2b1e-Hunter2", "7c2b1e-Hunter2", "Authorization:"),
    ("authorization: GenieKey Hunter2 -H x", "Hunter2", "-H x"),
    ("DD-API-KEY: Hunter2", "Hunter2", "DD-API-KEY"),
    ("Cookie: theme=dark; session=Hunter2 next", "Hunter2", "next"),
    ('{"message": "{\\"password\\": \\"Hunter2\\"}"}', "Hunter2", "message"),
    ("Connecting to [redis://:Hunter2@cache]", "Hunter2", "@cache]"),
    ("{url=postgres://u:Hunter2@db}", "Hunter2", "@db}"),
    ("{'user': 'u', 'client_secret': 'Hunter2'}", "Hunter2", "'user': 'u'"),
]
READABLE = [
    "select a.key = b.key, u.token = v.token from t where pass = 1 and key = 3",
    "select * from u join v on u.password = v.password",
    "abfss://container@acct.dfs.core.windows.net/raw",
    "hdfs://etl@name-node:8020/raw",
    "http://host:8080/path/@user",
    "s3://bucket/x?versionId=3",
    "image:1.0@sha256:0123456789",
    "key = 'europe' and pin = 'x'",
    "select * from t where key = 'europe'",
    "file:///data/day=1/token=abc/part-0",
    "a bearer token is missing, basic training",
    "primary-key=id;sort-key=x",
    "jdbc:postgresql://db/orders?user=etl&connectTimeout=3",
    "mail to a@b.c: done",
    "docker run -u 1000:1000 curl/curl",
    "curl -u etl https://h/x",
    "https://h/x?q=day%3D1%26region%3Deu",
    "pipeline.instance-config.api-key: expected text",
]


@pytest.mark.parametrize(("text", "secret", "stays"), TEXTS, ids=[str(i) for i in range(len(TEXTS))])
def test_the_secret_part_of_a_value_is_masked_and_known(text: str, secret: str, stays: str) -> None:
    shown = mask({"url": [text]})["url"][0]
    assert secret not in shown
    assert "***" in shown
    assert stays in shown
    assert any(secret in found for found in secrets_in({"url": text}))


@pytest.mark.parametrize("text", READABLE)
def test_values_that_are_not_secret_are_shown_unchanged(text: str) -> None:
    assert mask({"text": text}) == {"text": text}
    assert mask_text(text) == text
    assert secrets_in({"text": text}) == set()


@pytest.mark.parametrize(("text", "secret", "stays"), TEXTS, ids=[str(i) for i in range(len(TEXTS))])
def test_a_masked_value_is_not_masked_again(text: str, secret: str, stays: str) -> None:
    shown = mask({"url": text})
    assert mask(shown) == shown


def test_in_a_line_of_text_a_parameter_ends_with_its_word() -> None:
    line = "cannot connect to jdbc:sqlserver://h;user=u;password=Hunter2 since the login failed"
    assert mask_text(line) == "cannot connect to jdbc:sqlserver://h;user=u;password=*** since the login failed"
