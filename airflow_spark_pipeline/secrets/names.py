"""Recognizes names of secrets: of a field, a Spark setting, an environment variable, or a part of a URL.

A name is split into words, so that ``clientSecret``, ``CLIENT_SECRET``, ``client-secret`` and ``client.secret`` are the
same name. The rules for words, each with examples:

* a strong word makes the name secret in any position: ``db-password``, ``secretValue``, ``aws.credentials``,
  ``tokens``;
* ``key`` makes it secret after a word such as ``access``, or alone: ``api-key``, ``tls.key``; not ``primary-key``;
* a weak word makes it secret only as the last word: ``db-pass``, ``proxy-auth``; not ``pass-through``, ``auth-type``;
* a last word that only describes the secret makes the name harmless: ``password-length``, ``token-url``,
  ``secret-name``.

Treating a harmless name as secret has a cost: such a field is left out of the fingerprint, so that an edit of it is not
noticed.
"""

from __future__ import annotations

import enum
import functools
import itertools
import re
from collections.abc import Iterable


class Secrecy(enum.IntEnum):
    """How secret the value of a name is."""

    NONE = 0
    #: A text is a secret; the fields of an object are judged by their names (``auth { type = basic, value = … }``).
    WEAK = 1
    #: Everything under the name is secret.
    STRONG = 2


_ABBREVIATION = re.compile(r"[A-Z]{2,}(?=[a-z])")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
# Also inside a word, for names without separators: dbpassword, apikey, mysecrets.
_STRONG = re.compile(
    r"secret(?!ar)|passw(?:or)?d|passwrd|passphrase|passcode|passkey|credential|jaas|keytab"
    r"|(?:access|account|api|app|auth|consumer|decryption|encryption|license|master|private|secret|shared|signing|storage)key"
    r"|^(?:access|api|auth|bearer|csrf|id|my|oauth|refresh|sas|session|xsrf)?tokens?$"
    r"|^(?:conn|connection)str(?:ing)?$|^cred(?:s)?$|^bearer$|^jwt$"
)
_WEAK = re.compile(
    r"^(?:basic|http|proxy|user)?auth$|^oauth$|^authori[sz]ation$|^cookies?$|^private$|^(?:t?otp|pat|pin|pincode)$"
    r"|^(?:dsn|sas|sig|webhook)$|^(?:admin|db|ftp|key|ldap|login|my|mysql|pg|proxy|root|smtp|ssh|store|user)?pass$"
    r"|^[a-z]{0,8}(?:pwd|pswd)$|^pw$|^pword$"
)
# Two words that belong together: connection-string, pass_word, pinCode.
_STRONG_PAIRS = (
    {("conn", "str"), ("conn", "string"), ("connection", "str"), ("connection", "string")}
    | {
        ("backup", "codes"),
        ("keyfile", "dict"),
        ("keyfile", "json"),
        ("recovery", "codes"),
        ("seed", "phrase"),
    }
    | {("pass", last) for last in ("code", "key", "phrase", "word", "wd")}
)
_BEFORE_KEY = {
    "access", "account", "aes", "api", "app", "application", "auth", "cipher", "consumer", "crypto", "decryption",
    "deploy", "encryption", "fernet", "gpg", "hmac", "host", "license", "master", "pgp", "private", "rsa", "sas",
    "secret", "service", "session", "shared", "signature", "signing", "ssh", "ssl", "storage", "subscription", "tls",
}  # fmt: skip
# The key of a table, a map or a message: spark.x.partition.key.
_HARMLESS_BEFORE_KEY = {
    "bucket", "business", "cache", "cluster", "dedup", "distribution", "event", "foreign", "group", "hash", "index",
    "join", "lookup", "map", "merge", "message", "natural", "order", "partition", "primary", "range", "record",
    "routing", "row", "shard", "sort", "surrogate", "unique",
}  # fmt: skip
# Tokens of a text, or a position in a listing: max-tokens, eos-token, next-page-token.
_HARMLESS_BEFORE_TOKEN = {
    "bos", "cancel", "cancellation", "cls", "completion", "continuation", "count", "end", "eos", "input", "mask",
    "max", "min", "next", "num", "number", "output", "pad", "page", "pagination", "per", "prompt", "sep",
    "separator", "special", "split", "start", "stop", "total", "unk",
}  # fmt: skip
# first-pass, low-pass, season-pass.
_HARMLESS_BEFORE_PASS = {
    "all", "allow", "band", "boarding", "by", "can", "did", "each", "final", "first", "full", "high", "last", "low",
    "max", "min", "multi", "must", "num", "one", "per", "second", "season", "should", "single", "third", "two",
    "will",
}  # fmt: skip
_DESCRIBES = {
    "age", "algorithm", "allowed", "arn", "attempts", "backend", "bucket", "budget", "callback", "class", "classes",
    "col", "cols", "column", "columns", "comment", "converter", "cost", "count", "counts", "day", "days",
    "delimiter", "description", "deserializer", "dir", "directory", "disabled", "enabled", "endpoint", "engine",
    "expiration", "expired", "expires", "expiry", "factory", "field", "fields", "file", "files", "format",
    "handler", "hint", "host", "hour", "hours", "index", "interval", "kind", "label", "len", "length", "lifetime",
    "limit", "limits", "location", "manager", "mechanism", "mechanisms", "method", "methods", "millis", "minute",
    "minutes", "mode", "ms", "name", "names", "optional", "path", "paths", "pattern", "percent", "policy", "port",
    "position", "prompt", "provider", "providers", "rate", "ratio", "regex", "request", "required", "reset",
    "retries", "retry", "rotation", "schema", "scope", "scopes", "second", "seconds", "separator", "serde",
    "serializer", "size", "state", "status", "strategy", "table", "tables", "threshold", "timeout", "title", "ttl",
    "type", "types", "uri", "url", "usage", "used", "version",
}  # fmt: skip
# These do not change the meaning of the word before them: password-2, token-prod, auth.value, secret_base64.
_NEUTRAL = {
    "b", "backup", "base", "content", "current", "data", "default", "dev", "encoded", "env", "header", "hex", "new",
    "old", "plain", "plaintext", "previous", "prod", "production", "raw", "secondary", "stage", "staging", "str",
    "string", "test", "text", "value", "values",
}  # fmt: skip
_URLS = {"uri", "url"}
# Kubernetes' names of a secret object or its mount path: they do not hold the secret.
_REFERENCES = re.compile(r"spark\.kubernetes\.(?:driver|executor)\.(?:secrets|secretKeyRef)\.", re.IGNORECASE)

