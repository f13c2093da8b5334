"""Finds secrets in a text with a harmless name: a password in a URL, a token in a header, a key in a PEM block.

Recognized, each with an example next to its rule: user and password of a URL; parameters with a secret name in URLs,
connection strings and settings; JSON and Python dictionaries as text; Oracle's ``user/password@``; ``Authorization``
headers; tokens with a published form; private keys. Not recognized: a password in prose, and any secret without a
recognizable form.

A text is *whole* if it is the value of a field: then a parameter ends at its separator, and may contain spaces. In the
middle of a log line or an error text it also ends at white space.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import functools
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from airflow_spark_pipeline.secrets.names import is_secret
from airflow_spark_pipeline.secrets.references import REFERENCE

Span = tuple[int, int]

# ---- what its form gives away

# What a form may begin with is bounded: if every place of a long text began a search to its end, it would take hours.

_TOKENS = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)"
    r"|\beyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*"  # a JSON web token
    r"|\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b(?:[\s:,;/=\"']{1,4}[A-Za-z0-9/+=]{40}(?![A-Za-z0-9/+=]))?"  # AWS
    r"|\bgh[opsur]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{20,}|\bgl(?:pat|dt|rt|cbt)-[\w-]{16,}"  # GitHub, GitLab
    r"|\bxox[a-z]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}"  # Slack
    r"|\bdapi(?=[a-zA-Z0-9]*\d)[a-zA-Z0-9]{12,}(?:-\d+)?|\bdose[0-9a-f]{32}"  # Databricks
    r"|\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|\bsk-(?=[\w-]{0,100}\d)[\w-]{20,}"  # Stripe, OpenAI, Anthropic
    r"|\bAIza[\w-]{35}|\bya29\.[\w-]{16,}|\bGOCSPX-[\w-]{16,}"  # Google
    r"|\bhv[sbr]\.[\w-]{16,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[\w-]{30,}|\bhf_[A-Za-z0-9]{20,}|\bdop_v1_[0-9a-f]{32,}"
    r"|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bAGE-SECRET-KEY-1[A-Z0-9]{20,}"  # SendGrid, age
    r"|(?<=hooks\.slack\.com/services/)[\w/-]+|(?<=/api/webhooks/)\d+/[\w-]+"
    r"|(?<=webhook\.office\.com/)[\w/@-]+"  # the address is the secret
    r"|\bBQI[A-Za-z0-9+/]{40,}={0,2}"  # a keytab in base64
)
# `Authorization: Bearer …`; without the header's name, a word that has only letters counts as prose.
_AUTHORIZATION = re.compile(
    r"(?i:\bauthorization\b[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token|digest|negotiate|apikey)\s+"
    r"|[a-z]+(?:-[a-z]+)*[ \t]+(?=[^\s\"',;]*[\d*]))?)([^\s\"',;]{3,})"  # also a scheme that is not known here
    r"|(?i:\b(?:bearer|negotiate)\s+)((?=[^\s\"',;]*[\d._~+/=-])[\w.~+/=-]{8,})"
)
_HEADER = re.compile(
    r"(?i:(?<![\w.-])(?:x-|dd-)?(?:api-key|apikey|auth-token|vault-token|amz-security-token|private-token)"
    r"[\"']?\s*:\s*[\"']?)([^\s\"',]{3,})"
)
# All of them: the cookies "theme" and "session" of `Cookie: theme=dark; session=…`.
_COOKIE = re.compile(r"(?i:(?<![\w.-])(?:set-)?cookie[\"']?\s*:\s*[\"']?)([^\s\"',;]{3,}(?:;\s*[^\s\"',;]+)*)")
_BASIC = re.compile(r"(?i:\bbasic\s+)([A-Za-z0-9+/_-]{6,}={0,2})")
# 40 characters are a secret only after such a name: aws_secret_access_key = wJalr…
_AWS_SECRET = re.compile(
    r"(?i:\b(?:aws|secret)[\w.-]{0,100})[\"']?\s*[:=]\s*[\"']?([A-Za-z0-9/+=]{40})(?![A-Za-z0-9/+=])"
)

_AWS_PAIR = re.compile(r"[A-Z0-9]{20}[^A-Za-z0-9]{1,4}(.{40})")

# ---- URLs

# The password ends at the last @ before a host or the end: it may contain /, @ and :.
_USER_INFO = re.compile(r"(?<=://)([^\s/:@?#\"'<>;]*):([^\s\"'<>]+)")
_HOST_FOLLOWS = re.compile(r"@(?=(?:(?:\[[\w:.%]+\]|[\w.%-]+)(?::\d|[/?#,;:)\]}\\]|$))|[/?#]|$)")
_PORT = re.compile(r"\d{1,5}(?=[/?#;,]|$)")
# jdbc:oracle:thin:scott/tiger@//host:1521/service, also with a quoted password
_ORACLE = re.compile(r"(?i:\boracle:(?:thin|oci\d?|kprb)):[^\s/@\"]+/(?:\"([^\"]+)\"|(\S+))@(?=/{0,2}[\w\[(.-])")

# ---- names with a value

# ?name=v&name=v of a query, ;name=v of SQL Server and Spark Connect, ,name=v of Teradata, (name=v) of MySQL,
# :name=v of DB2. The end of such a parameter depends on its beginning.
_PARAMETER = re.compile(
    r"([?&;,(\s\"']|[:/](?=\S)|^)\s?(?:-D|--)?"  # the text before: -Dname=v is a Java property
    r"([A-Za-z][\w.\- ]{0,60}?)(\s?=\s?)"
    r"(\{(?:[^}]|\}\}){0,1000}\}|\"[^\"]*\"|'[^']*'|)"  # a value in braces or quotes ends with them
)
_ENDS = {"?": "&", "&": "&", ";": ";", ":": ";", ",": ",;)", "(": ")", "/": ",;&"}
_ALONE = {"auth", "key", "pass", "pat", "pin", "private", "sig"}  # also words of prose and SQL
_COLUMNS = _ALONE - {"auth", "pass"}  # more often a column than a secret, if compared with a text
_COLUMN = re.compile(r"[A-Za-z_]\w*\.\w+(?=[\s,;)]|$)")
# "password": "…" in JSON, 'password': '…' in a Python dictionary; the closing quote is the opening one.
_ELEMENT = re.compile(r"<(?P<name>[A-Za-z][\w.-]{0,60})>([^<>]+)</\1>")  # <password>…</password>
_FLAG = re.compile(
    r"(?<![\w-])--(?P<name>[A-Za-z][\w.-]{2,60})[\"']?[\s,]\s*[\"']?([^\s\"'-][^\s\"']*)"
)  # --password …
_SQL = re.compile(r"(?i:\b(?:identified\s+by|password)\s+)(?:'([^']+)'|\"([^\"]+)\")")  # IDENTIFIED BY '…'
# ?odbc_connect=DRIVER%3D…%3BPWD%3D…: a whole connection string as the value of a parameter, percent-encoded
_ENCODED = re.compile(
    r"(?:(?<![\w%])|(?<=%3[bB])|(?<=%3[fF])|(?<=%26))(?P<name>[A-Za-z][\w.-]{0,60})%3[dD]"
    r"((?:(?!%3[bB]|%26)[^\s\"'&])+)"
)
# curl -u user:password
_CURL = re.compile(r"\bcurl\b(?:(?!\bcurl\b)[^\n])*?\s(?:-u|--user)[\s=]*[\"']?[^\s:\"']+:([^\s\"']+)")
_ENTRY = re.compile(  # also in a JSON text inside of another one: {\"password\": \"…\"}
    r"(\\{0,7}[\"'])(?P<name>[A-Za-z][\w.-]{0,60})\1\s*:\s*(\\{0,7}[\"'])((?:(?!\3)(?:\\.|[^\\]))*)\3", re.DOTALL
)


# A text that must occur before a form is searched for, and the form: its last group is the secret.
_FORMS = (
    ("</", _ELEMENT),
    ("%3d", _ENCODED),
    ("curl", _CURL),
    ("--", _FLAG),
    ("oracle:", _ORACLE),
    ("password", _SQL),
    ("identified", _SQL),
    ("key", _HEADER),
    ("token", _HEADER),
    ("cookie", _COOKIE),
    ("authorization", _AUTHORIZATION),
    ("bearer", _AUTHORIZATION),
    ("negotiate", _AUTHORIZATION),
    ("aws", _AWS_SECRET),
    ("secret", _AWS_SECRET),
)


def find(text: str, *, whole: bool = False) -> list[Span]:
    """Return the spans of secrets in a text, sorted and without overlaps. A reference to a secret is not a secret.

    :param whole: whether the text is the whole value of a field, see the module's docstring
    """
    references = [match.span() for match in REFERENCE.finditer(text)] if "${" in text else []
    if not references:
        return _find(text, whole=whole)
    # Replaced by plain characters: otherwise their punctuation could be taken for the end of a value.
    plain = REFERENCE.sub(lambda match: "0" * len(match[0]), text)
    return [part for span in _find(plain, whole=whole) for part in without(span, references)]


def without(span: Span, holes: list[Span]) -> Iterator[Span]:
    """Yield the parts of a span that are outside the holes, which are sorted."""
    start, end = span
    for first, last in holes:
        if first < end and last > start:
            if first > start:
                yield start, first
            start = last
    if start < end:
        yield start, end


def _find(text: str, *, whole: bool) -> list[Span]:
    found = [match.span() for match in _TOKENS.finditer(text)]
    if "://" in text:
        found += _user_info(text)
    if "=" in text:
        found += _parameters(text, whole)
    if ":" in text:
        found += _entries(text)
    lowered = text.lower()
    for form in {form for needle, form in _FORMS if needle in lowered}:
        found += [match.span(match.lastindex or 0) for match in form.finditer(text) if _is_named(match)]
    if "basic" in lowered:
        found += [match.span(1) for match in _BASIC.finditer(text) if _after_colon(match[1])]
    return merged([(start, end) for start, end in found if any(map(str.isalnum, text[start:end]))])


def _entries(text: str) -> Iterator[Span]:
    """Yield the values with a secret name in JSON, also of a JSON text that is a value of another one."""
    position = 0
    while (match := _ENTRY.search(text, position)) is not None:
        is_named = _is_named(match)
        if is_named:
            yield match.span(4)
        position = match.end() if is_named else match.start(4)


def _is_named(match: re.Match[str]) -> bool:
    name = match.groupdict().get("name")
    return name is None or is_secret(name)


def merged(spans: list[Span]) -> list[Span]:
    """Return the spans sorted, with overlapping ones merged."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start < result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        elif end > start:
            result.append((start, end))
    return result


