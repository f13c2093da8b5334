"""What differs between the versions of Airflow that this package supports: decided here, by the version alone.

Plugins and DAG files import this module, so it imports nothing of Airflow but its version. An older Airflow needs a new
field below, not a comparison of versions somewhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow import __version__


@dataclass(frozen=True, slots=True)
class AirflowFeatures:
    """What one version of Airflow can do.

    :param clear_discards_task_state: a clear empties the task state store unless it is told to keep it (3.4); before,
        a clear always kept it
    :param has_loops: a task in a loop has a task instance for each iteration (3.4)
    :param rendered_fields_by_id: rendered fields belong to the id of a task instance (3.4), not to its key
    """

    clear_discards_task_state: bool
    has_loops: bool
    rendered_fields_by_id: bool


def features_of(version: str) -> AirflowFeatures:
    """Return what a version can do; a pre-release counts as its release.

    :param version: such as ``3.4.0b2``
    """
    release = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    return AirflowFeatures(
        clear_discards_task_state=release >= (3, 4),
        has_loops=release >= (3, 4),
        rendered_fields_by_id=release >= (3, 4),
    )


#: Of the Airflow that is installed here.
AIRFLOW = features_of(__version__)
