"""The command line: ``spark-pipeline``, and the same commands as ``airflow spark-pipeline``.

Guarantees: a user's error gives one message and an exit code, never a traceback; ``validate`` and ``plan`` do not start
a JVM; after a failed run, the last line is the command that resumes it.
"""
