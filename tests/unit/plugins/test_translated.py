"""Each English message of the server has a translated text in the front end."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.exceptions import ResumeRefusedError
from airflow_spark_pipeline.pipeline.fingerprint import fingerprint
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec
from airflow_spark_pipeline.planning import make_plan
from airflow_spark_pipeline.plugins.page.errors import MESSAGES, PageError
from airflow_spark_pipeline.plugins.page.metadata_db import TaskFacts
from airflow_spark_pipeline.plugins.page.next_attempt import read_config
from airflow_spark_pipeline.plugins.page.run_models import _discard_blocked, _resume_blocked, _running
from tests.fakes import make_state

_TEXTS = Path(__file__).parents[3] / "airflow_spark_pipeline/plugins/www/src/english.ts"
_ENTRY = re.compile(r'^    (\w+):\s*("(?:[^"\\]|\\.)*"),', re.MULTILINE)


def _block(name: str) -> dict[str, str]:
    """The texts of a block of the front end."""
    block = _TEXTS.read_text(encoding="utf-8").partition(f"\n  {name}: {{\n")[2].partition("\n  },")[0] + "\n"
    return {key: json.loads(text) for key, text in _ENTRY.findall(block)}


def _is_known(sentence: str) -> bool:
    patterns = (re.split(r"\{\w+\}", text) for text in _block("server").values())
    return any(re.fullmatch("(.+?)".join(map(re.escape, parts)), sentence, re.DOTALL) for parts in patterns)


def test_each_error_with_a_code_has_the_same_text_in_the_front_end() -> None:
    assert _block("errors") == MESSAGES


def test_an_error_has_its_values_in_the_order_of_its_text() -> None:
    error = PageError(504, "late", seconds="30")
    assert (error.code, list(error.values.values())) == ("late", ["30"])
    assert "within 30 s" in error.detail


_FACTS = TaskFacts(True, "failed", may_edit=True, run_state="failed", try_number=1)


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize(
    "facts",
    [
        _FACTS,
        replace(_FACTS, exists=False),
        replace(_FACTS, may_edit=False),
        replace(_FACTS, paused=True),
        replace(_FACTS, state="queued", run_state="queued"),
        replace(_FACTS, state=None, run_state="queued"),
    ],
)
@pytest.mark.parametrize("guest", [True, False])
@pytest.mark.parametrize("alive", [True, False])
def test_each_reason_why_an_action_is_not_possible_is_known(
    standing: Standing, facts: TaskFacts, guest: bool, alive: bool
) -> None:
    entry = RunEntry("a/b", Commit(1, make_state()), alive=alive)
    running = _running(entry, facts, guest=guest)
    for reason in (_resume_blocked(standing, facts, running), _discard_blocked(standing, facts, running)):
        assert reason is None or _is_known(reason), reason


@pytest.mark.parametrize("rendered", [None, "{", "None", "[]", '"text"', "{}"])
def test_each_reason_why_there_is_no_description_is_known(rendered: str | None) -> None:
    config, note = read_config(rendered)
    assert config is None
    assert note is not None
    assert _is_known(note)


def test_a_refusal_is_recognised() -> None:
    components = tuple(ComponentSpec("m.C", name, {"x": 1}, f"components[{index}]") for index, name in enumerate("ab"))
    spec = PipelineSpec("p", components, SparkSpec(None, None, {}), CheckpointSpec(), True, "")
    state = make_state("ab", done="a", status=CheckpointStatus.FAILED)
    first = replace(state.components[0], fingerprint={**fingerprint(components[0], "salt"), "instance-config.x": "-"})
    with pytest.raises(ResumeRefusedError) as caught:
        make_plan(spec, replace(state, components=(first, state.components[1])))
    reason = re.fullmatch(r"Cannot resume .+?: (.+)\. Undo.+", str(caught.value))
    assert reason is not None
    assert _is_known(str(caught.value))
    assert _is_known(reason[1])
