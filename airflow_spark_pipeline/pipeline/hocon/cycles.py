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
            f"nothing can be added to `{keys[0]}`: its earlier value comes from a substitution for the block around "
            "it, and other HOCON parsers lose that value; refer to where the value is written, as in `list "
            "= ${defaults.list} [1]`"
        )
    if len(involved) == 1 and involved[0].key == involved[0].path:
        return (
            f"`{name}` refers to an earlier value of `{keys[0]}`, but there is none: set it before, or remove `{name}`"
        )
    if len(involved) == 1:
        own = name[2:-1].lstrip("?")
        return f"the value of `{own}` contains itself, through `{keys[0]}`; write the value of `{keys[0]}` out"
    circle = " -> ".join(f"`{key}`" for key in [*keys, keys[0]])
    return f"the substitutions refer to each other in a circle: {circle}; write one of the values out"
