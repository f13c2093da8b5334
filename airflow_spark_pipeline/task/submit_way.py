"""One try by ``spark-submit``: what the provider's operator and its hook are given, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.sdk import AirflowException

from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.launch.archives import runtime_archive
from airflow_spark_pipeline.launch.private_settings import hidden
from airflow_spark_pipeline.launch.provider import (
    ProviderHook,
    exit_code_of,
    hook_arguments,
    says_that_nobody_answers,
    says_that_the_job_ended,
)
from airflow_spark_pipeline.launch.py_files import import_path, is_url, resolve_py_files, without_commas
from airflow_spark_pipeline.launch.yarn import explain
from airflow_spark_pipeline.pipeline.spark_settings import refuse_settings
from airflow_spark_pipeline.task.attempt import CompletedMeanwhileError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator
    from airflow_spark_pipeline.task.submission import Submission


def run(operator: SparkPipelineOperator, submission: Submission, context: Context) -> int | None:
    """Let the provider's operator submit, or reconnect. What the log says wins over how spark-submit ended.

    :return: its exit code, where there is one
    """
    try:
        SparkSubmitOperator.execute(operator, context)
    except CompletedMeanwhileError as error:
        operator.log.info("%s", error)
        return None
    except (AirflowException, RuntimeError) as error:
        attempt = submission.attempt
        if says_that_nobody_answers(error) and attempt.is_at_work():
            raise  # nobody knows what became of the driver; a retry may find it alive
        if not attempt.driver_recorded() and not (says_that_the_job_ended(error) and attempt.has_started()):
            if (why := explain(str(error), attempt.log.store.location)) is not None:
                operator.log.warning("%s", error)
                raise why from error
            raise
        if isinstance(error, RuntimeError):
            operator.log.warning("%s", error)  # the cluster manager's diagnostics stand nowhere else
        return exit_code_of(error)
    return 0


def make_hook(operator: SparkPipelineOperator, submission: Submission) -> SparkPipelineSubmitHook:
    """Return the hook that submits the driver, once everything that can be checked beforehand is.

    :raises SparkInstallationError: spark-submit or Java is missing
    :raises PipelineDefinitionError: ``conf`` holds what is said elsewhere, a component cannot be loaded, or a module to
        ship does not exist
    """
    refuse_settings(operator.conf or {})
    spark = submission.spec.spark
    launcher = submission.launcher()
    modules = without_commas(resolve_py_files(operator.py_files, operator.dag_dir), submission.directory / "py_files")
    runtime = runtime_archive()
    operator.application = str(launcher)
    private = hidden({**spark.config, **(operator.conf or {})})
    conf = {name: value for name, value in (operator.conf or {}).items() if name not in private}
    arguments = {**hook_arguments(operator), "py_files": ",".join(modules) or None, "conf": conf}

    def claim(hook: SparkPipelineSubmitHook) -> list[str]:
        settings = {**private, **hook.private_environment}
        path = submission.claim(spark_config=settings, local=hook.runs_spark_here)
        if hook.runs_driver_here:
            return ["run", str(path)]
        hook.ship(path)
        return ["run", path.name]

    hook = SparkPipelineSubmitHook(
        fallback_master=None if operator.conn_is_named else spark.master or "local[*]",
        spark_config={name: value for name, value in spark.config.items() if name not in private},
        private=private,
        directory=submission.directory,
        runtime=runtime,
        before_submit=claim,
        **arguments,
    )
    if not submission.keeps_progress and not hook.runs_driver_here:
        raise CheckpointLocationError(
            "checkpoint.enabled = false works in client mode only: in cluster mode the log is how the driver "
            "answers. Remove it; auto-resume = false starts every try from the beginning."
        )
    hook.prepare()
    if hook.runs_driver_here:
        submission.check(
            launcher,
            python=hook.driver_python,
            path=[str(runtime), *import_path(modules, submission.directory / "modules"), *hook.spark_path()],
            modules_elsewhere=_brings_more_modules(arguments, modules),
        )
    return hook


def run_post_submit_commands(operator: SparkPipelineOperator) -> None:
    """Run the user's commands for the time after the job, where a try that was deferred left them out."""
    if operator.post_submit_commands:
        ProviderHook(**hook_arguments(operator)).run_post_submit_commands()


def _brings_more_modules(arguments: Mapping[str, Any], modules: list[str]) -> bool:
    """Whether Spark may make modules importable that this machine cannot see before it runs."""
    others = ("packages", "jars", "archives", "properties_file")
    return any(arguments[name] for name in others) or any(map(is_url, modules))
