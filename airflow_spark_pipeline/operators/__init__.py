"""What users put into their DAGs."""
