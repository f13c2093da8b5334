"""Secrets out of texts that leave the driver."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_spark_pipeline.pipeline.secrets import is_secret, mask, mask_urls

_SHORTEST = 3  # masking a shorter value would make a text unreadable and hide nothing
_SHORTEST_IN_ENVIRONMENT = 6  # "true" and "1" stand there under names of all kinds


def secrets_of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables whose names say that they hold a secret, as a config for a `Redactor`."""
    return {
        name: value for name, value in environment.items() if is_secret(name) and len(value) >= _SHORTEST_IN_ENVIRONMENT
    }


class Redactor:
    """Masks the values of secret keys wherever they turn up in a text, and passwords in URLs.

    :param configs: where secret keys are looked for, at any depth
    """

    def __init__(self, *configs: Any) -> None:
        values = {value for config in configs for value in _secrets(config) if len(value) >= _SHORTEST}
        longest_first = sorted(values, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if values else None

    def mask(self, text: str) -> str:
        """Return the text with every known secret replaced by ``***``."""
        if self._pattern is not None:
            text = self._pattern.sub("***", text)
        return mask_urls(text)

    def mask_config(self, config: Any) -> Any:
        """Return a copy of a config with every secret in it masked, under whatever key it stands."""
        if isinstance(config, Mapping):
            return {key: self.mask_config(value) for key, value in mask(config).items()}
        if isinstance(config, (list, tuple)):
            return [self.mask_config(value) for value in config]
        return self.mask(config) if isinstance(config, str) else config


def _secrets(config: Any, *, secret: bool = False) -> Iterator[str]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield from _secrets(value, secret=secret or is_secret(str(key)))
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from _secrets(value, secret=secret)
    elif secret and config is not None and not isinstance(config, bool):
        yield str(config)
