"""Airflow features: the differences between the supported Airflow versions, decided only by the version.

Plugins and DAG files import this module, so it imports only Airflow's version. To support an older Airflow, add a field
below instead of comparing versions elsewhere. The table in ``docs/versions.md`` lists the differences that users
notice.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from airflow import __version__


class AirflowFeatures(NamedTuple):
    """The features of one Airflow version.

    :param has_react_plugins: plugins may add pages and tabs (3.1); older versions show neither the page nor links to it
    :param alias_events_take_nested_extra: the ``extra`` of an event that an ``AssetAlias`` receives may contain lists
        and dictionaries (3.1); older versions fail the task that sends such an event
    :param shares_chakra: the UI shares its component library with plugins (3.2); for older versions the bundle contains
        it
    :param has_teams: permissions are checked per team (3.2)
    :param tasks_choose_native_rendering: a task has its own ``render_template_as_native_obj`` (3.2); in older versions,
        only its DAG has
    :param clear_spares_running_tasks: a clear has an option to leave running tasks alone (3.2)
    :param has_retry_policies: a task may have a retry policy (3.3); in older versions an exception decides
    :param has_task_state_store: a task instance has a state store that lasts between its tries (3.3); in older versions
        there is only the checkpoint log
    :param tells_triggers_of_kills: a trigger learns that its task was killed (3.3); in older versions it only learns
        that it ends
    :param clear_takes_note: a clear can set the note of the task instances (3.3)
    :param bundle_urls_from_base: URLs of bundles are relative to the UI's base (3.3); in older versions, to its scripts
    :param clear_discards_task_state: a clear empties the task state store, unless an option keeps it (3.4); in older
        versions a clear always keeps it
    :param has_loops: a task in a loop has a task instance for each iteration (3.4)
    :param tries_in_one_table: every try is a row of the table of task instances (3.4); in older versions, earlier tries
        are in another table
    :param rendered_fields_by_id: rendered fields are stored by the id of a task instance (3.4), not by its key
    """

    has_react_plugins: bool
    alias_events_take_nested_extra: bool
    shares_chakra: bool
    has_teams: bool
    tasks_choose_native_rendering: bool
    clear_spares_running_tasks: bool
    has_retry_policies: bool
    has_task_state_store: bool
    tells_triggers_of_kills: bool
    clear_takes_note: bool
    bundle_urls_from_base: bool
    clear_discards_task_state: bool
    has_loops: bool
    tries_in_one_table: bool
    rendered_fields_by_id: bool


def features_of(version: str) -> AirflowFeatures:
    """Return the features of a version; a pre-release counts as its release.

    :param version: Airflow version, such as ``3.4.0b2``
    """
    release = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    return AirflowFeatures(
        has_react_plugins=release >= (3, 1),
        alias_events_take_nested_extra=release >= (3, 1),
        shares_chakra=release >= (3, 2),
        has_teams=release >= (3, 2),
        tasks_choose_native_rendering=release >= (3, 2),
        clear_spares_running_tasks=release >= (3, 2),
        has_retry_policies=release >= (3, 3),
        has_task_state_store=release >= (3, 3),
        tells_triggers_of_kills=release >= (3, 3),
        clear_takes_note=release >= (3, 3),
        bundle_urls_from_base=release >= (3, 3),
        clear_discards_task_state=release >= (3, 4),
        has_loops=release >= (3, 4),
        tries_in_one_table=release >= (3, 4),
        rendered_fields_by_id=release >= (3, 4),
    )


#: Features of the installed Airflow.
AIRFLOW = features_of(__version__)


def deferral_timeout() -> type[Exception]:
    """Return Airflow's error for a task that was deferred for too long."""
    try:
        from airflow.sdk.exceptions import TaskDeferralTimeout
    except ImportError:  # in Airflow 3.0 and 3.1 it is elsewhere
        from airflow.exceptions import TaskDeferralTimeout  # type: ignore[no-redef]
    return TaskDeferralTimeout
