"""The description of a pipeline: what the user wrote, read once and checked as a whole.

``spec`` holds the frozen result, ``parser`` reads it from HOCON, ``fingerprint`` says which fields of a component
changed. ``parser`` is the way in; its docstring names the modules that it calls, one after another. Everything here
travels to the Spark driver, where only ``spec`` and ``fingerprint`` are used: the driver is handed JSON and parses no
HOCON.
"""
