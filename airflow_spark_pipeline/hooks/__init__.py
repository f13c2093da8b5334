"""What the operator asks of the world: where the description is, what travels to the driver, and how it is submitted."""
