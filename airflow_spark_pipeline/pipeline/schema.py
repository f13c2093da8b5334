"""Check a resolved description and turn it into a `PipelineSpec`.

It promises that every field is either used or an error: unknown keys and wrong types are all named, in one go. It
converts as HOCON does (numbers and booleans serve as text, ``yes`` and ``on`` as true) and no further.
"""

from __future__ import annotations

import difflib
import keyword
import math
import re
from typing import Any

from airflow_spark_pipeline.exceptions import Problem
from airflow_spark_pipeline.pipeline.connect_string import SESSION_ID, ConnectString
from airflow_spark_pipeline.pipeline.schema_policies import read_hooks, read_milliseconds, read_retry_policy
from airflow_spark_pipeline.pipeline.secrets import is_secret
from airflow_spark_pipeline.pipeline.spec import (
    CheckpointSpec,
    ComponentSpec,
    PipelineSpec,
    SparkSpec,
    StoreSpec,
    join_path,
)
from airflow_spark_pipeline.pipeline.words import Address, Place, Places, Word

FIELDS = {
    "spark": ("app-name", "master", "connect-string", "config"),
    "pipeline": (
        "pipeline-name",
        "fail-fast",
        "save-outputs",
        "replay-on-resume",
        "retry-policy",
        "hooks",
        "checkpoint",
        "pipeline-components",
    ),
    "checkpoint": (
        "enabled",
        "location",
        "auto-resume",
        "cleanup-on-success",
        "on-change",
        "config-match",
        "store",
    ),
    "store": ("instance-type", "instance-config"),
    "component": (
        "instance-type",
        "instance-name",
        "instance-config",
        "save-outputs",
        "replay-on-resume",
        "depends-on",
        "enabled",
        "timeout",
        "retry-policy",
        "hooks",
    ),
    "retry-policy": (
        "max-retries",
        "initial-delay-ms",
        "max-delay-ms",
        "backoff-multiplier",
        "jitter-factor",
        "retryable-exceptions",
    ),
    "hook": ("instance-type", "instance-config", "gate"),
}
ON_CHANGE = ("fail", "restart", "rerun-from-change")
CONFIG_MATCH = ("completed", "strict")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_KINDS = {"number": "a number", "boolean": "a boolean", "null": "null"}


def read_description(
    tree: dict[str, Any], places: Places, source: str | None, problems: list[Problem]
) -> PipelineSpec | None:
    """Return the description, or ``None`` where it is too wrong to build one.

    :param tree: the resolved description, see `resolve`
    :param source: the file to name in messages and in the result
    :param problems: gets everything that is wrong; the result counts only if it is empty afterwards
    """
    checker = Checker(places, source, problems)
    spark = _spark(checker, tree)
    if "pipeline" not in tree:
        near = difflib.get_close_matches("pipeline", [key for key in tree if key != "spark"], 1)
        checker.note((), "`pipeline` is missing" + (f"; did you mean it by `{near[0]}`?" if near else ""))
        return None
    pipeline = checker.block(tree, "pipeline", (), "pipeline")
    if pipeline is None:
        return None
    name = checker.text(pipeline, "pipeline-name", ("pipeline",), required=True)
    fail_fast = checker.flag(pipeline, "fail-fast", ("pipeline",))
    checkpoint = _checkpoint(checker, pipeline)
    components = _components(checker, pipeline)
    return PipelineSpec(
        pipeline_name=name or "",
        components=components,
        spark=spark,
        checkpoint=checkpoint,
        fail_fast=True if fail_fast is None else fail_fast,
        source=source,
        save_outputs=checker.flag(pipeline, "save-outputs", ("pipeline",)),
        replay_on_resume=checker.flag(pipeline, "replay-on-resume", ("pipeline",)),
        retry_policy=read_retry_policy(checker, pipeline, ("pipeline",)),
        hooks=read_hooks(checker, pipeline, ("pipeline",)),
    )