def inside(text: str) -> Iterator[str]:
    """Yield the secrets in a whole text, each in the forms that may appear alone."""
    for start, end in find(text, whole=True):
        part = text[start:end]
        yield part
        if part[0] == "{" and part[-1] == "}":
            yield part[1:-1].replace("}}", "}")
        # The separator may or may not be part of the password: both forms are masked.
        yield from (part[: mark.start()] for mark in re.finditer(r"[@&;,)?#]", part))
        yield unquote_plus(part)
        yield part.replace("\\n", "\n")
        yield part.strip("\"'")
        yield from _after_colon(part)
        yield from (match[1] for match in [_AWS_PAIR.fullmatch(part)] if match)


def _user_info(text: str) -> list[Span]:
    found = []
    for match in _USER_INFO.finditer(text):
        rest = match[2]
        marks = [mark.start() for mark in _HOST_FOLLOWS.finditer(rest)]
        # An @ in a query does not end a password: ?contact=a@b.c
        query = re.search(r"[?&;]\w[\w.-]*=", rest)
        marks = [mark for mark in marks if query is None or mark < query.start()] or marks[:1]
        port = _PORT.match(rest)
        if marks and not (port is not None and port.end() < marks[0]):
            start = match.start(2)
            found.append((start, start + marks[-1]))
    return found


