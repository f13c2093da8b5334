"""The components of a description: what users write, and how it is loaded."""
