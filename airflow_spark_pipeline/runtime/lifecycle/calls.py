"""Calls the hooks of a run: gates, which can stop it, and reporters, which cannot."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_spark_pipeline.exceptions import GateFailedError
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineEvent, PipelineHooks
from airflow_spark_pipeline.runtime.lifecycle.checks import CheckHook
from airflow_spark_pipeline.runtime.process.forked_processes import end_if_forked
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.user_errors.text import MESSAGE_LENGTH, attribute, shorten, text_of

_LOOK_SECONDS = 0.5  # between two looks whether the call that is waited for was given up

Event = PipelineEvent | ComponentEvent
MakeEvent = Callable[[], Event]


@dataclass(frozen=True)
class ActiveHook:
    """A hook in use.

    :param gate: whether an exception of the hook stops the run
    :param component: name of the only component that the hook is called for; ``None`` for the pipeline and all
        components
    """

    hook: PipelineHooks
    gate: bool
    component: str | None = None

    @property
    def is_check(self) -> bool:
        """Whether the hook only runs a component after another one."""
        return isinstance(self.hook, CheckHook)

    def concerns(self, event: Event) -> bool:
        """Whether the hook is called for the event."""
        return self.component is None or (isinstance(event, ComponentEvent) and event.name == self.component)


class HookCalls:
    """The hooks of one run, in order.

    Each method takes a function that makes the event, because masking a config costs more than anything else here, and
    most runs have no hooks.

    :param mask: function that masks the secrets in the error of a hook
    """

    def __init__(self, hooks: Sequence[ActiveHook] = (), mask: Callable[[str], str] = str) -> None:
        self._hooks = tuple(hooks)
        self._mask = mask
        self._turn = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def before(self, name: str, make: MakeEvent) -> None:
        """Call all hooks in order; a failing gate stops what is about to happen.

        :raises GateFailedError: a gate failed
        """
        self._call(self._hooks, name, make, can_stop=True)

    def gates(self, name: str, make: MakeEvent) -> None:
        """Call the gates, before the event is recorded.

        :raises GateFailedError: a gate failed
        """
        self._call([active for active in self._hooks if active.gate], name, make, can_stop=True)

    def reporters(self, name: str, make: MakeEvent) -> None:
        """Call the hooks that are not gates, after the event was recorded."""
        self._call([active for active in self._hooks if not active.gate], name, make, can_stop=False)

    def tell(self, name: str, make: MakeEvent) -> None:
        """Call all hooks; none of them can change what has happened."""
        self._call(self._hooks, name, make, can_stop=False)

    def forget_calls(self) -> None:
        """Call further hooks even if one has not returned: the thread that called it was abandoned."""
        self._turn = threading.Lock()

    def _call(self, hooks: Sequence[ActiveHook], name: str, make: MakeEvent, *, can_stop: bool) -> None:
        if not hooks:
            return
        event = make()
        for active in hooks:
            if active.concerns(event):
                # Hooks were written for one call at a time. A check is a component, so it need not wait for its turn.
                with contextlib.nullcontext() if active.is_check else self._my_turn():
                    self._call_one(active, name, event, stops=can_stop and active.gate)

    @contextlib.contextmanager
    def _my_turn(self) -> Iterator[None]:
        """Wait for the end of the call before; if it never ends, its thread is abandoned, and there is another lock."""
        while not (turn := self._turn).acquire(timeout=_LOOK_SECONDS):
            pass
        try:
            yield
        finally:
            turn.release()

    def _call_one(self, active: ActiveHook, name: str, event: Event, *, stops: bool) -> None:
        method: Callable[[Any], None] = getattr(active.hook, name)
        pid = os.getpid()
        try:
            method(event)
            end_if_forked(pid)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a hook that calls sys.exit has failed, too
            end_if_forked(pid, error)
            who = getattr(active.hook, "label", type(active.hook).__name__)
            what = shorten(self._mask(text_of(error).line), MESSAGE_LENGTH)  # half a secret would not be recognized
            if stops:
                helps = attribute(error, "retry_helps", True) is not False
                raise GateFailedError(f"{who} ({name}): {what}", retry_helps=helps) from error
            say(self._mask(f"The hook {who} failed in {name}, which does not affect the run: {what}"))
