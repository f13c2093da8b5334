"""The file that a platform runs inside an existing Spark session: ``run-inside REQUEST MODULE ...``.

It ends no process, stops no Spark, and does not look at standard input. A failure is raised, since such platforms treat
``sys.exit`` as an error in the platform. It runs on Python 3.6 and newer, see ``launcher.py``.
"""

import os
import sys

_OLDEST = (3, 10)


def main() -> None:
    """Make the shipped modules importable, for the executors as well, and run the pipeline.

    :raises RuntimeError: the pipeline is not completed
    """
    if sys.version_info[:2] < _OLDEST:
        raise RuntimeError(_too_old())
    from pyspark.sql import SparkSession

    request, modules = sys.argv[2], sys.argv[3:]
    spark = SparkSession.builder.getOrCreate()
    for module in modules:  # the first one, ours, comes last on the path
        _add(spark, module)  # type: ignore[no-untyped-call]

    import airflow_spark_pipeline

    shipped = os.path.dirname(os.path.dirname(os.path.abspath(airflow_spark_pipeline.__file__)))
    sys.path.append(os.path.join(shipped, "_vendor"))

    from airflow_spark_pipeline.runtime.driver.staged_request import drive_inside

    drive_inside(request, spark)


def _add(spark, module):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # pyspark is imported late
    try:
        context = spark.sparkContext
    except Exception:  # a Spark Connect session has none, and its error differs between versions
        if "://" in module:
            raise RuntimeError(
                "On a Spark Connect session modules cannot be read from " + module + ". Use a cluster with a classic "
                "Spark session (on Databricks: dedicated access mode)."
            ) from None
        sys.path.insert(1, module if not module.endswith(".py") else os.path.dirname(module))
        spark.addArtifacts(module, pyfile=True)
    else:
        context.addPyFile(module)


def _too_old() -> str:
    found, oldest = sys.version_info, ".".join(map(str, _OLDEST))
    return (
        f"The driver's Python, {sys.executable}, is {found[0]}.{found[1]}; airflow-spark-pipeline "
        f"needs {oldest} or newer there. Choose a newer runtime version of the platform."
    )


if __name__ == "__main__":
    main()
