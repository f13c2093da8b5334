"""The driver's process: its life, its lease, what it records and what it prints."""
