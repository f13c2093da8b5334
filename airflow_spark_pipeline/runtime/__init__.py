"""The driver: what runs inside the Spark job. Shipped to it in a zip; knows nothing of Airflow."""
