"""Fixtures: ``spark_pipeline`` runs a pipeline, makes it fail where a test wants it, and resumes it."""

pytest_plugins = ["airflow_spark_pipeline.testing"]
