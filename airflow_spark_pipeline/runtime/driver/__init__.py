"""The driver: its steps from a request to an exit code, its heartbeat, and the watch over its lease."""
