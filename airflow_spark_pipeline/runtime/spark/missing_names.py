"""Finds the names of views, functions, variables and tables that an error reports as missing.

Example: ``[TABLE_OR_VIEW_NOT_FOUND] The table or view `shop`.`orders` cannot be found.`` reports ``shop``, ``orders``
and ``shop.orders``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_spark_pipeline.user_errors.text import attribute, cause_of, text_of

_UNRESOLVED = re.compile(
    r"\[((?:TABLE_OR_)?VIEW_NOT_FOUND|UNRESOLVED_ROUTINE|ROUTINE_NOT_FOUND|UNRESOLVABLE_TABLE_VALUED_FUNCTION"
    r"|UNRESOLVED_(?:VARIABLE|COLUMN)|VARIABLE_NOT_FOUND)[\w.]*\]([^\n]*)"
)
_QUOTED = re.compile(r"`((?:[^`]|``)+)`")


def missing_names(error: BaseException, blocked: Mapping[str, str]) -> set[str]:
    """Return the names, in lower case, that the error or one of its causes reports as missing.

    :param blocked: names of blocked views, each with the text of the error that reading it raises
    """
    names: set[str] = set()
    found: BaseException | None = error
    for _ in range(10):
        if found is None:
            break
        text = text_of(found).message
        names |= {view.lower() for view, marker in blocked.items() if marker in text}
        if isinstance(view := attribute(found, "view"), str):  # UnknownViewError
            names.add(view.lower())
        for _condition, line in _UNRESOLVED.findall(text):
            parts = [part.replace("``", "`").lower() for part in _QUOTED.findall(line.partition("Did you mean")[0])]
            names |= {*parts, *(".".join(parts[:n]) for n in range(2, len(parts) + 1))}
        found = cause_of(found) or attribute(found, "__context__")
    return names
