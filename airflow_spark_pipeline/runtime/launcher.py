"""The file that spark-submit starts. It is copied into a directory of its own and imports nothing of ours by name.

Spark puts the directory of the started file first on the module path: were it this package's, a module of ours could
shadow one of the user's. The packages that travel along go to the end of the path, so that the cluster's own win.

It is written for Pythons from 3.6 on, so that one that is too old is told in words, and not by the
SyntaxError of whatever module it meets first.
"""

import os
import sys

_OLDEST = (3, 10)
_EXIT_PYTHON = 6  # protocol.EXIT_PYTHON; that module cannot be imported yet


def main() -> None:
    """Make the shipped runtime importable, and hand over to it."""
    if sys.version_info[:2] < _OLDEST:
        sys.stdout.write(_too_old() + "\n")
        sys.exit(_EXIT_PYTHON)

    import airflow_spark_pipeline  # on the path by --py-files

    shipped = os.path.dirname(os.path.dirname(os.path.abspath(airflow_spark_pipeline.__file__)))
    sys.path.append(os.path.join(shipped, "_vendor"))

    from airflow_spark_pipeline.runtime.__main__ import main as run

    run(sys.argv[1:])


def _too_old() -> str:
    found, oldest = sys.version_info, ".".join(map(str, _OLDEST))
    return (
        f"The driver's Python, {sys.executable}, is {found[0]}.{found[1]}; airflow-spark-pipeline needs {oldest} or "
        "newer there. Name another one: spark.pyspark.driver.python and spark.pyspark.python in conf, or "
        "PYSPARK_PYTHON in the driver's environment (spark.yarn.appMasterEnv.PYSPARK_PYTHON in YARN's cluster mode; on "
        "Kubernetes, another image)."
    )


if __name__ == "__main__":
    main()
