"""The components of ``flights_by_day.conf``: they travel to the Spark driver, and Airflow never imports them."""
