"""From a file with Jinja templates to HOCON text, in which each rendered value is one value and nothing more.

``renderer`` is the way in. ``environment`` prepares Jinja so that each expression leaves a marker in place of its
value, ``undefined`` collects the names that have no value, ``comments`` keeps Jinja out of comments, ``placing`` puts
the values where the markers are, and ``values`` writes them. Nothing here travels to the Spark driver, and nothing
needs Airflow: the operator, the sensor, the command line, ``PipelineRunner`` and the pytest plugin render alike.
"""
