"""A small triggerer: creates a trigger from what Airflow's database would hold, and runs it."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskDeferred
    from airflow.triggers.base import BaseTrigger


def restore(deferred: TaskDeferred) -> BaseTrigger:
    """The trigger as a triggerer makes it."""
    name, kwargs = deferred.trigger.serialize()
    module, _, name = name.rpartition(".")
    trigger: BaseTrigger = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(kwargs)))
    return trigger


async def event(trigger: BaseTrigger) -> dict[str, Any]:
    """The payload of its event, as the task receives it."""
    async for fired in trigger.run():
        payload: dict[str, Any] = json.loads(json.dumps(fired.payload))
        return payload
    raise AssertionError("the trigger ended without an event")


def fire(deferred: TaskDeferred) -> dict[str, Any]:
    """Run the trigger of a task until its event."""
    return asyncio.run(asyncio.wait_for(event(restore(deferred)), 20))
