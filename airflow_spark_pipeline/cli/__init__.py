"""The command line: ``spark-pipeline``, and the same commands as ``airflow spark-pipeline``.

Promises: an error of the user is one message and an exit code, never a traceback; ``validate`` and ``plan`` start no
JVM; after a run that failed, the last line is the command that resumes it.
"""
