"""What a component says that it wrote: checked in the component's own call, so that its traceback names the line.

Guarantees: what is accepted can be recorded as JSON, and Airflow can name an asset by it. Credentials in a URI are
dropped, and ``s3a`` and ``s3n``, which only Hadoop knows, become ``s3``: other tools must find the same asset.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

_LONGEST_URI = 1_500  # characters, as in Airflow
_LONGEST_FACTS = 4_000  # characters of JSON: they become part of each later commit
_RESERVED = "spark_pipeline"  # fact that the operator adds


def asset_uri(uri: str) -> str:
    """Return the form of a URI by which an asset is named.

    Example: ``s3a://key:secret@lake/übersicht`` is ``s3://lake/%C3%BCbersicht``.

    :raises TypeError: it is not text
    :raises ValueError: Airflow does not accept it
    """
    if not isinstance(uri, str):
        raise TypeError(f"the URI of what was written is text, not {type(uri).__name__}")
    parts = urlsplit(uri.strip())
    # A path alone names different files on different machines.
    if not parts.scheme or not (parts.netloc or parts.path.strip("/")):
        raise ValueError(f"{uri!r} is not a URI; give its scheme, such as s3://bucket/orders or file:///data/orders")
    if parts.scheme == "airflow":
        raise ValueError(f"{uri!r}: Airflow reserves the scheme 'airflow'")
    user, at, host = parts.netloc.rpartition("@")
    if ":" in user:  # otherwise it is part of the address, as in abfss://container@account
        user, at = "", ""
    scheme = "s3" if parts.scheme in ("s3a", "s3n") else parts.scheme
    named = quote(urlunsplit(parts._replace(scheme=scheme, netloc=f"{user}{at}{host}")), safe=string.punctuation)
    if len(named) > _LONGEST_URI:
        raise ValueError(f"the URI has {len(named):,} characters; {_LONGEST_URI:,} are the most: {named[:60]}…")
    return named


def check_facts(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a copy of what is said about a data set.

    :raises TypeError: a fact cannot be written as JSON
    :raises ValueError: there is too much, or a name is taken
    """
    if _RESERVED in facts:
        raise ValueError(f"the fact {_RESERVED!r} is the operator's own; choose another name")
    try:
        text = json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError) as error:
        name = next((name for name in facts if not _is_json(facts[name])), "?")
        raise TypeError(f"the fact {name!r} cannot be written as JSON: {error}") from None
    if len(text) > _LONGEST_FACTS:
        raise ValueError(f"the facts have {len(text):,} characters as JSON; {_LONGEST_FACTS:,} are the most")
    checked: Mapping[str, Any] = json.loads(text)  # a copy: a list may change after the call
    return checked


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
