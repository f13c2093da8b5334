"""Masks the secrets in configs and texts: one rule for everything that is shown, recorded or compared.

A *config* is plain JSON: mappings, sequences and scalars, nested to any depth. The names of its fields (`names`) and
the form of its texts (`values`) determine what is secret. An empty text, a boolean and ``null`` are never secrets, and
neither is a path under ``keytab``.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_spark_pipeline.secrets import values
from airflow_spark_pipeline.secrets.names import Secrecy, secrecy
from airflow_spark_pipeline.secrets.references import REFERENCE, has_reference
from airflow_spark_pipeline.secrets.spellings import Spelled, find_all
from airflow_spark_pipeline.secrets.values import merged

MASK = "***"

_SHORTEST = 3  # masking a shorter value would make a text unreadable and hide nothing
_SHORTEST_IN_ENVIRONMENT = 6  # "true" and "1" occur there under all kinds of names
_SHORTEST_LINE = 16  # line of a private key, which may be printed line by line
_DIRECTORIES = {"PWD", "OLDPWD"}  # variables of the shell, in every environment
_SWITCHES = {"", "true", "false", "yes", "no", "on", "off", "null", "none"}
# Choices that people make under a weak name: auth = kerberos.
_CHOICES = {
    "anonymous", "apikey", "aws", "azure", "basic", "bearer", "default", "digest", "disabled", "enabled", "gcp",
    "gssapi", "iam", "jwt", "kerberos", "key", "ldap", "mtls", "negotiate", "ntlm", "oauth", "oauth2", "optional",
    "password", "plain", "required", "saml", "sasl", "scram", "simple", "spnego", "ssl", "tls", "token", "x509",
}  # fmt: skip
_PATH = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?[/.~][^\s]*|[^\s/]+\.(?:keytab|kt)", re.IGNORECASE)
_PAIR = re.compile(r"[^\s:/]{1,64}:(.{3,})")

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar value of a config, or an empty object or list.

    :param secret: whether the names on the path make the value a secret
    """

    path: Path
    value: Any
    secret: bool


def leaves(config: Any, path: Path = (), *, name: str = "", known: Secrecy = Secrecy.NONE) -> Iterator[Leaf]:
    """Yield every leaf of a config with its path.

    :param name: name of the config, with the relevant names above it
    :param known: secrecy according to these names
    """
    if isinstance(config, Mapping) and config:
        for key, value in config.items():
            inner, secret = _below(str(key), name, known)
            yield from leaves(value, (*path, str(key)), name=inner, known=secret)
    elif isinstance(config, Sequence) and not isinstance(config, str) and config:
        for index, value in enumerate(config):
            yield from leaves(value, (*path, index), name=name, known=known)
    else:
        yield Leaf(path, config, known is not Secrecy.NONE and not _is_harmless(name, config, known))


def is_hidden(name: str, value: Any) -> bool:
    """Whether a value must not be shown, because of its name or its form."""
    return any(leaf.secret or mask(leaf.value) != leaf.value for leaf in leaves({name: value}))


