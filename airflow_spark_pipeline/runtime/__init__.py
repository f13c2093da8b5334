"""The driver: what runs inside the Spark job. It is shipped in a zip and knows nothing of Airflow."""
