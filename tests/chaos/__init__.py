"""Real driver processes that are killed and stopped at random moments; see :mod:`tests.chaos.harness`."""
