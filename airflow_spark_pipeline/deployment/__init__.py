"""The Airflow deployment: connections, the checkpoint location, task instances."""
