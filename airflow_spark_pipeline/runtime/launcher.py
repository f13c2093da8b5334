"""The file that spark-submit starts. It is copied into a separate directory, away from the package's modules.

Spark puts the directory of the started file first on the module path: if that were this package's directory, its
modules could shadow the user's. The shipped packages go to the end of the path, so that the cluster's own take
precedence.

It runs on Python 3.6 and newer, so that a Python that is too old gets a clear message instead of a SyntaxError from the
first module that is imported.
"""

import os
import sys

_OLDEST = (3, 10)
_EXIT_PYTHON = 6  # protocol.EXIT_PYTHON; that module cannot be imported yet


def main() -> None:
    """Make the shipped runtime importable, and start it."""
    if sys.version_info[:2] < _OLDEST:
        sys.stdout.write(_too_old() + "\n")
        sys.exit(_EXIT_PYTHON)

    import airflow_spark_pipeline  # on the path through --py-files

    shipped = os.path.dirname(os.path.dirname(os.path.abspath(airflow_spark_pipeline.__file__)))
    sys.path.append(os.path.join(shipped, "_vendor"))

    from airflow_spark_pipeline.runtime.__main__ import main as run

    run(sys.argv[1:])


def _too_old() -> str:
    found, oldest = sys.version_info, ".".join(map(str, _OLDEST))
    return (
        f"The driver's Python, {sys.executable}, is {found[0]}.{found[1]}; airflow-spark-pipeline "
        f"needs {oldest} or newer there. Set another one: spark.pyspark.driver.python and "
        "spark.pyspark.python in conf, or PYSPARK_PYTHON in the driver's environment "
        "(spark.yarn.appMasterEnv.PYSPARK_PYTHON in YARN's cluster mode; on Kubernetes, another "
        "image)."
    )


if __name__ == "__main__":
    main()
