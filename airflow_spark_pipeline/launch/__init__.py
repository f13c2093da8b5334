"""Start a driver: archives, settings, executables, and the inside of Airflow's Spark provider."""