def _spark(checker: Checker, tree: dict[str, Any]) -> SparkSpec:
    spark = checker.block(tree, "spark", (), "spark") or {}
    here: Address = ("spark",)
    config: dict[str, str] = {}
    checker.spark_config(checker.block(spark, "config", here, None) or {}, ("spark", "config"), config)
    master, connect_string = checker.text(spark, "master", here), _connect_string(checker, spark, here)
    if master is not None and connect_string is not None:
        checker.note((*here, "master"), "with `connect-string` the server has a master already; remove one of the two")
    return SparkSpec(checker.text(spark, "app-name", here), master, config, connect_string)


def _connect_string(checker: Checker, spark: dict[str, Any], parent: Address) -> str | None:
    text = checker.text(spark, "connect-string", parent)
    if text is None:
        return None
    try:
        if SESSION_ID in ConnectString.parse(text).parameters:
            message = f"remove {SESSION_ID}: each attempt has a session of its own"
            checker.note((*parent, "connect-string"), message)
    except ValueError as error:
        checker.note((*parent, "connect-string"), str(error))
    return text


def _checkpoint(checker: Checker, pipeline: dict[str, Any]) -> CheckpointSpec:
    here: Address = ("pipeline", "checkpoint")
    block = checker.block(pipeline, "checkpoint", ("pipeline",), "checkpoint") or {}
    values = {
        "enabled": checker.flag(block, "enabled", here),
        "location": checker.text(block, "location", here),
        "auto_resume": checker.flag(block, "auto-resume", here),
        "cleanup_on_success": checker.flag(block, "cleanup-on-success", here),
        "on_change": checker.choice(block, "on-change", here, ON_CHANGE),
        "config_match": checker.choice(block, "config-match", here, CONFIG_MATCH),
        "store": _store(checker, block, here),
    }
    return CheckpointSpec().with_overrides(**values)


def _store(checker: Checker, block: dict[str, Any], parent: Address) -> StoreSpec | None:
    node, here = checker.block(block, "store", parent, "store"), (*parent, "store")
    if node is None:
        return None
    kind = checker.python_name(node, "instance-type", here)
    config = checker.block(node, "instance-config", here, None) or {}
    plain = checker.plain(config, (*here, "instance-config"))
    return None if kind is None else StoreSpec(kind, plain)


def _components(checker: Checker, pipeline: dict[str, Any]) -> tuple[ComponentSpec, ...]:
    here: Address = ("pipeline", "pipeline-components")
    node = checker.get(pipeline, "pipeline-components", ("pipeline",), required=True)
    if node is None:
        return ()
    if not isinstance(node, list):
        checker.note(here, f"expected a list of components, found {_name(node)}")
        return ()
    if not node:
        checker.note(here, "the list is empty; a pipeline needs at least one component")
    components: list[ComponentSpec] = []
    for index, item in enumerate(node):
        component = _component(checker, item, (*here, index))
        if component is None:
            continue
        twin = next((other for other in components if other.instance_name == component.instance_name), None)
        if twin is not None:
            message = (
                f"`{component.instance_name}` is also the name of {twin.path}; checkpoints know components by name, "
                "so set `instance-name` in one of them to a name of its own"
            )
            checker.note((*here, index, "instance-name"), message)
        _check_dependencies(checker, component, components, (*here, index, "depends-on"))
        components.append(component)
    if components and not any(component.enabled for component in components):
        checker.note(here, "no component is enabled; a pipeline needs at least one that runs")
    return tuple(components)


def _check_dependencies(
    checker: Checker, component: ComponentSpec, earlier: list[ComponentSpec], here: Address
) -> None:
    by_name = {other.instance_name: other for other in earlier}
    for position, name in enumerate(component.depends_on):
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, 1)
            message = f"there is no earlier component `{name}`" + (f"; did you mean `{near[0]}`?" if near else "")
            checker.note((*here, position), message)
        elif component.enabled and not by_name[name].enabled:
            message = f"`{name}` is not enabled, so this would never run; set enabled = false here, too"
            checker.note((*here, position), message)


