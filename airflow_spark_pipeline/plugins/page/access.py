"""Authorization, and protection against requests from other sites.

Browsers send the cookie that authenticates a user also with requests that other sites make, and Airflow's server does
not check where a request comes from. A write therefore needs a JSON body, which a form of another site cannot send, and
its headers must not name another site.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, HTTPException, Request, status

from airflow_spark_pipeline.plugins.page.rights import Rights


def rights_of(user: GetUserDep) -> Rights:
    """Return the rights of the request's user."""
    return Rights(user)


RightsDep = Annotated[Rights, Depends(rights_of)]


def names_a_dag(request: Request) -> None:
    """Refuse a request without a DAG, or with ``~``, which means any DAG to Airflow."""
    dag_id = request.path_params.get("dag_id") or request.query_params.get("dag_id")
    if not dag_id or dag_id == "~":
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such DAG.")


def from_this_site(request: Request) -> None:
    """Refuse a write that another site may have made the browser send."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, "The body has to be application/json.")
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site != "same-origin":
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Requests from other sites are refused.")
    # Without a secure context browsers do not send Sec-Fetch-Site; Origin is there all the same.
    if site is None and origin is not None and urlsplit(origin).netloc not in _own_names(request):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Requests from other sites are refused.")


def _own_names(request: Request) -> set[str | None]:
    """Return the host names of this Airflow; that of a proxy may differ from that of the server behind it."""
    return {request.headers.get("host"), urlsplit(conf.get("api", "base_url", fallback="") or "").netloc or None}


#: The user may look at the DAG's task instances; the DAG is in the path or in the query.
READS = [Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)), Depends(names_a_dag)]
#: The user may clear them, and the request comes from Airflow's own pages, or from no page at all.
WRITES = [
    Depends(requires_access_dag("PUT", DagAccessEntity.TASK_INSTANCE)),
    Depends(names_a_dag),
    Depends(from_this_site),
]
