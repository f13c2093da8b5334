"""References such as ``${secret:env://NAME}``: the value of an environment variable of the driver.

The reference itself is not secret: it is shown, recorded and compared as written. Its value is secret under any name,
and exists only in the driver. A text may contain several references, and other text around them. What looks like a
reference and is none (``${?secret:…}``, ``${SECRET:…}``, no closing brace) is an error, and so is one in a key.

Only ``env://`` is supported. For Airflow's connections and variables, and the secrets backends behind them, use a
template in the file: ``{{ conn.warehouse.password }}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]

# A blank is the only white space in front that is never escaped when a value is rendered.
REFERENCE = re.compile(r"\$\{ *secret:([^{}]*)\}")
_LOOKS_LIKE_ONE = re.compile(
    # ${secrets:env://X}, ${SECRET:X}, ${env://X}, $secret://X; but not the shell's ${SECRET:-x} and $SECRET://x, or the
    # ${secrets:a/b:c} of a configuration provider of Kafka
    r"\$\s?(?:[{(\[]\s*\??\s*(?:secret\s*:(?![-=?+\d])|secrets\s*:\s*\{?\s*env\b|env\s*:\s*//)"
    r"|\??(?-i:secrets?)\s*:\s*(?:[a-z]+\s*:\s*)?//)",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"env://([A-Za-z_][A-Za-z0-9_]*)\s*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


_FORM = "write ${secret:env://NAME}, where NAME is an environment variable of the driver"
_IN_A_KEY = "a reference to a secret cannot be in a key, which is shown and recorded; write it into the value"


def has_reference(value: Any) -> bool:
    """Whether a value is a text that contains a reference."""
    return isinstance(value, str) and REFERENCE.search(value) is not None


def problem_of(text: str) -> str | None:
    """Return what is wrong with the references in a text, or ``None``."""
    references = {match.start(): match for match in REFERENCE.finditer(text)}
    for match in references.values():
        if _VARIABLE.fullmatch(match[1]) is None:
            return f"`{match[0]}` is not resolved here: {_why(match[1])}"
    for like in _LOOKS_LIKE_ONE.finditer(text):
        if like.start() not in references:  # what follows may be a secret
            return f"`{' '.join(like[0].split())}…` looks like a reference to a secret, but is not one; {_FORM}"
    return None


def _why(inside: str) -> str:
    scheme = _SCHEME.match(inside)
    if scheme is not None and scheme[1] == "env":
        return _FORM
    what = f"only env:// is, not {scheme[1]}://" if scheme is not None else "write ${secret:env://NAME}"
    return (
        f"{what}. Read it with a template from an Airflow connection or variable, {{{{ "
        "conn.warehouse.password }}; or put it into the driver's environment, and write "
        "${secret:env://NAME}"
    )


def texts(config: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield every text with a reference, and its path."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield from texts(value, (*path, str(key)))
    elif isinstance(config, (list, tuple)):
        for index, value in enumerate(config):
            yield from texts(value, (*path, index))
    elif has_reference(config):
        yield path, config


def wrong(config: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the path and the message of each text that is wrong, or that looks like a reference and is none."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            if has_reference(key) or problem_of(str(key)) is not None:
                yield (*path, str(key)), _IN_A_KEY
            yield from wrong(value, (*path, str(key)))
    elif isinstance(config, (list, tuple)):
        for index, value in enumerate(config):
            yield from wrong(value, (*path, index))
    elif isinstance(config, str) and (why := problem_of(config)) is not None:
        yield path, why


def values_of(environment: Mapping[str, str], *configs: Any) -> list[str]:
    """Return the values of the references in configs, if the environment has them."""
    names = {match[1] for config in configs for _, text in texts(config) for match in _VARIABLE.finditer(text)}
    return [environment[name] for name in sorted(names) if environment.get(name)]


def resolve(config: Any, environment: Mapping[str, str]) -> Any:
    """Return a copy of a config with resolved references; a reference to an unset variable stays as written."""
    if isinstance(config, Mapping):
        return {key: resolve(value, environment) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [resolve(value, environment) for value in config]
    if not has_reference(config):
        return config

    def value(match: re.Match[str]) -> str:
        variable = _VARIABLE.fullmatch(match[1])
        return match[0] if variable is None else environment.get(variable[1], match[0])

    return REFERENCE.sub(value, config)


def unresolved(config: Any, environment: Mapping[str, str]) -> list[tuple[Path, str]]:
    """Return the paths of references that cannot be resolved, and the names of their variables."""
    return [
        (path, variable[1])
        for path, text in texts(config)
        for match in REFERENCE.finditer(text)
        if (variable := _VARIABLE.fullmatch(match[1])) is not None and variable[1] not in environment
    ]
