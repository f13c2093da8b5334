"""What the Airflow deployment knows: connections, the checkpoint location, task instances."""
