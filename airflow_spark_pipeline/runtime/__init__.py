"""The driver: the code that runs inside the Spark job. It is shipped in a zip and does not import Airflow."""
