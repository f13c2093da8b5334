"""Airflow's simple auth manager with users who may see only one DAG, as other auth managers have them."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class OneDagAuthManager(SimpleAuthManager):
    """``user@page_a`` has the role ``user``, for the DAG ``page_a`` alone."""

    def is_authorized_dag(self, *, user: Any, details: Any = None, **more: Any) -> bool:
        _, _, only = user.username.partition("@")
        if only and (details is None or details.id != only):
            return False
        return super().is_authorized_dag(user=user, details=details, **more)
