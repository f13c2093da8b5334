"""The description of a pipeline: what the user wrote, read once and checked as a whole.

``parser`` is the entry point: it reads HOCON, and its docstring names the modules that it calls in order. ``spec`` has
the frozen result. ``fingerprint`` says which fields of a component changed. Everything here is shipped to the Spark
driver, which uses only ``spec`` and ``fingerprint``: it gets JSON and parses no HOCON.
"""
