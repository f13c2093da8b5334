"""What differs between the versions of Airflow that this package supports: decided here, by the version alone.

Plugins and DAG files import this module, so it imports nothing of Airflow but its version. An older Airflow needs a new
field below, not a comparison of versions somewhere else. What users notice of it is a table in ``docs/versions.md``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow import __version__


@dataclass(frozen=True, slots=True)
class AirflowFeatures:
    """What one version of Airflow can do.

    :param has_react_plugins: plugins may bring pages and tabs (3.1); before, there is neither page nor link to it
    :param shares_chakra: the UI shares its component library with plugins (3.2); before, the bundle brings its own
    :param has_teams: rights are asked for per team (3.2)
    :param clear_spares_running_tasks: a clear can be told to leave a running task alone (3.2)
    :param has_retry_policies: a task may have a policy that decides about its retries (3.3); before, an exception does
    :param has_task_state_store: a task instance has a memory of its own between its tries (3.3); before, only the
        checkpoint log remembers
    :param tells_triggers_of_kills: a trigger is told that its task was killed (3.3); before, only that it ends
    :param bundle_urls_from_base: addresses of bundles start at the UI's base (3.3); before, at its own scripts
    :param clear_discards_task_state: a clear empties the task state store unless it is told to keep it (3.4); before,
        a clear always kept it
    :param has_loops: a task in a loop has a task instance for each iteration (3.4)
    :param rendered_fields_by_id: rendered fields belong to the id of a task instance (3.4), not to its key
    """

    has_react_plugins: bool
    shares_chakra: bool
    has_teams: bool
    clear_spares_running_tasks: bool
    has_retry_policies: bool
    has_task_state_store: bool
    tells_triggers_of_kills: bool
    bundle_urls_from_base: bool
    clear_discards_task_state: bool
    has_loops: bool
    rendered_fields_by_id: bool


def features_of(version: str) -> AirflowFeatures:
    """Return what a version can do; a pre-release counts as its release.

    :param version: such as ``3.4.0b2``
    """
    release = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    return AirflowFeatures(
        has_react_plugins=release >= (3, 1),
        shares_chakra=release >= (3, 2),
        has_teams=release >= (3, 2),
        clear_spares_running_tasks=release >= (3, 2),
        has_retry_policies=release >= (3, 3),
        has_task_state_store=release >= (3, 3),
        tells_triggers_of_kills=release >= (3, 3),
        bundle_urls_from_base=release >= (3, 3),
        clear_discards_task_state=release >= (3, 4),
        has_loops=release >= (3, 4),
        rendered_fields_by_id=release >= (3, 4),
    )


#: Of the Airflow that is installed here.
AIRFLOW = features_of(__version__)
