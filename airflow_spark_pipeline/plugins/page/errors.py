"""Errors that the page shows in the user's language: a code names the text, and the message is the English one."""

from __future__ import annotations

from typing import Literal

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

Code = Literal["changed", "absent", "late", "location"]

#: The English texts; the front end has the same ones, and their translations, under ``errors``.
MESSAGES: dict[Code, str] = {
    "changed": (
        "The run has changed since you opened this page. Nothing was discarded. Reload the page, and decide again."
    ),
    "absent": "Nothing is recorded of this task instance in the configured locations.",
    "late": (
        "The checkpoint location did not answer within {seconds} s. It is not known whether the progress was "
        "discarded. Reload the page before you continue."
    ),
    "location": "The checkpoint location failed: {message}",
}


class PageError(HTTPException):
    """An answer such as ``{"detail": "…within 30 s…", "code": "late", "values": {"seconds": "30"}}``.

    :param values: of the placeholders, in the order of the text
    """

    def __init__(self, status_code: int, code: Code, **values: str) -> None:
        super().__init__(status_code, MESSAGES[code].format(**values))
        self.code = code
        self.values = values


def send_codes(app: FastAPI) -> None:
    """Let the app's answers have the codes of its errors."""

    @app.exception_handler(PageError)
    async def answer(request: Request, error: PageError) -> JSONResponse:
        body = {"detail": error.detail, "code": error.code, "values": error.values}
        return JSONResponse(body, status_code=error.status_code)
