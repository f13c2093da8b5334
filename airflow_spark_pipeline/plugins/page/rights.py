"""What a user may do with a DAG: only Airflow's auth manager decides, for each DAG."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_spark_pipeline.airflow_features import AIRFLOW

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser


@dataclass(slots=True)
class Rights:
    """The rights of one user; the auth manager is asked once for each DAG and request."""

    user: BaseUser
    _editable: dict[str, bool] = field(default_factory=dict)

    def readable(self, dag_ids: Collection[str]) -> set[str]:
        """Return the DAGs that the user may read."""
        from airflow.api_fastapi.app import get_auth_manager

        by_team: dict[str | None, set[str]] = {}
        teams = _teams(dag_ids)
        for dag_id in dag_ids:
            by_team.setdefault(teams.get(dag_id), set()).add(dag_id)
        manager = get_auth_manager()
        found: set[str] = set()
        for team, ids in by_team.items():
            which = {"team_name": team} if AIRFLOW.has_teams else {}
            found |= manager.filter_authorized_dag_ids(dag_ids=ids, user=self.user, method="GET", **which)
        return found

    def editable(self, dag_id: str) -> bool:
        """Whether the user may clear the DAG's task instances, which Airflow's own clear requires."""
        if dag_id not in self._editable:
            from airflow.api_fastapi.app import get_auth_manager
            from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails

            self._editable[dag_id] = get_auth_manager().is_authorized_dag(
                method="PUT",
                access_entity=DagAccessEntity.TASK_INSTANCE,
                details=DagDetails(id=dag_id, team_name=_teams([dag_id]).get(dag_id)),
                user=self.user,
            )
        return self._editable[dag_id]

    def audits(self, dag_id: str) -> bool:
        """Whether the user may read the DAG's audit log."""
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails

        return get_auth_manager().is_authorized_dag(
            method="GET",
            access_entity=DagAccessEntity.AUDIT_LOG,
            details=DagDetails(id=dag_id, team_name=_teams([dag_id]).get(dag_id)),
            user=self.user,
        )

    def administers(self) -> bool:
        """Whether the user may change Airflow's configuration, and so may see everything in a location."""
        from airflow.api_fastapi.app import get_auth_manager

        return get_auth_manager().is_authorized_configuration(method="PUT", user=self.user)


def _teams(dag_ids: Collection[str]) -> dict[str, str | None]:
    from airflow.configuration import conf
    from airflow.models.dag import DagModel

    if not AIRFLOW.has_teams or not conf.getboolean("core", "multi_team", fallback=False):
        return {}
    return DagModel.get_dag_id_to_team_name_mapping(list(dag_ids))
