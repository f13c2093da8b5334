"""The process of a driver: its output, its secrets, the processes that it forks, and its end."""
