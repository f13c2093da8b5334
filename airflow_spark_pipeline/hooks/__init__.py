"""What the operator asks of the world: the description, what travels to the driver, and its submission."""
