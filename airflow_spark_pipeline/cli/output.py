"""Standard output and error of the command line, whatever they are connected to.

Guarantees: the standard output of a command with a result contains only the result; anything that Airflow, a library or
a user's module prints in the meantime goes to standard error. A result that could not be written completely (a full
disk, a closed stream) is an error with an exit code, but a reader that stops early (``| head``) is not. Any encoding
works: characters that it lacks are written in ASCII, and JSON stays valid. No message contains a secret that was given
to the command, and nothing contains a control character that a terminal would obey. None of this stops a run.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from airflow_spark_pipeline.secrets import Redactor

#: Exit code of a command whose result cannot be written.
NOT_WRITTEN = 5

_PLAIN = {"…": "...", "→": "->", "–": "-", "—": "-", "·": "-", "‘": "'", "’": "'", "“": '"', "”": '"'}  # noqa: RUF001
_HANDLER = "spark_pipeline_plain"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but not a tab and a line break


class Output:
    """The output for results while a command runs."""

    def __init__(self) -> None:
        self._stream: TextIO | None = None
        self._null: TextIO | None = None
        self._closed = False
        self._trouble: OSError | None = None
        self._secret: tuple[Any, ...] = ()
        self._redactor = Redactor()

    def prepare(self) -> None:
        """Make both streams usable: reopen closed ones, and make every character writable."""
        self._trouble, self._stream = None, None
        self._secret, self._redactor = (), Redactor()
        self._closed = sys.stdout is None
        _open_closed_descriptors()
        codecs.register_error(_HANDLER, _plain)
        if sys.stdout is None or sys.stderr is None:
            self._null = self._null or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # until the process ends
            sys.stdout, sys.stderr = sys.stdout or self._null, sys.stderr or self._null
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                with contextlib.suppress(ValueError, OSError):
                    stream.reconfigure(errors=_HANDLER)

    @contextlib.contextmanager
    def results_only(self) -> Iterator[None]:
        """Let nothing but :meth:`write` reach standard output; everything else goes to standard error."""
        before, self._stream = sys.stdout, sys.stdout
        saved = _own_descriptor(before)
        try:
            if saved is not None:
                before.flush()
                self._stream = open(  # noqa: SIM115  # closed below
                    os.dup(1), "w", encoding=before.encoding, errors=_HANDLER, newline=""
                )
                os.dup2(2, 1)
            sys.stdout = sys.stderr
            yield
        finally:
            sys.stdout = before
            self.flush()
            if saved is not None:
                with contextlib.suppress(OSError, ValueError):
                    before.flush()  # output of loggers that still use the old stream goes there, too
                os.dup2(saved, 1)
                os.close(saved)
                with contextlib.suppress(OSError):
                    self._stream.close()
            self._stream = None

    def hide(self, *configs: Any) -> None:
        """Mask the secrets of these configs in all messages from now on."""
        self._secret += configs
        self._redactor = Redactor(*self._secret)

    def masked(self, text: str) -> str:
        """Return a message without the secrets that were given to the command, and without what looks like one."""
        return self._redactor.mask(text)

    def write(self, text: str) -> None:
        """Write a line of the result.

        Nothing in it is masked: it is what was recorded, without secrets, and a password such as ``run`` must not
        change the ids, states and times that another program reads.
        """
        self._tried(lambda stream: stream.write(f"{_printable(text)}\n"))

    @property
    def is_unicode(self) -> bool:
        """Whether every character can be written as it is."""
        return (getattr(self._target, "encoding", None) or "").lower().replace("-", "").startswith("utf")

    @property
    def is_terminal(self) -> bool:
        """Whether the output is a terminal."""
        with contextlib.suppress(ValueError, OSError):
            return self._target.isatty()
        return False

    def flush(self) -> None:
        """Write buffered output."""
        self._tried(lambda stream: stream.flush())

    def finish(self, code: int, *, has_result: bool = True) -> int:
        """Write the rest, and return the exit code.

        :param code: exit code of the command
        :param has_result: whether the purpose of the command is its output; for a run it is not
        """
        self.flush()
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        lost = "standard output is closed" if self._closed else _reason(self._trouble)
        if self._trouble is not None:
            _forget_standard_output()
        if not has_result or lost is None:
            return code
        complain(f"The output could not be written: {lost}.")
        return code or NOT_WRITTEN

    def _tried(self, work: object) -> None:
        if self._trouble is not None:
            return
        try:
            work(self._target)  # type: ignore[operator]
        except OSError as error:
            self._trouble = error
        except ValueError as error:  # a closed file
            self._trouble = OSError(str(error))

    @property
    def _target(self) -> TextIO:
        return self._stream or sys.stdout


def complain(text: str, *, masked: bool = True) -> None:
    """Print a line that is not a result; errors in printing it are ignored.

    :param masked: ``False`` for a text that contains no secret and must stay as it is, such as a command
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{_printable(OUTPUT.masked(text) if masked else text)}\n")


OUTPUT = Output()


def _printable(text: str) -> str:
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


def _reason(trouble: OSError | None) -> str | None:
    if trouble is None or isinstance(trouble, BrokenPipeError):
        return None
    return trouble.strerror or str(trouble)


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that an encoding lacks: punctuation by ASCII, everything else by an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN.get(each) or ascii(each)[1:-1] for each in missing), error.end


def _open_closed_descriptors() -> None:
    """Open the null device for closed standard streams: otherwise the next opened file would get their descriptor."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor


def _own_descriptor(stream: TextIO) -> int | None:
    """Return a copy of the descriptor if the stream is this process's standard output; ``None`` in a captured test."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if stream.fileno() == 1:
            return os.dup(1)
    return None


def _forget_standard_output() -> None:
    """Detach standard output: otherwise Python would report the error again at exit, and change the exit code."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
