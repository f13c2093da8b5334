"""One try of a task: its description, its unit of work, its claim, and the way in which a driver is started."""
