"""Which keys of a config hold a secret, decided by their names alone.

It promises that one rule serves the fingerprint, the display and the error texts. It does not look at values: a
password under a key with another name, or inside a URL, is not recognised. A key that is taken for a secret and is
none costs something, too: it is left out of the fingerprint, so that an edit of it goes unnoticed.

``secret``, ``password``, ``passwd``, ``passphrase`` and ``credential`` count wherever they stand in a name. ``token``
counts as a word of its own, so that ``max-tokens`` and ``tokenizer-path`` do not. ``key`` counts alone, and after a
word such as ``access``, ``api``, ``encryption`` or ``signing``, so that ``primary-key`` and ``key-columns`` do not.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

MASK = "***"

_SECRET = re.compile(
    r"secret|password|passwd|passphrase|credential"
    r"|(private|access|api|account|shared|storage|master|signing|signature|encryption|decryption)-?key(?!s?-?column)"
    r"|(?<![a-z])(access|api|auth|bearer|refresh|session)?token(?![a-z])"
    r"|(?<![a-z])(aes|cipher|hmac|rsa|ssh|ssl|tls)-key(?![a-z])"
)
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)@")
_CONNECT_PARAMETERS = re.compile(r"(?<=sc://)[^\s;]*(?:;[^\s;]*)+")  # sc://host/;token=…
_PARAMETER = re.compile(r";([^=;\s]+)=[^;\s]*")
_BARE_KEY = re.compile(r"(?:^|\.)key(?=$|[.\[])")
_HARMLESS_KEY = re.compile(
    r"(?:^|[.-])(business|cluster|foreign|group|join|lookup|merge|natural|order|partition|primary|sort|surrogate|unique)"
    r"\.key(?=$|[.\[])"
)


@functools.lru_cache(maxsize=4096)  # the same few names are asked for again and again
def is_secret(key: str) -> bool:
    """Say whether the value under ``key`` must be kept out of logs, records and displays.

    :param key: one key, or a dotted path such as ``spark.hadoop.fs.s3a.access.key``
    """
    # clientSecret, CLIENT_SECRET and client-secret are one name in three spellings.
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\s]+", "-", key).lower().replace('"', "")
    # Hadoop separates with dots what HOCON separates with dashes: fs.s3a.access.key is an access key, too.
    if _SECRET.search(name) or _SECRET.search(name.replace(".", "-")):
        return True
    return _BARE_KEY.search(name) is not None and _HARMLESS_KEY.search(name) is None


def mask(config: Any) -> Any:
    """Return a copy of ``config`` in which every value under a secret key, and every password in a URL, reads ``***``.

    :param config: plain JSON: mappings, sequences and scalars, nested to any depth
    """
    if isinstance(config, Mapping):
        return {key: MASK if is_secret(str(key)) else mask(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [mask(value) for value in config]
    return mask_urls(config) if isinstance(config, str) else config


def mask_urls(text: str) -> str:
    """Return the text with the password of every URL in it masked: ``jdbc://me:***@host``, ``sc://host/;token=***``."""
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    return _CONNECT_PARAMETERS.sub(lambda found: _PARAMETER.sub(_mask_parameter, found[0]), text)


def _mask_parameter(found: re.Match[str]) -> str:
    return f";{found[1]}={MASK}" if is_secret(found[1]) else found[0]
