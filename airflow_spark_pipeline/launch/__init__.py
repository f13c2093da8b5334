"""Starting a driver: archives, settings, executables, and the internals of Airflow's Spark provider."""