def mask(config: Any, *, name: str = "", known: Secrecy = Secrecy.NONE) -> Any:
    """Return a copy of ``config`` in which every secret reads ``***``."""
    if known is Secrecy.STRONG and not _is_harmless(name, config, known):
        return _covered(config)
    if isinstance(config, Mapping):
        below = {key: _below(str(key), name, known) for key in config}
        return {key: mask(value, name=below[key][0], known=below[key][1]) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [mask(value, name=name, known=known) for value in config]
    if known is Secrecy.WEAK and not _is_harmless(name, config, known):
        return _covered(config)
    return _replaced(config, values.find(config, whole=True)) if isinstance(config, str) else config


def compared(leaf: Leaf) -> Any:
    """Return the part of a leaf that is compared between descriptions: never a secret, but a reference to one.

    :raises LookupError: the leaf has no such part
    """
    if not leaf.secret:
        return mask(leaf.value)
    if not has_reference(leaf.value):
        raise LookupError
    return _covered(leaf.value)


def mask_text(text: str) -> str:
    """Return a text, such as a log line, with secrets masked by their form: ``jdbc://me:***@host``."""
    return _replaced(text, values.find(text))


def secrets_in(*configs: Any) -> set[str]:
    """Return the secrets in configs, each in the forms that may appear alone; short ones are left out."""
    found = set[str]()
    for config in configs:
        with contextlib.suppress(RecursionError):  # it contains itself
            for leaf in leaves(config):
                found.update(_secrets_of(leaf))
    return {secret for secret in found if len(secret.strip()) >= _SHORTEST}


def secrets_of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that hold a secret, as a config for a `Redactor`."""
    return {
        name: value
        for name, value in environment.items()
        if name not in _DIRECTORIES and len(value) >= _SHORTEST_IN_ENVIRONMENT and is_hidden(name, value)
    }


class Redactor:
    """Masks the secrets of configs in any text and encoding, and secrets that are recognized by their form.

    :param configs: configs whose secrets are to be masked
    """

    def __init__(self, *configs: Any) -> None:
        self._secrets = [Spelled(secret) for secret in sorted(secrets_in(*configs), key=len, reverse=True)]

    @property
    def secrets(self) -> list[str]:
        """The secrets that are masked, longest first."""
        return [spelled.secret for spelled in self._secrets]

    def mask(self, text: str) -> str:
        """Return the text with every secret replaced by ``***``."""
        return _replaced(text, merged([*find_all(self._secrets, text), *values.find(text)]))

    def mask_known(self, text: str) -> str:
        """Return the text with the secrets of the configs replaced by ``***``, and no others."""
        return _replaced(text, merged(find_all(self._secrets, text)))

    def mask_config(self, config: Any) -> Any:
        """Return a copy of a config with every secret masked, under any key."""
        return self._texts_masked(mask(config))

    def _texts_masked(self, config: Any) -> Any:
        if isinstance(config, Mapping):
            return {key: self._texts_masked(value) for key, value in config.items()}
        if isinstance(config, (list, tuple)):
            return [self._texts_masked(value) for value in config]
        return self.mask(config) if isinstance(config, str) else config


def _below(key: str, name: str, known: Secrecy) -> tuple[str, Secrecy]:
    """Return the full name of a field, and the secrecy that follows from it.

    A field below a weak name is judged with that name: ``auth { value = … }`` is ``auth-value``, which is secret, and
    ``auth { type = basic }`` is ``auth-type``, which is not.
    """
    if known is Secrecy.STRONG:
        return name, known
    joined = f"{name}-{key}" if known is Secrecy.WEAK else key
    return joined, secrecy(joined)


def _is_harmless(name: str, value: Any, known: Secrecy) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if not isinstance(value, str):
        return False
    word = REFERENCE.sub("", value).strip().lower()
    if word in _SWITCHES or (known is Secrecy.WEAK and word in _CHOICES):
        return True
    # In Spark and Hadoop this is the path of a keytab; in Airflow's Spark connection it is the content.
    return "keytab" in name.lower() and _PATH.fullmatch(value) is not None


def _secrets_of(leaf: Leaf) -> Iterator[str]:
    if isinstance(leaf.value, str):
        text = leaf.value.strip()
        yield from (line for secret in values.inside(text) for line in _with_lines(secret))
        if text[:1] in "{[" and text[-1:] in "}]":
            yield from _secrets_of_json(text)
    if not leaf.secret:
        return
    text = str(leaf.value)
    yield from _with_lines(text)
    yield text.strip()
    if (pair := _PAIR.fullmatch(text)) is not None and "://" not in text:  # user:password
        yield pair[1]


def _secrets_of_json(text: str) -> Iterator[str]:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        return
    for leaf in leaves(config):
        yield from _secrets_of(leaf)


def _with_lines(secret: str) -> Iterator[str]:
    yield secret
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith("-----"))


def _covered(config: Any) -> str:
    """Return the visible part of a secret: only the references in its text."""
    if not has_reference(config):
        return MASK
    return _replaced(config, list(values.without((0, len(config)), [m.span() for m in REFERENCE.finditer(config)])))


def _replaced(text: str, spans: list[values.Span]) -> str:
    if not spans:
        return text
    pieces, last = [], 0
    for start, end in spans:
        pieces += [text[last:start], MASK]
        last = end
    return "".join([*pieces, text[last:]])
