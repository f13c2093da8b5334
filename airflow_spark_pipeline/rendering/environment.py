"""A Jinja environment in which each expression leaves a mark in place of its value.

It is based on the DAG's Jinja environment (including macros, filters, settings), which it does not change. The result
of a macro or a block is text of the template, with the values in it marked; a filter over a block gives one value. Its
comment delimiters differ from Jinja's, since in HOCON ``{#`` starts an object with a comment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import Environment, Template, TemplateRuntimeError, Undefined, nodes, pass_environment
from jinja2.compiler import CodeGenerator
from jinja2.runtime import Macro
from jinja2.utils import Joiner
from jinja2.visitor import NodeTransformer

from airflow_spark_pipeline.rendering.markers import Marks, Rendered
from airflow_spark_pipeline.rendering.undefined import MissingNames, missing_class
from airflow_spark_pipeline.rendering.values import Hocon, Json, Literal, UnwritableError, as_hocon

_COMMENT_MARKS = ("<#jinja", "jinja#>")
_LITERAL, _MACRO = "literal of the template", "macro of the template"


def hocon_environment(environment: Environment) -> Environment:
    """Return the environment with comment delimiters that HOCON does not use."""
    opens, closes = _COMMENT_MARKS
    return environment.overlay(comment_start_string=opens, comment_end_string=closes)


def text_environment(environment: Environment) -> Environment:
    """Return an environment that renders text: ``render_template_as_native_obj`` would turn ``3.10`` into a number."""
    giving_text = environment.overlay()
    giving_text.template_class, giving_text.code_generator_class = Template, CodeGenerator
    giving_text.concat = "".join  # type: ignore[method-assign]
    return giving_text


def marking_environment(environment: Environment, marks: Marks, missing: MissingNames, *, keep: bool) -> Environment:
    """Return an environment for one text.

    :param marks: receives the values
    :param missing: receives the names without a value, unless the DAG's own class for undefined names is kept
    :param keep: whether to keep the DAG's own class for undefined names
    """
    marking = hocon_environment(environment).overlay(
        finalize=lambda value: _marked(value, marks), autoescape=False, keep_trailing_newline=True
    )
    if not keep:
        marking.undefined = missing_class(missing)
    marking.template_class = Template
    marking.code_generator_class = _generator(marks, missing)
    marking.concat = lambda pieces: _joined(pieces, marks)  # type: ignore[method-assign]
    filters = {"tojson": _tojson, "hocon": _hocon, "safe": _safe, _LITERAL: Literal, _MACRO: _macro}
    marking.filters = {**marking.filters, **filters}
    marking.globals = {**marking.globals, "joiner": _Joiner}
    return marking


def joined_templates(pieces: Iterable[str]) -> str:
    """Join the pieces of a rendered template, with marks in place of values."""
    return "".join(piece.template if isinstance(piece, Rendered) else piece for piece in pieces)


def _joined(pieces: Iterable[str], marks: Marks) -> Rendered:
    try:
        return Rendered.of(joined_templates(pieces), marks)
    except UnwritableError as error:
        raise TemplateRuntimeError(f"a value {error}") from None


def _marked(value: Any, marks: Marks) -> str:
    if isinstance(value, Rendered):
        return value.template
    if isinstance(value, Undefined):
        # Jinja's lenient classes for undefined names render as nothing; so does an `if` without its `else`.
        text = str(value)
        return marks.hold(text) if text else ""
    return marks.hold(value)


@pass_environment
def _tojson(environment: Environment, value: Any, indent: int | None = None) -> Json:
    """Jinja's filter ``tojson`` without HTML escapes, which HOCON would take for text."""
    if isinstance(value, Undefined):
        value = str(value)
    dumps: Callable[..., str] = environment.policies["json.dumps_function"] or json.dumps
    options = dict(environment.policies["json.dumps_kwargs"])
    text = dumps(value, **(options if indent is None else {**options, "indent": indent}))
    try:
        as_hocon(json.loads(text))
    except UnwritableError as error:
        raise TemplateRuntimeError(f"a value {error}") from None
    return Json(text)


