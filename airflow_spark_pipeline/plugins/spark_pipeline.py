"""The plugin that Airflow loads through the entry point ``airflow.plugins``.

Airflow imports this module in every process: scheduler, DAG processor, triggerer, API server, and each task. It
therefore imports only the plugin's base class. The routes are built at the first request, which only an API server
gets.
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_spark_pipeline import __version__
from airflow_spark_pipeline.airflow_features import AIRFLOW, AirflowFeatures

_PREFIX = "spark-pipeline"  # of the routes; the page's own address is /plugin/spark-pipeline


class _Page:
    """The ASGI app of the page, imported with the first request."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            from airflow_spark_pipeline.plugins.page.app import build_app

            self._app = build_app()
        await self._app(scope, receive, send)


def bundle_url(airflow: AirflowFeatures) -> str:
    """Return the address of the front end that this version of Airflow can load."""
    name = "main" if airflow.shares_chakra else "main-3.1"
    # Airflow's own scripts, from which older versions import the bundle, are in <base>/static/assets.
    return f"{'' if airflow.bundle_urls_from_base else '../../'}{_PREFIX}/static/{name}.js?v={__version__}"


def _react_app(name: str, destination: str, url_route: str, **more: str) -> dict[str, Any]:
    # Addresses without a leading slash are relative to the UI's <base>, so they hold below any base URL. The names are
    # also those under which www/src/main.tsx makes the page known.
    return {
        "name": name,
        "bundle_url": bundle_url(AIRFLOW),
        "destination": destination,
        "url_route": url_route,
        "icon": f"{_PREFIX}/static/icon.svg",
        "icon_dark_mode": f"{_PREFIX}/static/icon-dark.svg",
        **more,
    }


class SparkPipelinePlugin(AirflowPlugin):
    """Makes the package known to Airflow as the plugin ``spark_pipeline``; adds its pages in Airflow 3.1 and newer."""

    name = "spark_pipeline"
    fastapi_apps: list[dict[str, Any]] = []  # noqa: RUF012  # as in Airflow
    react_apps: list[dict[str, Any]] = []  # noqa: RUF012  # the same
    if AIRFLOW.has_react_plugins:
        fastapi_apps = [{"app": _Page(), "url_prefix": f"/{_PREFIX}", "name": "Spark pipelines"}]
        react_apps = [
            _react_app("Resumable Runs", "nav", "spark-pipeline", category="browse"),
            _react_app("Spark Pipelines", "dag", "spark-pipelines"),
            _react_app("Spark Pipeline", "task_instance", "spark-pipeline-task"),
        ]
