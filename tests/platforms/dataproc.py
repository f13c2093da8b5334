"""A stand-in for Dataproc: its gRPC services, whose jobs and batches run until somebody ends them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud import dataproc_v1 as dataproc
from google.cloud.dataproc_v1.services.batch_controller.transports import BatchControllerGrpcTransport
from google.cloud.dataproc_v1.services.job_controller.transports import JobControllerGrpcTransport
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from airflow_spark_pipeline.operators.job import SparkPipelineJob
from airflow_spark_pipeline.testing.job_contract import PlatformUnderTest, StartedJob

_WHERE = {"region": "europe-west1", "project_id": "p"}
_JOBS, _BATCHES = "google.cloud.dataproc.v1.JobController", "google.cloud.dataproc.v1.BatchController"


class DataprocJobs(PlatformUnderTest):
    """The jobs of one cluster."""

    def __init__(self) -> None:
        self.made: dict[str, tuple[str, Any]] = {}  # by id: token and job

    def operator(self, **arguments: Any) -> SparkPipelineJob:
        from airflow_spark_pipeline.operators.dataproc_job import SparkPipelineDataprocJobOperator

        return SparkPipelineDataprocJobOperator(
            **{"job": {"placement": {"cluster_name": "etl"}}, **_WHERE, **arguments}
        )

    def jobs(self) -> list[StartedJob]:
        return [
            StartedJob({"job_id": name, **_WHERE}, list(job.pyspark_job.args), dataproc.Job.to_json(job))
            for name, (_, job) in self.made.items()
        ]

    def cancelled(self) -> list[Any]:
        return [each.id for each in self.jobs() if self._state(each.id) == "CANCELLED"]

    def end(self, job: Any, *, succeeded: bool, reason: str = "") -> None:
        self.set_state(job, "DONE" if succeeded else "ERROR", reason)

    def forget(self, job: Any) -> None:
        del self.made[job["job_id"]]

    def set_state(self, job: Any, state: str, reason: str = "") -> None:
        self.made[job["job_id"]][1].status = dataproc.JobStatus(state=state, details=reason)

    def _state(self, job: Any) -> str:
        return str(self.made[job["job_id"]][1].status.state.name)

    def services(self) -> dict[str, Any]:
        kinds = dataproc
        return {
            _JOBS: {
                "SubmitJob": _method(kinds.SubmitJobRequest, kinds.Job, self._submit),
                "GetJob": _method(kinds.GetJobRequest, kinds.Job, self._get),
                "CancelJob": _method(kinds.CancelJobRequest, kinds.Job, self._cancel),
            }
        }

    def _submit(self, asked: Any, context: Any) -> Any:
        for token, job in self.made.values():
            if token == asked.request_id:
                return job
        name = asked.job.reference.job_id
        if name in self.made:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"Already exists: Job {name}")
        job = dataproc.Job(asked.job)
        job.status = dataproc.JobStatus(state="RUNNING")
        self.made[name] = (asked.request_id, job)
        return job

    def _get(self, asked: Any, context: Any) -> Any:
        if asked.job_id not in self.made:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Not found: Job {asked.job_id}")
        return self.made[asked.job_id][1]

    def _cancel(self, asked: Any, context: Any) -> Any:
        job = self._get(asked, context)
        job.status = dataproc.JobStatus(state="CANCELLED", details="Job cancelled by user")
        return job


class DataprocBatches(PlatformUnderTest):
    """The batches of one region."""

    def __init__(self) -> None:
        self.made: dict[str, tuple[str, Any]] = {}

    def operator(self, **arguments: Any) -> SparkPipelineJob:
        from airflow_spark_pipeline.operators.dataproc_batch import SparkPipelineDataprocBatchOperator

        return SparkPipelineDataprocBatchOperator(
            **{"batch": {"runtime_config": {"version": "3.0"}}, **_WHERE, **arguments}
        )

    def jobs(self) -> list[StartedJob]:
        return [
            StartedJob({"batch_id": name, **_WHERE}, list(batch.pyspark_batch.args), dataproc.Batch.to_json(batch))
            for name, (_, batch) in self.made.items()
        ]

    def cancelled(self) -> list[Any]:
        return [each.id for each in self.jobs() if self.made[each.id["batch_id"]][1].state.name == "CANCELLED"]

    def end(self, job: Any, *, succeeded: bool, reason: str = "") -> None:
        self.set_state(job, "SUCCEEDED" if succeeded else "FAILED", reason)

    def forget(self, job: Any) -> None:
        del self.made[job["batch_id"]]

    def set_state(self, job: Any, state: str, reason: str = "") -> None:
        batch = self.made[job["batch_id"]][1]
        batch.state, batch.state_message = dataproc.Batch.State[state], reason

    def services(self) -> dict[str, Any]:
        create = grpc.unary_unary_rpc_method_handler(
            self._create, dataproc.CreateBatchRequest.deserialize, operations_pb2.Operation.SerializeToString
        )
        cancel = grpc.unary_unary_rpc_method_handler(
            self._cancel, operations_pb2.CancelOperationRequest.FromString, empty_pb2.Empty.SerializeToString
        )
        get = _method(dataproc.GetBatchRequest, dataproc.Batch, self._get)
        return {
            _BATCHES: {"CreateBatch": create, "GetBatch": get},
            "google.longrunning.Operations": {"CancelOperation": cancel},
        }

    def _create(self, asked: Any, context: Any) -> Any:
        for name, (token, _) in self.made.items():
            if token == asked.request_id:
                return self._operation(name)
        if asked.batch_id in self.made:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"Already exists: Batch {asked.batch_id}")
        batch = dataproc.Batch(asked.batch)
        batch.state, batch.operation = dataproc.Batch.State.RUNNING, f"operations/{asked.batch_id}"
        self.made[asked.batch_id] = (asked.request_id, batch)
        return self._operation(asked.batch_id)

    @staticmethod
    def _operation(name: str) -> Any:
        made = operations_pb2.Operation(name=f"operations/{name}")
        where = f"projects/p/locations/europe-west1/batches/{name}"
        made.metadata.Pack(dataproc.BatchOperationMetadata.pb(dataproc.BatchOperationMetadata(batch=where)))
        return made

    def _get(self, asked: Any, context: Any) -> Any:
        name = asked.name.rpartition("/")[2]
        if name not in self.made:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Not found: Batch {name}")
        return self.made[name][1]

    def _cancel(self, asked: Any, context: Any) -> Any:
        self.made[asked.name.rpartition("/")[2]][1].state = dataproc.Batch.State.CANCELLED
        return empty_pb2.Empty()


def _method(asked: Any, answered: Any, answer: Callable[[Any, Any], Any]) -> Any:
    return grpc.unary_unary_rpc_method_handler(answer, asked.deserialize, answered.serialize)


@contextlib.contextmanager
def serving(platform: Any, patch: Any) -> Iterator[Any]:
    """Serve the platform's API on loopback to the clients of the provider's hook.

    :param patch: pytest's ``monkeypatch``
    """
    from airflow.providers.google.cloud.hooks.dataproc import DataprocHook

    patch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", "google-cloud-platform://")
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        for name, methods in platform.services().items():
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        jobs = dataproc.JobControllerClient(transport=JobControllerGrpcTransport(channel=channel))
        batches = dataproc.BatchControllerClient(transport=BatchControllerGrpcTransport(channel=channel))
        patch.setattr(DataprocHook, "get_job_client", lambda _, region=None: jobs)
        patch.setattr(DataprocHook, "get_batch_client", lambda _, region=None: batches)
        try:
            yield platform
        finally:
            channel.close()
            server.stop(None).wait(30)