_more: tuple[str, ...] = ()


def set_more_names(names: Iterable[str]) -> None:
    """Also treat names as secret that contain one of these: Airflow's ``[core] sensitive_var_conn_names``.

    :param names: names in any spelling; they replace those of an earlier call
    """
    global _more
    cleaned = sorted({re.sub(r"\W+", "_", name.strip()).lower() for name in names} - {"", "_"})
    if tuple(cleaned) != _more:
        _more = tuple(cleaned)
        secrecy.cache_clear()


def more_names() -> tuple[str, ...]:
    """Return the names that :func:`set_more_names` set."""
    return _more


def is_secret(key: str) -> bool:
    """Whether the value under ``key`` must be kept out of logs, records and displays.

    :param key: one key, or a dotted name such as ``spark.hadoop.fs.s3a.access.key``
    """
    return secrecy(key) is not Secrecy.NONE


def is_secret_path(path: str) -> bool:
    """Whether any name on a path makes its value secret, as in ``a.credentials.user``.

    :param path: HOCON path, as :func:`~airflow_spark_pipeline.pipeline.spec.join_path` writes it
    """
    return is_secret(path) or any(is_secret(name) for name in re.findall(r'"(?:\\.|[^"\\])*"|[^."\[\]]+', path))


@functools.lru_cache(maxsize=4096)  # the same few names are checked again and again
def secrecy(key: str) -> Secrecy:
    """Return how secret the value under ``key`` is.

    :param key: one key, or a dotted name such as ``spark.hadoop.fs.s3a.access.key``
    """
    split = _ABBREVIATION.sub(r"\g<0>-", key)  # APIkey may be AP-Ikey, and API-key
    return _judged(key) if split == key else max(_judged(key), _judged(split))


def _judged(key: str) -> Secrecy:
    if _more and any(name in re.sub(r"\W+", "_", key).lower() for name in _more):
        return Secrecy.STRONG
    if _REFERENCES.match(key):
        return Secrecy.NONE
    words = [word.lower() for word in _WORDS.findall(key)]
    if any(pair in _STRONG_PAIRS for pair in itertools.pairwise(words)):
        return Secrecy.STRONG
    while len(words) > 1 and (words[-1] in _NEUTRAL or words[-1].isdigit()):
        words.pop()
    if not words:
        return Secrecy.NONE
    if words[-1] in _DESCRIBES:
        # The URL of a webhook, or one with a shared access signature, is secret; the URL of a token's issuer is not.
        return Secrecy.WEAK if words[-1] in _URLS and words[-2:-1] in (["webhook"], ["sas"]) else Secrecy.NONE
    if any(_is_strong(words, index) for index in range(len(words))) or _is_bare_key(key, words):
        return Secrecy.STRONG
    return Secrecy.WEAK if _is_weak(words) else Secrecy.NONE


def _is_strong(words: list[str], index: int) -> bool:
    word, before = words[index], words[:index]
    if word in ("token", "tokens"):
        counted = {"max", "min", "num", "number", "total"} & set(before)
        return not counted and not (before and before[-1] in _HARMLESS_BEFORE_TOKEN)
    if word in ("key", "keys"):
        return bool(before) and before[-1] in _BEFORE_KEY
    # In Hadoop the account follows after the signature: fs.azure.sas.container.account.blob.core.windows.net
    return _STRONG.search(word) is not None or (word == "sas" and before[-1:] == ["azure"])


def _is_weak(words: list[str]) -> bool:
    if words[-2:] == ["user", "info"]:  # basic.auth.user.info is user:password
        return "auth" in words
    if words[-2:] == ["pin", "code"]:
        return True
    if words[-1] == "pass" and words[-2:-1] and words[-2] in _HARMLESS_BEFORE_PASS:
        return False
    return _WEAK.search(words[-1]) is not None


def _is_bare_key(key: str, words: list[str]) -> bool:
    if words == ["key"]:
        return not re.search(r"(?i)value", key)  # a key-value store
    last = key.replace('"', "").rpartition(".")[2].lower()
    return last == "key" and words[-1] == "key" and words[-2] not in _HARMLESS_BEFORE_KEY
