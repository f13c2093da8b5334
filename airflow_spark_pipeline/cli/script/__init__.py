"""Holds the one file that ``spark-submit`` starts, and nothing that it could take for a module of the user."""