def _parameters(text: str, whole: bool) -> list[Span]:
    found, position, is_jdbc = [], 0, "jdbc:" in text
    while (match := _PARAMETER.search(text, position)) is not None:
        mark, name, quoted = match[1].strip(), match[2], match[4]
        if not mark:  # the words before it are prose: the quick brown password=…
            name = name.rpartition(" ")[2]
        position = max(match.end() - len(quoted), match.start() + 1)  # the next one may begin inside this value
        if mark in ("/", ":") and not is_jdbc:  # /data/token=abc is a partition
            continue
        # The signature of a signed URL grants access.
        secret = is_secret(name.replace(" ", "-")) or name.lower().endswith("signature")
        if not secret or _compares(text, match, mark, name):
            continue
        if len(quoted) > 1 and quoted[0] in "\"'":
            found.append((match.start(4) + 1, match.end(4) - 1))
            position = match.end()
        else:
            end = match.end() if quoted else _end(text, match.end(), mark, whole)
            found.append((match.start(4), end))
            position = max(end, match.end())
    return found


def _compares(text: str, match: re.Match[str], mark: str, name: str) -> bool:
    """Whether this is a SQL comparison and not a parameter: ``a.key = b.key``, ``pass = 1``, ``key = 'europe'``."""
    if mark not in ("", ",", "(", '"', "'"):
        return False
    column = name.lower().rpartition(" ")[2]  # and pin = 'x'
    if quoted := match[4]:
        return quoted[0] == "'" and match[3] != "=" and column in _COLUMNS
    if column in _ALONE:
        return True
    if match[3] == "=":
        return False
    start = match.end()
    same = text[start : start + len(name)].lower() == name.lower()  # where password = password
    return same or _COLUMN.match(text, start) is not None


def _end(text: str, start: int, mark: str, whole: bool) -> int:
    # Without a separator before it, this may be the first pair of Key=value;Key=value.
    ends = _ENDS.get(mark, ";" if whole and ";" in text else "")
    found = _end_pattern(ends, spaces=not (whole and ends)).search(text, start)
    return len(text) if found is None else found.start()


@functools.lru_cache
def _end_pattern(marks: str, *, spaces: bool) -> re.Pattern[str]:
    # A separator without a further parameter after it may be part of the value.
    soft = re.escape(marks.replace(")", ""))
    follows = rf"(?=[{soft}]|\s*[A-Za-z][\w.\- ]{{0,60}}=|\s*$|[)\s\"'])"
    ends = [f"[{soft}]{follows}"] if soft else []
    ends += [r"\)"] if ")" in marks else []
    ends += [r"[\s\"']"] if spaces else []
    return re.compile("|".join(ends))


def _after_colon(text: str) -> list[str]:
    """Return the password of ``user:password`` in base64, as Basic authentication writes it."""
    with contextlib.suppress(binascii.Error, ValueError):
        padded = text + "=" * (-len(text) % 4)
        decoded = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True).decode("utf-8")
        if ":" in decoded and decoded.isprintable():
            return [decoded.partition(":")[2]]
    return []
