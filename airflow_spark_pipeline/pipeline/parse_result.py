"""The result of parsing a description: the specification, all its problems, and the lines of its keys.

Guarantees: a problem that is found later, when the classes of the description are checked, can get the file and line of
its key, so that all problems of a file are reported together and in the same form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.hocon.scalars import Place
from airflow_spark_pipeline.pipeline.spec import PipelineSpec


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a description was read from, in addition to its own text: if all of it is the same, so is the result.

    :param includes: path that an include names, to the files that it means, which may be none
    :param texts: file to its text, not rendered, for each of these files
    :param variables: names of the environment variables that were looked up, whether they are set or not
    :param values: the values of those that are set
    """

    includes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    variables: frozenset[str] = frozenset()
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of ``read_pipeline``.

    :param spec: the settings and components that could be read, each with the ``path`` that it has in the file; not to
        be run if there are problems. ``None``: nothing could be read, for example after a syntax error
    :param problems: everything that is wrong
    :param warnings: what is probably a mistake, but does not stop a run
    :param places: HOCON path (``pipeline.pipeline-components[0].instance-config.path``) to the place where the value
        is written, for every key and list item of the file; line 0 if it is not known
    :param inputs: what the result depends on in addition to the text; complete if there are no problems
    """

    spec: PipelineSpec | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    inputs: Inputs = Inputs()

    def checked(self) -> PipelineSpec:
        """Return the specification.

        :raises PipelineDefinitionError: there are problems
        """
        if self.problems or self.spec is None:
            raise PipelineDefinitionError(self.problems)
        return replace(self.spec, warnings=self.warnings)

    def place(self, path: str) -> Place:
        """Return where the key ``path`` is written; for a missing key, where the object around it is.

        :param path: as in `Problem.path`; line 0 in the result means "not known"
        """
        while path:
            found = self.places.get(path)
            if found is not None and found.line:
                return found
            path = _parent(path)
        return Place(self.spec.source if self.spec else None, 0)

    def locate(self, problem: Problem) -> Problem:
        """Return ``problem`` with the file and the line of its path, unless it has a line already."""
        if problem.line is not None or not problem.path:
            return problem
        place = self.place(problem.path)
        return replace(problem, file=place.file or problem.file, line=place.line or None)


def _parent(path: str) -> str:
    """Drop the last key or list position of a path: of ``a."b.c"[0]`` first ``[0]``, then ``"b.c"``."""
    if path.endswith("]"):
        return path[: path.rindex("[")]
    quoted, cut = False, 0
    skip = False
    for index, character in enumerate(path):
        if skip:
            skip = False
        elif quoted and character == "\\":
            skip = True
        elif character == '"':
            quoted = not quoted
        elif character == "." and not quoted:
            cut = index
    return path[:cut]
