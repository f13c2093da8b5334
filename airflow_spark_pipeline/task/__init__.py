"""One try of a task: its description, its unit of work, its claim, and how its driver is started."""