def _component(checker: Checker, item: Any, here: Address) -> ComponentSpec | None:
    node = checker.known(item, here, "component")
    if node is None:
        return None
    kind = checker.python_name(node, "instance-type", here)
    name = checker.text(node, "instance-name", here)
    config = checker.block(node, "instance-config", here, None) or {}
    plain = checker.plain(config, (*here, "instance-config"))
    if kind is None:
        return None
    return ComponentSpec(
        kind,
        name or kind.rpartition(".")[2],
        plain,
        join_path(here),
        save_outputs=checker.flag(node, "save-outputs", here),
        replay_on_resume=checker.flag(node, "replay-on-resume", here),
        depends_on=checker.texts(node, "depends-on", here),
        enabled=checker.flag(node, "enabled", here) is not False,
        timeout_ms=read_milliseconds(checker, node, "timeout", here),
        retry_policy=read_retry_policy(checker, node, here),
        hooks=read_hooks(checker, node, here),
    )


class Checker:
    """Reads fields and notes what is wrong with them."""

    def __init__(self, places: Places, source: str | None, problems: list[Problem]) -> None:
        self._places = places
        self._source = source
        self._problems = problems

    def note(self, address: Address, message: str) -> None:
        """Note a problem, with the line of the key, or of the object in which a key is missing."""
        places = self._places.of
        place = places.get(address) or places.get(address[:-1]) or Place(self._source, 0)
        self._problems.append(Problem(message, join_path(address), place.file or self._source, place.line or None))

    def get(self, node: dict[str, Any], key: str, parent: Address, *, required: bool = False) -> Any:
        """Return a value, or ``None`` where there is none, or none that is worth looking at."""
        value = node.get(key)
        if isinstance(value, Word) and value.kind == "broken":
            return None
        if value is None or (isinstance(value, Word) and value.kind == "null"):  # HOCON: null is as good as missing
            if required:
                self.note((*parent, key), "the field is missing")
            return None
        return value

    def block(self, node: dict[str, Any], key: str, parent: Address, kind: str | None) -> dict[str, Any] | None:
        """Return an object; of the fields of ``kind``, where it is not free-form."""
        value = self.get(node, key, parent)
        return None if value is None else self.known(value, (*parent, key), kind)

    def known(self, value: Any, here: Address, kind: str | None) -> dict[str, Any] | None:
        """Return ``value`` if it is an object; keys that are no fields of ``kind`` are noted."""
        if not isinstance(value, dict):
            if not (isinstance(value, Word) and value.kind == "broken"):
                self.note(here, f"expected an object, found {_name(value)}")
            return None
        for key in value if kind else ():
            if key not in FIELDS[kind or ""]:
                self.note((*here, key), f"unknown key `{key}`" + _suggest(key, FIELDS[kind or ""]))
        return value

    def text(self, node: dict[str, Any], key: str, parent: Address, *, required: bool = False) -> str | None:
        """Return a text that is not empty."""
        value = self.get(node, key, parent, required=required)
        if value is None:
            return None
        if not isinstance(value, Word):
            self.note((*parent, key), f"expected text, found {_name(value)}")
        elif not value.text.strip():
            self.note((*parent, key), "the text is empty")
        else:
            return value.text
        return None

    def python_name(self, node: dict[str, Any], key: str, parent: Address) -> str | None:
        """Return the dotted name of a Python class."""
        name = self.text(node, key, parent, required=True)
        if name is None or all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split(".")):
            return name
        self.note((*parent, key), f"`{name}` is no Python name; write `package.module.Class`")
        return None

    def choice(self, node: dict[str, Any], key: str, parent: Address, choices: tuple[str, ...]) -> str | None:
        """Return one of a few words."""
        word = self.text(node, key, parent)
        if word is None or word in choices:
            return word
        self.note((*parent, key), f"`{word}` is none of {', '.join(choices)}")
        return None

    def texts(self, node: dict[str, Any], key: str, parent: Address) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.get(node, key, parent)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.note((*parent, key), f"expected a list of texts, found {_name(value)}")
            return ()
        items = {str(index): item for index, item in enumerate(value)}
        found = [self.text(items, index, (*parent, key)) for index in items]
        return tuple(text for text in found if text is not None)

    def flag(self, node: dict[str, Any], key: str, parent: Address) -> bool | None:
        """Return a boolean, in HOCON's spellings."""
        value = self.get(node, key, parent)
        if value is None:
            return None
        flag = _FLAGS.get(value.text.lower()) if isinstance(value, Word) else None
        if flag is None:
            self.note((*parent, key), f"expected true or false, found {_name(value)}")
        return flag

    def whole_number(self, node: dict[str, Any], key: str, parent: Address) -> int | None:
        """Return a number that counts something, 0 or more."""
        value = self.number(node, key, parent)
        if value is None or value == int(value):
            return None if value is None else int(value)
        self.note((*parent, key), f"expected a whole number, found {value:g}")
        return None

    def number(
        self, node: dict[str, Any], key: str, parent: Address, *, least: float = 0.0, most: float = math.inf
    ) -> float | None:
        """Return a number between two bounds, both included."""
        value = self.get(node, key, parent)
        if value is None:
            return None
        if not (isinstance(value, Word) and _NUMBER.fullmatch(value.text)):
            self.note((*parent, key), f"expected a number, found {_name(value)}")
            return None
        number = float(value.text)
        if not least <= number <= min(most, 1e12):
            bounds = f"{least:g} or more" if most == math.inf else f"between {least:g} and {most:g}"
            self.note((*parent, key), f"{value.text} is out of range; expected {bounds}")
            return None
        return number

    def spark_config(self, node: dict[str, Any], here: Address, found: dict[str, str], prefix: str = "") -> None:
        """Collect Spark's settings flat: nested keys are joined with dots, values are places as Spark writes them."""
        for key in node:
            value, name = self.get(node, key, here), prefix + key
            place = self._places.shadowed.get((*here, key))
            if place is not None:
                message = f"`{name}` is a setting and a part of other settings' names; put these names in quotes"
                self.note((*here, key), message)
            elif isinstance(value, dict):
                self.spark_config(value, (*here, key), found, f"{name}.")
            elif isinstance(value, list):
                self.note((*here, key), "expected text, found a list; write its items as one text, with commas")
            elif name in found:
                self.note((*here, key), f"`{name}` is set twice, quoted and unquoted; remove one of them")
            elif value is not None:
                found[name] = value.text

    def plain(self, value: Any, here: Address) -> Any:
        """Return plain JSON."""
        if isinstance(value, dict):
            return {key: self.plain(child, (*here, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [self.plain(child, (*here, index)) for index, child in enumerate(value)]
        if value.kind == "text":
            return value.text
        if value.kind == "boolean":
            return value.text == "true"
        if value.kind == "number":
            return self._number(value.text, here)
        if value.kind == "ambiguous":
            shown = "the value" if any(is_secret(str(part)) for part in here) else f"`{value.text}`"
            message = f"{shown} can be read as text or as a number, boolean or null; quote it, or write it as JSON does"
            self.note(here, message)
        return None

    def _number(self, text: str, here: Address) -> int | float | None:
        try:
            number = float(text) if any(mark in text for mark in ".eE") else int(text)
        except ValueError:  # Python refuses to read more than some thousand digits
            number = math.inf
        if isinstance(number, float) and math.isinf(number):
            self.note(here, "the number is too large; quote it to have it as text")
            return None
        return number


def _name(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _KINDS.get(value.kind, "text")


def _suggest(key: str, fields: tuple[str, ...]) -> str:
    # pipelineName and pipeline_name are pipeline-name in another spelling
    spelled = re.sub("[A-Z]", lambda match: "-" + match[0].lower(), key).replace("_", "-").strip("-")
    near = difflib.get_close_matches(spelled, fields, 1)
    return f"; did you mean `{near[0]}`?" if near else f"; known here: {', '.join(fields)}"
