"""The Airflow hook of this package."""
