"""The code of the components as this process would run it: source files and declared versions."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Sequence

from airflow_spark_pipeline.pipeline.code_digests import CodeFiles, user_roots
from airflow_spark_pipeline.pipeline.fingerprint import version_digest
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import Code
from airflow_spark_pipeline.runtime.component.base import Component


def code_now(spec: PipelineSpec, components: Sequence[Component], salt: str) -> dict[str, Code]:
    """Return the code of each component.

    :param components: all components of the description, in order
    :param salt: salt of the run's fingerprints; if it is empty, nothing is returned about files
    """
    if not salt:
        return {}
    files = CodeFiles(user_roots())
    return {
        described.instance_name: Code(
            files.digests(described.instance_type, salt) or _of_main(files, type(component), salt),
            version_digest(version_of(type(component)), salt),
        )
        for described, component in zip(spec.components, components, strict=True)
        if described.enabled
    }


def version_of(cls: type) -> str | int | None:
    """Return the class attribute ``version`` or ``None``; a dataclass field of that name is config, not a version."""
    if dataclasses.is_dataclass(cls) and any(field.name == "version" for field in dataclasses.fields(cls)):
        return None
    value = inspect.getattr_static(cls, "version", None)
    return value if isinstance(value, (str, int)) else None


def _of_main(files: CodeFiles, cls: type, salt: str) -> dict[str, str]:
    """Return the code of a class from a script or notebook, which cannot be found by its module's path."""
    if cls.__module__ != "__main__" or cls is Component:
        return {}
    file = getattr(sys.modules["__main__"], "__file__", None)
    try:
        source = "" if file is not None else inspect.getsource(cls)
        return files.of_script(file, source, cls.__qualname__, salt)
    except (OSError, TypeError):  # typed into a console that does not keep the source
        return {}
