"""Renders a description and the files that it includes, and reads the result.

Guarantees: a rendered value is one value (see ``placement``); included files are rendered in the same way, with the
same names; one error lists all names without a value; every problem has the line of the unrendered file, even inside
loops and blocks, and shows no value whose name says that it is a secret.
"""

from __future__ import annotations

import functools
import pathlib
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.binding.suggestions import suggest
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.hocon.scalars import Place
from airflow_spark_pipeline.pipeline.parse_result import Reading
from airflow_spark_pipeline.rendering.comments import without_commented
from airflow_spark_pipeline.rendering.hocon_values import PlacingError
from airflow_spark_pipeline.rendering.markers import Marks
from airflow_spark_pipeline.rendering.placement import COMPLETES, CommentError, Placed, place
from airflow_spark_pipeline.secrets import Redactor, mask_text
from airflow_spark_pipeline.secrets.references import REFERENCE, texts

if TYPE_CHECKING:
    from jinja2 import Environment

    from airflow_spark_pipeline.rendering.undefined import MissingName, MissingNames

#: Returns the message for a name without a value, from its whole path and the names that have values.
Advise = Callable[[str, Mapping[str, Any]], str]


def nearest_name(path: str, names: Mapping[str, Any]) -> str:
    """Suggest the nearest existing name, at the level where the path becomes unknown."""
    known: Any = names
    prefix = ""
    for part in path.split("."):
        if not isinstance(known, Mapping):
            return ""
        if part not in known:
            near = suggest(part, map(str, known))
            return f"did you mean {{{{ {prefix}{near} }}}}?" if near else ""
        known, prefix = known[part], f"{prefix}{part}."
    return ""


def say_undefined(path: str, names: Mapping[str, Any]) -> str:
    """Return Jinja's message for a name without a value, plus the nearest name that has one."""
    near = nearest_name(path, names)
    return f"Jinja: {path!r} is undefined{': ' if near else ''}{near}"


