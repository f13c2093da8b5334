"""Each component as an OpenLineage job, with its run, its parent and its state.

Through the public functions of Airflow's OpenLineage provider, if it is installed and active; its transport, its
namespace and its parent's ids are used. The job is ``<dag>.<task>.<component>``, its parent the task's own run.

The id of a run depends only on the run: an event that is sent twice is the same event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_spark_pipeline import __version__
from airflow_spark_pipeline.checkpoint.state import CheckpointState

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_spark_pipeline.task.component_runs import ComponentRun

_PRODUCER = f"https://pypi.org/project/airflow-spark-pipeline/{__version__}"


def emit(context: Context, state: CheckpointState, runs: Sequence[ComponentRun]) -> None:
    """Emit the events of components: START, and COMPLETE or FAIL, with the times that the driver recorded.

    :param runs: runs of components that have not been reported yet
    """
    try:
        from airflow.providers.openlineage.api import emit as emit_event
        from airflow.providers.openlineage.api import is_openlineage_active
    except ImportError:  # not installed, or older than its public functions
        return
    if not is_openlineage_active() or not _may_emit(context["ti"]):
        return
    for run in runs:
        for event in _events(context["ti"], state, run):
            emit_event(event)


def _may_emit(ti: Any) -> bool:
    """Whether the deployment or the DAG lets this task emit events: ``emission_policy``, or its older options."""
    try:
        from airflow.providers.openlineage.utils.emission_policy import resolve_task_emission_policy
    except ImportError:  # older than the policy
        return True
    return bool(resolve_task_emission_policy(operator=ti.task, dag_id=ti.dag_id, task_id=ti.task_id).emit)


def _events(ti: Any, state: CheckpointState, run: ComponentRun) -> list[Any]:
    from airflow.providers.openlineage.plugins import macros
    from openlineage.client import event_v2 as ol
    from openlineage.client import facet_v2 as facets
    from openlineage.client.uuid import generate_static_uuid

    record = run.record
    identity = f"{state.run_id.rpartition('~')[0]}/{state.epoch}/{record.attempt}/{record.name}"
    run_id = str(generate_static_uuid(run.started, identity.encode()))
    parent = _parent(ti, macros, facets.parent_run)
    job_type = facets.job_type_job.JobTypeJobFacet("BATCH", "SPARK", "COMPONENT", producer=_PRODUCER)
    job = ol.Job(macros.lineage_job_namespace(), f"{macros.lineage_job_name(ti)}.{record.name}", {"jobType": job_type})

    def event(kind: Any, moment: datetime, outputs: Sequence[Any] = (), **more: Any) -> Any:
        return ol.RunEvent(
            eventTime=moment.isoformat(),
            run=ol.Run(runId=run_id, facets={"parent": parent, **more}),
            job=job,
            eventType=kind,
            outputs=list(outputs),
            producer=_PRODUCER,
        )

    start = event(ol.RunState.START, run.started)
    if run.error is None:
        outputs = [dataset(uri, about) for uri, about in record.wrote.items()]
        return [start, event(ol.RunState.COMPLETE, run.ended, outputs)]
    message = facets.error_message_run.ErrorMessageRunFacet(run.error, "PYTHON", producer=_PRODUCER)
    return [start, event(ol.RunState.FAIL, run.ended, errorMessage=message)]


def _parent(ti: Any, macros: Any, parent: Any) -> Any:
    return parent.ParentRunFacet(
        run=parent.Run(macros.lineage_run_id(ti)),
        job=parent.Job(macros.lineage_job_namespace(), macros.lineage_job_name(ti)),
        root=parent.Root(
            run=parent.RootRun(macros.lineage_root_run_id(ti)),
            job=parent.RootJob(macros.lineage_root_job_namespace(ti), macros.lineage_root_job_name(ti)),
        ),
        producer=_PRODUCER,
    )


def dataset(uri: str, facts: Mapping[str, Any]) -> Any:
    """Return an output as OpenLineage names it.

    Example: ``s3://lake/orders`` is ``orders`` in ``s3://lake``; ``file:///data/orders`` is ``/data/orders`` in
    ``file``.

    :param facts: of the component; ``rows`` becomes the output's number of rows
    """
    from openlineage.client import event_v2 as ol
    from openlineage.client import facet_v2 as facets

    parts = urlsplit(uri)
    namespace = f"{parts.scheme}://{parts.netloc}" if parts.netloc else parts.scheme
    # Object stores name keys, which have no slash at the start; file systems name paths.
    name = parts.path.lstrip("/") if parts.scheme in ("s3", "gs", "abfss", "abfs", "x-spark-table") else parts.path
    rows = facts.get("rows")
    counted: dict[str, Any] = {}
    if isinstance(rows, int) and not isinstance(rows, bool):
        statistics = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=rows, producer=_PRODUCER
        )
        counted = {"outputStatistics": statistics}
    return ol.OutputDataset(namespace, name or "/", outputFacets=counted)
