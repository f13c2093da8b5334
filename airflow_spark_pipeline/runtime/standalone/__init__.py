"""Pipelines outside a DAG: the runner behind the command line and the Python API."""
