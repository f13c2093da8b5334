"""The driver from its request to its exit code.

1. load the components: every problem of every one, before anything runs;
2. adopt the claim whose token the operator gave; a token that is not the newest is refused;
3. record *running*, open Spark, run the loop;
4. record the end, stop Spark, print one summary line last.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sys
import threading
from typing import NoReturn

from airflow_spark_pipeline import protocol
from airflow_spark_pipeline.checkpoint.locations import open_store
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.exceptions import CheckpointError, PipelineDefinitionError, SparkPipelineError, SupersededError
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import make_plan, summarize
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.runtime.console import say
from airflow_spark_pipeline.runtime.loading import load_components
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.runtime.redact import Redactor
from airflow_spark_pipeline.runtime.runner import PipelineRunner
from airflow_spark_pipeline.runtime.session import application_id, close_session, open_session

_ATEXIT_SECONDS = 10.0


def check(request: DriverRequest) -> int:
    """Load the components and print what is wrong with them as one line of JSON; runs nothing, needs no Spark."""
    problems = []
    try:
        load_components(PipelineSpec.from_dict(request.pipeline).components)
    except PipelineDefinitionError as error:
        problems = [problem.to_dict() for problem in error.problems]
    say(json.dumps({"problems": problems}))
    return protocol.EXIT_DEFINITION if problems else protocol.EXIT_COMPLETED


def drive(request: DriverRequest) -> int:
    """Run the pipeline of a request. Returns the exit code; the last line printed sums up."""
    redactor = Redactor(request.pipeline, request.storage_options, request.spark_config)
    try:
        code, summary = _drive(request, redactor)
    except SupersededError as error:
        code, summary = protocol.EXIT_SUPERSEDED, str(error)
    except CheckpointError as error:
        code = protocol.EXIT_CHECKPOINT
        summary = f"Progress could not be recorded, so the run stops here: {error}"
    except SparkPipelineError as error:
        code, summary = protocol.EXIT_DEFINITION, str(error)
    say(redactor.mask(summary))
    return code


def _drive(request: DriverRequest, redactor: Redactor) -> tuple[int, str]:
    if request.token is None:
        raise ValueError("the request holds no token")
    spec = PipelineSpec.from_dict(request.pipeline)
    log = RunLog(open_store(request.location, request.storage_options), request.unit)
    token = request.token
    recorder = Recorder(log, log.adopt(token.number, token.attempt_id, token.nonce), redactor)
    try:
        plan = make_plan(spec, recorder.state)
        recorder.running(plan)
        components = load_components(spec.components)
    except PipelineDefinitionError as error:
        recorder.refused(error)
        return protocol.EXIT_DEFINITION, str(error)
    runner = PipelineRunner(
        components,
        plan,
        recorder,
        fail_fast=spec.fail_fast,
        workdir=lambda index: _workdir(request, recorder.state, index),
    )
    return _run(runner, recorder, request)


def _run(runner: PipelineRunner, recorder: Recorder, request: DriverRequest) -> tuple[int, str]:
    try:
        spark = open_session(request.spark_config)
    except Exception as error:  # noqa: BLE001  # whatever Spark raises when it cannot start is why this attempt failed
        recorder.refused(error)
        return protocol.EXIT_COMPONENT_FAILED, f"Spark did not start: {recorder.describe(error, None).headline}"
    try:
        recorder.application(application_id(spark))
        complete = runner.run(spark)
    finally:
        # Spark prints while it stops; stopped first, so that the summary is the last line of the log.
        close_session(spark)
    return (protocol.EXIT_COMPLETED if complete else protocol.EXIT_COMPONENT_FAILED), summarize(recorder.state)


def leave(code: int) -> NoReturn:
    """End the process with this exit code, whatever threads components left behind.

    ``sys.exit`` would wait for them for ever. What was registered with :mod:`atexit` still runs, for at most 10 s.
    """
    finishing = threading.Thread(target=atexit._run_exitfuncs, name="atexit", daemon=True)
    finishing.start()
    finishing.join(_ATEXIT_SECONDS)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _workdir(request: DriverRequest, state: CheckpointState, index: int) -> str:
    attempt = f"{state.claim_number:08d}-{state.attempt_id}"
    return f"{request.location.rstrip('/')}/_outputs/{request.unit}/{attempt}/{index:04d}"


