r"""Finds a known secret in a text, in all its usual encodings.

For each secret: as it is; escaped by Python's ``repr`` or JSON; percent-encoded, ``+`` for a space included; escaped
for XML and HTML; in base64, in either alphabet, also as a part of the encoded text (``user:secret``); in hexadecimal.
If a text was wrapped into lines (as by MIME and in some JVM messages), the secret is found across the line break.

First a fast substring search looks for a part of the secret: a line without any secret costs a few microseconds,
however many secrets there are.
"""

from __future__ import annotations

import base64
import functools
import html
import html.entities
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from airflow_spark_pipeline.secrets.values import Span

_SHORTEST_ENCODED = 6  # bytes; a shorter one leaves too few base64 characters to distinguish it from other text
_SHORTEST_BROKEN = 8  # characters; a shorter one would match unrelated words at the ends of lines
# From the first space of a run only: from each of them, a line of many spaces would take their number squared.
_LINE_BREAK = re.compile(r"(?:(?<![ \t])[ \t]+)?(?:\\r)?(?:\r?\n|\\n)[ \t]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]")
_SPACES = {
    " ": (r"\+",),
    "\n": (r"\\{1,4}n", r"\s"),
    "\t": (r"\\{1,4}t", r"\s"),
    "\r": (r"\\{1,4}r",),
}
_NAMED = {chr(code): name for code, name in html.entities.codepoint2name.items()} | {"'": "apos"}


class Spelled:
    """One secret, prepared for searching.

    :param secret: text of the secret
    """

    def __init__(self, secret: str) -> None:
        self.secret = secret
        runs = re.findall(r"[A-Za-z0-9]+", secret)
        #: Characters that are never escaped: a text without them does not contain the secret.
        self._anchor = max(runs, key=len, default="")
        data = secret.encode("utf-8", "surrogatepass")
        self._encoded = tuple(_encoded(data)) if len(data) >= _SHORTEST_ENCODED else ()

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("".join(map(_spellings_of, self.secret)))

    def find(self, text: str) -> Iterator[Span]:
        """Yield the spans of the text that contain the secret."""
        if self._anchor in text:
            yield from (match.span() for match in self._pattern.finditer(text))
        for part in self._encoded:
            start = text.find(part)
            while start >= 0:
                yield (end := _around(text, start, start + len(part)))
                start = text.find(part, end[1])


def find_all(secrets: Iterable[Spelled], text: str) -> list[Span]:
    """Return the spans of a text that contain any of the secrets; spans may overlap."""
    secrets = list(secrets)
    found = [span for secret in secrets for span in secret.find(text)]
    if "\n" in text or "\\n" in text:
        joined, places = _joined(text)
        long = (secret for secret in secrets if len(secret.secret) >= _SHORTEST_BROKEN)
        for start, end in (span for secret in long for span in secret.find(joined)):
            found.append((places[start], places[end - 1] + 1))
    return found


def spellings(secret: str) -> list[str]:
    """Return the usual complete spellings of the secret, for tools that can only search for fixed texts."""
    data = secret.encode("utf-8", "surrogatepass")
    standard = base64.b64encode(data).decode()
    encoded = {standard, standard.rstrip("="), base64.urlsafe_b64encode(data).decode()}
    found = {
        secret,
        repr(secret)[1:-1],
        _json(secret, ascii_only=True),
        _json(secret, ascii_only=False),
        html.escape(secret),
        *(encoded if len(data) >= _SHORTEST_ENCODED else ()),
    }
    for quoted in (quote(data), quote(data, safe=""), quote_plus(data)):
        found |= {quoted, re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)}
    return sorted(found)


def _json(text: str, *, ascii_only: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


@functools.lru_cache(maxsize=1024)
def _spellings_of(character: str) -> str:
    r"""Return a pattern for one character: a quote is ``"``, ``\"``, ``%22``, ``&quot;``, ``&#34;``, ``\u0022``, …"""
    if character.isascii() and character.isalnum():
        return character
    code = ord(character)
    data = character.encode("utf-8", "surrogatepass")
    units = character.encode("utf-16-be", "surrogatepass")
    pairs = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    ways = [
        rf"\\{{0,4}}{re.escape(character)}",
        "".join(rf"%(?:25)*(?i:{byte:02x})" for byte in data),
        "".join(rf"\\{{1,4}}x(?i:{byte:02x})" for byte in data),
        "".join(rf"\\{{1,4}}u(?i:{pair})" for pair in pairs),
        rf"&(?:amp;)?#(?:0*{code}|[xX]0*(?i:{code:x}));",
        *([rf"&(?:amp;)?{_NAMED[character]};"] if character in _NAMED else []),
        *([rf"\\{{1,4}}x(?i:{code:02x})"] if 0x7F < code < 0x100 else []),  # noqa: PLR2004  # repr of Latin-1
        *([rf"\\{{1,4}}U(?i:{code:08x})"] if code > 0xFFFF else []),  # noqa: PLR2004  # and beyond the first plane
        *([rf"\\{{1,4}}x{code - 0xDC00:02x}"] if 0xDC80 <= code < 0xDD00 else []),  # noqa: PLR2004  # a byte, not UTF-8
        *_SPACES.get(character, ()),
    ]
    return f"(?:{'|'.join(ways)})"


def _encoded(data: bytes) -> Iterator[str]:
    """Yield the bytes in base64, for every position in the encoded text, and in hexadecimal."""
    seen = set()
    for before in range(3):  # base64 encodes three bytes at a time
        text = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        first = -(-before * 8 // 6)  # the first character without bits of the text before
        last = (before + len(data)) * 8 // 6  # the first character with bits of the text after
        seen |= {text[first:last], text[first:last].translate(str.maketrans("+/", "-_"))}
    yield from sorted(seen)
    yield data.hex()
    yield data.hex().upper()


def _around(text: str, start: int, end: int) -> Span:
    """Return the span extended to the whole encoded text around it, whose ends hold parts of the secret, too."""
    while start > 0 and _BASE64.match(text, start - 1):
        start -= 1
    while end < len(text) and _BASE64.match(text, end):
        end += 1
    return start, end


def _joined(text: str) -> tuple[str, list[int]]:
    """Return the text without its line breaks, and the original position of each character."""
    pieces, places, last = [], list[int](), 0
    for match in _LINE_BREAK.finditer(text):
        pieces.append(text[last : match.start()])
        places.extend(range(last, match.start()))
        last = match.end()
    pieces.append(text[last:])
    places.extend(range(last, len(text)))
    return "".join(pieces), places
