"""Finds the brace or bracket that is missing, or one too many, if the brackets of a text do not match.

Only the author knows which one it is, so this is a guess from the indentation. The rules, in this order: a closing
bracket that is indented deeper than what it closes, or closes nothing, is one too many if all others match. An opening
bracket that is closed further left than its line begins is not closed, since that bracket closes another one. Otherwise
the innermost open bracket is not closed::

    pipeline-components = [
      {                             2: closed by the `}` of line 4, which is indented like it
        instance-config {           3: so this one is not closed
      }
    ]
"""

from __future__ import annotations

from airflow_spark_pipeline.pipeline.hocon.lexer import HoconSyntaxError, Token

_PAIRS = {"{": "}", "[": "]"}


def check_brackets(tokens: list[Token]) -> None:
    """Check that brackets match.

    :raises HoconSyntaxError: they do not; with the place of the unmatched one
    """
    brackets = [token for token in tokens if token.kind in ("{", "}", "[", "]")]
    wrong, opened = _first_mismatch(brackets)
    if wrong is None and not opened:
        return
    lost, early = _misaligned(brackets, _first_of_lines(tokens))
    for one in (early, wrong):
        if one is not None and _matches([token for token in brackets if token is not one]):
            raise _surplus(one)
    if wrong is not None and not opened:
        raise _surplus(wrong)
    raise _unclosed(lost or opened[-1])


def _first_mismatch(brackets: list[Token]) -> tuple[Token | None, list[Token]]:
    """Return the first bracket that closes what is not open, and what is open there or at the end."""
    opened: list[Token] = []
    for token in brackets:
        if token.kind in _PAIRS:
            opened.append(token)
        elif opened and _PAIRS[opened[-1].kind] == token.kind:
            opened.pop()
        else:
            return token, opened
    return None, opened


def _matches(brackets: list[Token]) -> bool:
    return _first_mismatch(brackets) == (None, [])


def _first_of_lines(tokens: list[Token]) -> dict[int, Token]:
    """Return the first token of each line."""
    first: dict[int, Token] = {}
    for token in tokens:
        if token.kind not in ("space", "newline", "end"):
            first.setdefault(token.line, token)
    return first


def _misaligned(brackets: list[Token], first: dict[int, Token]) -> tuple[Token | None, Token | None]:
    """Return the first bracket that is closed further left than its line begins, or that closes too far right."""
    opened: list[Token] = []
    for token in brackets:
        if token.kind in _PAIRS:
            opened.append(token)
            continue
        if not opened or _PAIRS[opened[-1].kind] != token.kind:
            break
        opener = opened.pop()
        if token.line > opener.line and first[token.line] is token:
            begins = first[opener.line].column
            if token.column < begins:
                return opener, None
            if token.column > begins:
                return None, token
    return None, None


def _surplus(token: Token) -> HoconSyntaxError:
    return HoconSyntaxError(
        f"`{token.kind}` does not match anything that is open here; remove it", token.line, token.column
    )


def _unclosed(token: Token) -> HoconSyntaxError:
    message = f"the `{token.kind}` that opens here is never closed; add `{_PAIRS[token.kind]}` where it ends"
    return HoconSyntaxError(message, token.line, token.column)
