"""The components of ``nycflights.conf``: they travel to the Spark driver, and Airflow never imports them.

Each component reads Parquet (or CSV) from a path, and overwrites Parquet at a different path. It is therefore safe to
run a component again, and a retry can start in the middle: the new driver has a new Spark session, without the temp
views of the skipped components, but their files still exist.
"""
