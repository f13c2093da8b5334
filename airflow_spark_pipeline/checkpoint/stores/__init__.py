"""Checkpoint stores: one interface, and one module for each kind of store."""
