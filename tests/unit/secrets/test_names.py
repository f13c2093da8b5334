"""Which names mark a secret, and which only resemble one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from airflow_spark_pipeline.secrets import is_secret, is_secret_path, set_more_names
from airflow_spark_pipeline.secrets.names import Secrecy, secrecy

SECRET = re.findall(
    r"\S+",
    """
    password db-password DB_PASSWD PassWord pass_word password.prod password_old MYSQL_PWD PGPASSWORD userPwd
    keystorePass pwd pass dbPass admin.pass rootpass sshpass db_pwd passphrase passcode secret SECRET secrets
    clientSecret client.secret secret-id secret-base64 oauth2-client-secret AWS_SECRET_ACCESS_KEY token tokens token-2
    tokenValue authtoken access-token accessToken refreshToken idToken GITHUB_TOKEN slack_bot_token credentials
    aws-credentials service-account-credentials creds instance-config.token[0] spark.sql.catalog.k.token key tls.key
    keyfile_dict seed-phrase passwrd pword
    private.key private_key privateKey PRIVATE-KEY ssh-key hmac_key signing_key encryption-key encryptionKey access-key
    accesskey accessKeys access-key-id awsSecretKey api-key apiKey apikey X-Api-Key api-keys dd-app-key license-key
    storageAccountKey SharedAccessKey fs.s3a.access.key spark.hadoop.fs.s3a.secret.key
    spark.hadoop.fs.s3a.bucket.b.access.key fs.azure.account.key.acct.dfs.core.windows.net
    fs.azure.sas.c.acct.blob.core.windows.net fs.azure.account.oauth2.client.secret.acct.file.core.windows.net auth
    authorization Authorization auth-header authHeader http.proxy.auth basic.auth.user.info bearer bearer-token jwt dsn
    sentry.dsn connection-string connectionString conn-str CONN_STR conn.str connection_string_prod sas sasToken sas-url
    webhook webhook-url cookie session-cookie set_cookie private pin pin-code otp pat jaas sasl.jaas.config
    spark.kafka.sasl.jaas.config keytab ssl.keystore.password truststorePassword xsrf-token
    """,
)
HARMLESS = re.findall(
    r"\S+",
    """
    password-length passwordPolicy password_min_length secret-name secret-scope secret-manager secretary token-url
    tokenUri token.ttl token-expiry token-column token-count token-limit tokens-per-minute credentials.provider
    spark.hadoop.fs.s3a.aws.credentials.provider spark.authenticate.enabled spark.kubernetes.driver.secretKeyRef.DB
    spark.kubernetes.driver.secrets.db max-tokens maxTokens max_output_tokens maxNewTokens num-tokens pad-token eosToken
    next-page-token tokenizer-path broken pass-through passthrough passenger-count passed passes passing-grade
    first-pass second_pass low-pass season-pass pass-count pass-rate passRate bypass compass compass-words
    encompass-words trespass surpass underpass overpass auth-type authMethod auth.mode authMechanism author author-id
    authors authority authorName authenticated oauth-scopes sasl-mechanism sasl.mechanism sas-date sas-library
    sas-dataset assassin basket disaster keys keyspace keyword keyboard keyed-by key-columns key-format key.deserializer
    keys-per-partition primary-key primary.key primaryKey foreign-key partition-key sort_key join-key shard-key row-key
    cache-key message-key monkey turkey hockey hotkey pinned pinning spinning mapping private-subnet privateIp
    is-private-endpoint privateer cookie-domain dsname connection-timeout conn-id connect-string significance sigma
    design path patient pattern api user input-path tokens-used token-budget tokenBucket key-value public-key key-vault
    """,
)


@pytest.fixture
def _named_by_airflow() -> Iterator[None]:
    yield
    set_more_names(())


@pytest.mark.parametrize("name", SECRET)
def test_a_name_that_suggests_a_secret_counts_as_secret(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_name_that_only_resembles_one_is_not_a_secret(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("pipeline.pipeline-components[0].instance-config.credentials.url", True),
        ('instance-config."spark.x.token".size', True),
        ("instance-config.auth.value", True),
        ("pipeline.pipeline-components[0].instance-config.url", False),
        ("instance-config.token-url", False),
    ],
)
def test_a_path_is_secret_where_one_of_its_names_is(path: str, secret: bool) -> None:
    assert is_secret_path(path) is secret


def test_a_weak_word_does_not_make_the_fields_below_it_secret() -> None:
    assert secrecy("auth") is Secrecy.WEAK
    assert secrecy("credentials") is Secrecy.STRONG


@pytest.mark.usefixtures("_named_by_airflow")
def test_names_can_be_added_in_any_spelling() -> None:
    assert not is_secret("customer-iban")
    set_more_names(["IBAN ", "", "tax-number"])
    assert is_secret("customer-iban")
    assert is_secret("TAX_NUMBER_OLD")
    set_more_names(())
    assert not is_secret("customer-iban")


@pytest.mark.parametrize(
    "name", ["APIkey", "APItoken", "SSHkey", "DBpass", "AIRFLOW__CORE__FERNET_KEY", "AWSsecretKey"]
)
def test_an_abbreviation_in_front_of_a_word_does_not_hide_it(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["AWSRegion", "HTTPServer", "IDs", "SQLtext", "URLs"])
def test_an_abbreviation_makes_no_secret_of_a_harmless_name(name: str) -> None:
    assert not is_secret(name)
