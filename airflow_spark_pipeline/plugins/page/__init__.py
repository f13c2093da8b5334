"""The routes of the page in Airflow's UI. Only the API server imports this package.

Guarantees: each route knows its user, and Airflow's auth manager decides for each DAG what the user may see and do.
Only configured locations are read, under names that are computed here and never taken from a request. A location that
does not answer in time blocks only its own threads, never the server's.
"""
