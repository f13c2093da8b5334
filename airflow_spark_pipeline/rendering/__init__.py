"""Renders a file with Jinja templates to HOCON text, in which each rendered value is exactly one value.

``renderer`` is the entry point. ``environment`` prepares Jinja so that each expression leaves a marker in place of its
value, ``undefined`` collects the names that have no value, and ``comments`` keeps Jinja out of comments. ``pieces``
cuts the text, ``placement`` puts the values where the markers are, and ``values`` writes them. Nothing here is shipped
to the Spark driver or needs Airflow: the operator, the sensor, the command line, ``PipelineRunner`` and the pytest
plugin render in the same way.
"""
