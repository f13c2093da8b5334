"""The description of a pipeline: what the user wrote, read once and checked as a whole.

``spec`` holds the frozen result, ``hocon`` reads it from HOCON, ``fingerprint`` says which fields of a component
changed. ``hocon`` is the way in, and calls pyhocon; ``tokens``, ``words``,
``facts``, ``guard`` and ``files`` make that safe, ``schema`` checks the result. Everything here travels to the Spark
driver, where only ``spec`` and ``fingerprint`` are used: the driver is handed JSON and parses no HOCON.
"""
