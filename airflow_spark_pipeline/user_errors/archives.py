"""The hint for a file that was not found inside an archive: modules that are shipped as a zip are not files.

``open(os.path.dirname(__file__) + "/orders.sql")`` works on a laptop, and fails in a driver that imports its modules
from a zip or an egg, as ``NotADirectoryError: '/…/my_etl.zip/my_etl/orders.sql'``. ``importlib.resources`` works in
both cases.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from airflow_spark_pipeline.user_errors.text import MESSAGE_LENGTH, attribute, causes_of

_ENDS = re.compile(r"\.(?:zip|egg|whl|pyz)(?=/.)")
_PATH = re.compile(r"/[^\s'\"\[\](),;:]+")
_NOT_FOUND = ("PATH_NOT_FOUND", "does not exist", "No such file", "Not a directory")


def with_archive_hint(error: BaseException, message: str) -> str:
    """Return the message; if a file inside an archive was not found, add how to read it.

    :param message: text of the error
    """
    hint = next(filter(None, map(_hint, _paths(error, message))), None)
    if hint is None:
        return message
    first, end, rest = message.partition("\n")
    return f"{first.rstrip('.')}. {hint}{end}{rest}"


def _paths(error: BaseException, message: str) -> Iterator[str]:
    for each in causes_of(error):
        for name in (attribute(each, "filename"), attribute(each, "filename2")):
            if isinstance(name, str | bytes | os.PathLike):
                yield os.fsdecode(name)
    if any(words in message for words in _NOT_FOUND):  # from Spark, or from a library that drops the file name
        yield from (path.rstrip(".") for path in _PATH.findall(message[:MESSAGE_LENGTH]))


def _hint(path: str) -> str | None:
    path = re.sub("/+", "/", path.replace(os.sep, "/"))
    end = _ENDS.search(path)
    if end is None or not Path(path[: end.end()]).is_file():
        return None
    inside = path[end.end() + 1 :]
    package, _, name = inside.partition("/")
    if not name:
        package, name = "my_package", inside
        move = f"Move it into a package, such as {package}, and read it"
    else:
        move = "Read it"
    return (
        f"{inside} is inside an archive: Python imports modules from there, but there are no files to open. {move} by "
        f"importlib.resources: files({package!r}).joinpath({name!r}).read_text()"
    )
