"""The file that spark-submit starts. It is copied into a directory of its own and imports nothing of ours by name.

Spark puts the directory of the started file first on the module path: were it this package's, a module of ours could
shadow one of the user's. The packages that travel along go to the end of the path, so that the cluster's own win.
"""

import os
import sys


def main() -> None:
    """Make the shipped runtime importable, and hand over to it."""
    import airflow_spark_pipeline  # on the path by --py-files

    shipped = os.path.dirname(os.path.dirname(os.path.abspath(airflow_spark_pipeline.__file__)))
    sys.path.append(os.path.join(shipped, "_vendor"))

    from airflow_spark_pipeline.runtime.__main__ import main as run

    run(sys.argv[1:])


if __name__ == "__main__":
    main()