def _hocon(value: Any) -> Any:
    """The filter ``hocon``: a text is used as HOCON, any other value as it is."""
    if isinstance(value, (Rendered, Undefined)):
        return value
    if isinstance(value, str):
        return Hocon(value)
    try:
        return Hocon(as_hocon(value))
    except UnwritableError as error:
        raise TemplateRuntimeError(f"a value {error}") from None


def _safe(value: Any) -> Any:
    """The filter ``safe`` does nothing: HTML safety must not let a value change the structure."""
    return value if isinstance(value, (Json, Hocon, Rendered, Literal)) or not isinstance(value, str) else str(value)


def _macro(called: Any) -> Any:
    """Let ``{% call %}`` call only macros: the result of anything else would be written without a mark."""
    if isinstance(called, (Macro, Undefined)):
        return called
    raise TemplateRuntimeError("{% call %} needs a macro of this template; call anything else in {{ … }}")


class _Joiner(Joiner):
    def __call__(self) -> str:
        return Literal(super().__call__())


def _generator(marks: Marks, missing: MissingNames) -> type[CodeGenerator]:
    class Generator(CodeGenerator):
        def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:  # noqa: N802  # Jinja's name
            marked = _Marking(marks, missing, has_lines=self.name is None).visit(node)
            marked.set_environment(self.environment)
            super().visit_Template(marked, frame)

    return Generator


class _Marking(NodeTransformer):
    """Changes a parsed template before it is compiled.

    :param has_lines: whether its lines are lines of the file; not for a text that ``{% include %}`` includes
    """

    def __init__(self, marks: Marks, missing: MissingNames, *, has_lines: bool) -> None:
        self._marks = marks
        self._missing = missing
        self._has_lines = has_lines
        self._filtered = 0

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802  # Jinja's names, here and below
        node.nodes = [
            self._data(each) if isinstance(each, nodes.TemplateData) else _literal(each) for each in node.nodes
        ]
        return self.generic_visit(node)

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:  # noqa: N802
        node.node = _literal(node.node)  # type: ignore[arg-type]
        return self.generic_visit(node)

    def visit_FilterBlock(self, node: nodes.FilterBlock) -> list[nodes.Node]:  # noqa: N802
        """``{% filter f %}…{% endfilter %}`` is ``{% set x | f %}…{% endset %}{{ x }}``: its result is one value."""
        self.generic_visit(node)
        self._filtered += 1
        name = f"_filtered_{self._filtered}"
        kept = nodes.AssignBlock(nodes.Name(name, "store"), node.filter, node.body, lineno=node.lineno)
        written = nodes.Output([nodes.Name(name, "load", lineno=node.lineno)], lineno=node.lineno)
        return [kept, written]

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802
        node.call.node = nodes.Filter(node.call.node, _MACRO, [], [], None, None, lineno=node.lineno)
        return self.generic_visit(node)

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802
        return self._named(node)

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        return self._named(node)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        return self._named(node)

    def _named(self, node: Any) -> nodes.Node:
        path = _path(node)
        if path:
            self._missing.paths.setdefault((node.lineno, path[-1]), ".".join(path))
        return self.generic_visit(node)

    def _data(self, node: nodes.TemplateData) -> nodes.TemplateData:
        """Mark the lines in the literal text of the template."""
        if self._has_lines:
            lines = node.data.split("\n")
            node.data = "\n".join(f"{self._marks.at_line(node.lineno + i)}{line}" for i, line in enumerate(lines))
        return node


def _literal(node: nodes.Expr) -> nodes.Expr:
    """Mark the literal texts that an expression may return as text of the template."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return nodes.Filter(node, _LITERAL, [], [], None, None, lineno=node.lineno)
    if isinstance(node, nodes.CondExpr):
        node.expr1, node.expr2 = _literal(node.expr1), node.expr2 and _literal(node.expr2)
    elif isinstance(node, nodes.Or):
        node.left, node.right = _literal(node.left), _literal(node.right)
    elif isinstance(node, nodes.Filter) and node.name in ("default", "d") and node.args:
        node.args[0] = _literal(node.args[0])
    return node


def _path(node: nodes.Node) -> list[str]:
    if isinstance(node, nodes.Name):
        return [node.name]
    if isinstance(node, nodes.Getattr):
        above = _path(node.node)
        return [*above, node.attr] if above else []
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        above = _path(node.node)
        return [*above, str(node.arg.value)] if above else []
    return []
