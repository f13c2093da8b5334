"""The driver's process: its steps, its lease, its commits and its output."""
