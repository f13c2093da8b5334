"""What the components of a run wrote, as Airflow's asset events.

Airflow registers the events of a task only when the task succeeds. So the try that completes the run adds the events
of all its components, also of those that an earlier try completed, and each only once.

A task gets these events if its ``outlets`` contain an ``AssetAlias``. A URI that is an ``Asset`` among the outlets has
its event already: the facts become its ``extra``.

Example: ``Extract`` ran in try 1 and wrote ``s3://lake/raw``; ``Load`` failed. Try 2 skips ``Extract`` and completes
``Load``, which wrote ``s3://lake/orders``. Try 2 adds both events.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.checkpoint.state import CheckpointState

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


def add_asset_events(context: Context, state: CheckpointState, log: Any) -> None:
    """Add the events of a run that is completed; an event that Airflow rejects is only logged, since the work is done.

    :param state: the state that completed the run
    :param log: the task's logger
    """
    from airflow.sdk import Asset, AssetAlias

    outlets = list(context["ti"].task.outlets)
    aliases = [outlet for outlet in outlets if isinstance(outlet, AssetAlias)]
    own = {outlet.uri: outlet for outlet in outlets if isinstance(outlet, Asset)}
    if not aliases and not own:
        return
    for uri, extra in written(state):
        try:
            asset = Asset(uri)
            if asset.uri in own:
                context["outlet_events"][own[asset.uri]].extra.update(extra)
                continue
            for alias in aliases:
                context["outlet_events"][alias].add(asset, extra=_for_alias(extra))
        except Exception as error:  # noqa: BLE001  # each scheme has a provider's check
            log.warning("Airflow takes no asset event for %s: %s", uri, error)


def written(state: CheckpointState) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each URI that a completed component wrote, with the ``extra`` of its event."""
    done = set(state.completed_components)
    for record in state.components:
        if record.name not in done:
            continue
        for uri, facts in record.wrote.items():
            yield uri, {**facts, "spark_pipeline": _source(state, record.name, record.attempt)}


def _for_alias(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``extra``; for an Airflow that takes only flat values, lists and dictionaries as JSON."""
    if AIRFLOW.alias_events_take_nested_extra:
        return dict(extra)
    return {key: json.dumps(value) if isinstance(value, list | Mapping) else value for key, value in extra.items()}


def _source(state: CheckpointState, component: str, attempt: int | None) -> Mapping[str, Any]:
    return {
        "pipeline_name": state.pipeline_name,
        "component": component,
        "run_id": state.run_id,
        "attempt": attempt,
    }
