"""Sensors: tasks that wait for a run of a pipeline."""
