"""Secret Spark settings: which they are, and how they reach the driver without appearing in a command line.

All of them are in the driver's request, a file of mode 0600, from which the driver configures its session. Those that
``spark-submit`` needs before there is a driver are in a properties file of mode 0600 as well, which it reads: how the
cluster is reached (``spark.yarn.*``, ``spark.kubernetes.*``, ``spark.ssl.*``, …), where packages come from, and access
to files that it fetches itself. Arguments whose URLs hold a password (``--repositories``) become settings there.

Not hidden: JVM options, which Spark puts into a command line. A secret in them is rejected.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.secrets import is_hidden
from airflow_spark_pipeline.secrets.references import has_reference, problem_of, resolve, unresolved

_EARLY = re.compile(
    r"spark\.(?:acls|admin|authenticate|driver|files|archives|io\.encryption|jars|kerberos|kubernetes|master|network|rpc"
    r"|ssl|submit|yarn)\b"
)
_FILE_SYSTEM = re.compile(r"spark\.hadoop\.")
_JVM_OPTIONS = re.compile(r"spark\.(?:driver|executor|yarn\.am)\.(?:default|extra)JavaOptions")
# Names of the settings that correspond to arguments of spark-submit.
_AS_SETTING = {
    "--archives": "spark.archives",
    "--files": "spark.files",
    "--jars": "spark.jars",
    "--packages": "spark.jars.packages",
    "--py-files": "spark.submit.pyFiles",
    "--repositories": "spark.jars.repositories",
}
_FETCHED = ("--archives", "--files", "--jars", "--py-files")
_NOT_LATIN = re.compile(r"[^\x20-\x7e]")


def hidden(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that hold a secret, by their name or their value.

    :raises PipelineDefinitionError: a secret is in a JVM option, which the JVM's command line shows
    """
    found = {
        str(name): str(value) for name, value in settings.items() if is_hidden(str(name), value) or has_reference(value)
    }
    problems = [Problem(f"conf: {name}: {why}") for name, value in found.items() if (why := problem_of(value))]
    if problems:
        raise PipelineDefinitionError(problems)
    refused = [name for name in found if _JVM_OPTIONS.fullmatch(name)]
    if refused:
        raise PipelineDefinitionError(
            Problem(
                f"{name} holds a secret, and Spark puts the options of a JVM into its command line. "
                "Put the option into a file that only the user of that JVM can read, and pass the "
                "file instead: @/path/of/the/file"
            )
            for name in refused
        )
    return found


def without_secrets(
    arguments: Sequence[str], private: Mapping[str, str], *, fetches: bool = True
) -> tuple[list[str], dict[str, str]]:
    """Remove the secrets from the arguments of ``spark-submit``.

    :param arguments: pairs of an option and its value, and options without a value
    :param private: settings with secrets that are not among the arguments
    :param fetches: whether ``spark-submit`` fetches remote files with the credentials in the settings; not on
        Kubernetes, where its settings become a config map
    :return: the other arguments, and the settings for a properties file
    """
    kept: list[str] = []
    moved: dict[str, str] = {}
    rest = iter(arguments)
    remote = False
    for option in rest:
        value = next(rest, "") if option.startswith("--") and option not in ("--verbose", "--supervise") else None
        if value is None:
            kept.append(option)
            continue
        remote = remote or (option in _FETCHED and "://" in value)
        name, _, setting = value.partition("=") if option == "--conf" else (_AS_SETTING.get(option, ""), "", value)
        if name and is_hidden(name, setting):
            moved[name] = setting
        else:
            kept += [option, value]
    early = {name: value for name, value in private.items() if _EARLY.match(name)}
    if remote and fetches:  # needs the credentials of the file systems
        early |= {name: value for name, value in private.items() if _FILE_SYSTEM.match(name)}
    return kept, {**early, **moved}


def resolved(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a properties file with the values of their ``${secret:env://NAME}``.

    :param environment: environment variables that a driver on this machine shares with ``spark-submit``; empty for a
        remote driver
    :raises PipelineDefinitionError: a variable is not set
    """
    problems = [
        Problem(
            f"{path[0]} is needed by spark-submit before the driver starts, so {variable} cannot come "
            f"from the driver's environment; write ${{?{variable}}}, which is read where Airflow runs"
        )
        for path, variable in unresolved(settings, environment)
    ]
    if problems:
        raise PipelineDefinitionError(problems)
    found: dict[str, str] = resolve(settings, environment)
    return found


def write_properties(path: Path, settings: Mapping[str, str], given: str | None) -> None:
    """Write a properties file of mode 0600.

    :param given: path of the user's properties file, whose settings are included; ``settings`` take precedence over
        them
    """
    lines = [f"{_escaped(name, is_name=True)}={_escaped(value)}" for name, value in settings.items()]
    text = "" if given is None else Path(given).read_text(encoding="utf-8") + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n".join(lines) + "\n")


def _escaped(text: str, *, is_name: bool = False) -> str:
    text = text.replace("\\", "\\\\")
    text = re.sub(r"[ =:#!]", r"\\\g<0>", text) if is_name else re.sub(r"^[ ]", r"\\ ", text)
    return _NOT_LATIN.sub(_unicode, text)


def _unicode(character: re.Match[str]) -> str:
    data = character[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))
