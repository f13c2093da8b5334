"""The loop over the components, and the tries of each."""
