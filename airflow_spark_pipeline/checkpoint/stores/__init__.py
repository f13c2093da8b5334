"""Where run logs are kept: one interface, one module for each kind of store."""