class Renderer:
    """Renders the texts of one description.

    :param names: values by name that the templates may use
    :param environment: Jinja environment with the filters and settings of the DAG; or a function that makes it, if
        Jinja is not to be imported for a text without templates
    :param advise: function that returns the message for a name without a value
    :param stand_in: whether a name without a value renders as its own name; see ``missing``
    """

    def __init__(
        self,
        names: Mapping[str, Any],
        environment: Environment | Callable[[], Environment],
        *,
        advise: Advise = say_undefined,
        stand_in: bool = False,
    ) -> None:
        self._names = names
        self._given = environment
        self._advise = advise
        self._stand_in = stand_in
        self._lines: dict[str | None, tuple[int, ...]] = {}
        # Each text is rendered once: a template may give another value each time, such as a random one.
        self._texts: dict[tuple[str, str | None], str | PipelineDefinitionError] = {}
        #: Names without a value, by file.
        self.missing: dict[tuple[str | None, MissingName], None] = {}

    @functools.cached_property
    def _environment(self) -> Environment:
        return self._given() if callable(self._given) else self._given

    @functools.cached_property
    def _redactor(self) -> Redactor:
        # Airflow's own objects among the names mask their secrets themselves.
        return Redactor({name: value for name, value in self._names.items() if isinstance(value, (str, list, dict))})

    @property
    def has_rendered(self) -> bool:
        """Whether a text with a template was rendered; otherwise no value of a name plays a part."""
        return bool(self._lines)

    def __call__(self, text: str, file: str | None) -> str:
        """Return a text as HOCON. Names without a value are collected in ``missing``.

        :param file: name of the file, for messages
        :raises PipelineDefinitionError: a template is wrong, or a value is not possible at its position
        """
        if "{{" not in text and "{%" not in text:
            return text
        if (text, file) not in self._texts:
            try:
                self._texts[text, file] = self._placed_text(text, file)
            except PipelineDefinitionError as error:
                self._texts[text, file] = error
        found = self._texts[text, file]
        if isinstance(found, PipelineDefinitionError):
            raise found
        return found

    def _placed_text(self, text: str, file: str | None) -> str:
        try:
            placed = self._placed(text, file, skip_comments=True)
        except CommentError:
            placed = self._placed(text, file, skip_comments=False)
        self._lines[file] = placed.lines
        return placed.text

    def read(
        self,
        text: str,
        file: str | None,
        base_dir: pathlib.Path | None,
        *,
        environ: Mapping[str, str] | None = None,
        is_rendered: bool = False,
        parse: Callable[..., Reading] | None = None,
    ) -> Reading:
        """Render and read a description and everything that it includes.

        :param base_dir: directory that relative includes start from
        :param environ: variables for ``${?NAME}``, which take precedence over those of this process
        :param is_rendered: whether this text is already rendered; included files are still templates
        :param parse: what to use instead of ``parser.read_pipeline``
        """
        if parse is None:
            from airflow_spark_pipeline.pipeline import parser  # it imports pyhocon

            parse = parser.read_pipeline

        written = set[str]()

        def render(text: str, name: str | None) -> str:
            written.update(match[0] for match in REFERENCE.finditer(text))
            return text if is_rendered and name == file else self(text, name)

        reading = parse(text, file=file, base_dir=base_dir, render=render, environ=environ)
        if self.missing and not self._stand_in:  # other problems may be a consequence
            return replace(reading, problems=tuple(map(self._without_secrets, self._missing_problems())))
        return replace(
            reading,
            problems=tuple(map(self._as_written, [*reading.problems, *self._completed(reading, written)])),
            warnings=tuple(map(self._as_written, reading.warnings)),
            places={path: self._place(where) for path, where in reading.places.items()},
        )

    def _completed(self, reading: Reading, written: set[str]) -> Iterator[Problem]:
        """Yield the references to secrets that are in no text, but completed by values: ``label = "$"${amount}``."""
        found = texts(reading.spec.to_dict()) if self.has_rendered and reading.spec is not None else ()
        for path, text in found:
            if any(match[0] not in written for match in REFERENCE.finditer(text)):
                yield Problem(COMPLETES, join_path(path))

    def _missing_problems(self) -> list[Problem]:
        problems: dict[str, Problem] = {}
        for file, name in self.missing:
            if name.path not in problems:
                message = f"Jinja: {name.hint}" if name.hint else self._advise(name.path, self._names)
                problems[name.path] = Problem(message, file=file, line=name.line or None)
        return list(problems.values())

    def _placed(self, text: str, file: str | None, *, skip_comments: bool) -> Placed:
        from airflow_spark_pipeline.rendering.undefined import MissingNames

        marks, names = Marks(), MissingNames()
        if skip_comments:
            text = without_commented(text, marks.comment_out)
        rendered = self._rendered(text, file, marks, names)
        try:
            return place(rendered, marks)
        except PlacingError as error:
            raise _problem(error.message, file, error.line) from None

    def _rendered(self, text: str, file: str | None, marks: Marks, names: MissingNames) -> str:
        from jinja2 import StrictUndefined, TemplateError

        from airflow_spark_pipeline.rendering.environment import joined_templates, marking_environment

        lenient = not issubclass(self._environment.undefined, StrictUndefined)
        environment = marking_environment(self._environment, marks, names, keep=lenient)
        try:
            template = environment.from_string(text)
            context = template.new_context(dict(self._names))
            rendered = joined_templates(template.root_render_func(context))
        except Exception as error:
            # Jinja's errors, and anything that an expression raises: {{ 1 / 0 }}, a user's macro.
            line = _template_line(error)
            if unknown := [name for name in names.seen if name.line == line]:
                self._note(unknown, file)
                return ""
            said = str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
            raise _problem(f"Jinja: {mask_text(said)}", file, line) from error
        self._note(names.found, file)
        return rendered

    def _note(self, names: Any, file: str | None) -> None:
        self.missing.update(dict.fromkeys((file, name) for name in names))

    def _as_written(self, problem: Problem) -> Problem:
        return self._without_secrets(replace(problem, line=self._line(problem.file, problem.line)))

    def _without_secrets(self, problem: Problem) -> Problem:
        # A value may be rendered into a key, into a name of a template, or into what a function says of it.
        masked = self._redactor.mask_known
        return replace(problem, message=masked(problem.message), path=masked(problem.path))

    def _place(self, where: Place) -> Place:
        return Place(where.file, self._line(where.file, where.line) or 0)

    def _line(self, file: str | None, line: int | None) -> int | None:
        lines = self._lines.get(file)
        if lines is None or not line:
            return line
        return lines[min(line, len(lines)) - 1]


def _template_line(error: Exception) -> int | None:
    """Return the line of the template that caused an error: the error's, or that of the last template frame."""
    line: int | None = getattr(error, "lineno", None)
    for frame, at in traceback.walk_tb(error.__traceback__):
        template = frame.f_globals.get("__jinja_template__")
        line = line if template is None else template.get_corresponding_lineno(at)
    return line


def _problem(message: str, file: str | None, line: int | None) -> PipelineDefinitionError:
    return PipelineDefinitionError([Problem(message, file=file, line=line or None)])
