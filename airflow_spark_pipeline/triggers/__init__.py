"""What waits in Airflow's triggerer for sensors and operators that have deferred."""
