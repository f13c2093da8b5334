"""The components of ``nycflights.conf``: they travel to the Spark driver, and Airflow never imports them.

Each reads Parquet (or CSV) from a path and writes Parquet to a path of its own, replacing what is there. That makes it
safe to run one again, and it lets a retry start in the middle: a new driver has a new Spark session, in which the temp
views of the components that it skips do not exist, while their files do.
"""
