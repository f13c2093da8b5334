"""Pipelines outside a DAG."""
