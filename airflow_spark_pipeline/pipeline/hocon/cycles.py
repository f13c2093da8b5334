"""Messages about substitutions that refer to each other in a circle."""

from __future__ import annotations

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.pipeline.hocon.nodes import Reference


def written(reference: Reference) -> str:
    """Return a substitution as it is written in its file."""
    return f"${{{'?' * reference.optional}{join_path(reference.path[reference.prefix :])}}}"


def describe_circle(involved: list[Reference], *, adds: bool) -> str:
    """Return the message for references that need each other.

    :param adds: the first one adds to a value that only a substitution around it has
    """
    name = written(involved[0])
    keys = [join_path(reference.key) for reference in involved]
    if adds:
        return (
            f"`{keys[0]}` cannot be added to: its earlier value comes from a substitution around it, "
            "and readers of HOCON lose that value; refer to where it is written instead, as in `list "
            "= ${defaults.list} [1]`"
        )
    if len(involved) == 1 and involved[0].key == involved[0].path:
        return f"`{name}` refers to the value that it is a part of, and nothing was there before"
    if len(involved) == 1:
        return f"the value of `{name[2:-1].lstrip('?')}` contains itself; write out what `{keys[0]}` is to have of it"
    circle = " -> ".join(f"`{key}`" for key in [*keys, keys[0]])
    return f"the substitutions refer to each other in a circle: {circle}; write one of the values out"
