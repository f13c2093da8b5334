"""Airflow's Spark hook, as the operator uses it."""
