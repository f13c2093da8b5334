"""The page inside Airflow's UI, as the API server serves it. Nothing else imports this package.

Promises: each route knows who asks, and what they may see and do is decided by Airflow's auth manager for each DAG;
what is read lies below a configured location, under a name that is computed here and never taken from a request; a
location that does not answer in time costs its own threads, never the server's.
"""
