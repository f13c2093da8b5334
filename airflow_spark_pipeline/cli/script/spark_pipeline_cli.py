"""The command line for ``spark-submit``: ``spark-submit … $(spark-pipeline script) run etl.conf``.

``spark-submit`` runs a file with Python only if its name ends in ``.py``, which a console script's does not. It puts
the directory of the file first on the module path, so this file is the only one in its directory.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_INSTALLED = os.path.dirname(os.path.dirname(os.path.dirname(_HERE)))


def main() -> int:
    """Run the command line; the process ends when the JVM of spark-submit does."""
    sys.path[:] = [place for place in sys.path if os.path.abspath(place or os.curdir) != _HERE]
    try:
        import airflow_spark_pipeline  # noqa: F401  # installed for this Python, or not
    except ImportError:
        # A different Python than the package is installed for; its pure-Python part works there, too.
        sys.path.append(_INSTALLED)
    try:
        import pyhocon  # noqa: F401  # said before anything else misses it

        from airflow_spark_pipeline.cli.main import main as run
        from airflow_spark_pipeline.runtime.process.lifeline import end_with_parent, started_by_spark_submit
    except (ImportError, SyntaxError) as error:
        found = ".".join(map(str, sys.version_info[:2]))
        sys.stderr.write(
            f"The Python that spark-submit started, {sys.executable} ({found}), cannot run "
            f"airflow-spark-pipeline ({error}). Set PYSPARK_DRIVER_PYTHON to a Python that has it, "
            "with the same version as PYSPARK_PYTHON on the workers; in cluster mode, it must be "
            "installed where the driver runs.\n"
        )
        return 1
    if started_by_spark_submit():
        end_with_parent()
    return run()


if __name__ == "__main__":
    sys.exit(main())
