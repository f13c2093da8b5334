"""What a driver prints: the secrets of its request are masked, whatever a component does to its output."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import logging, os, sys
from airflow_spark_pipeline.runtime.process import output
from airflow_spark_pipeline.secrets import Redactor

output.own_output()
output.mask_output(Redactor({"password": "hunter2", "text": "jdbc:x://u:swordfish@h"}).mask)
print("printed hunter2", "swordfish", "aHVudGVyMg==")
print("error hunter2", file=sys.stderr)
output.say("said hunter2")
logging.basicConfig()
logging.warning("logged %s", "hunter2")
with output.KeptOutput():
    print("inside hunter2 \\udce9")
    sys.stdout = None
print("set to None hunter2")
with output.KeptOutput():
    sys.stdout.close()
print("closed hunter2")
try:
    raise ValueError("first hunter2")
except ValueError as error:
    raise RuntimeError("then hunter2 \\udce9") from error
"""


def test_no_secret_is_printed() -> None:
    result = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, timeout=60, check=False)
    printed = (result.stdout + result.stderr).decode()
    assert "hunter2" not in printed
    assert "swordfish" not in printed
    said = ("printed *** *** ", "error ***", "said ***", "logged ***", "inside ***", "set to None ***", "closed ***")
    assert [text for text in (*said, "ValueError: first ***", "RuntimeError: then ***") if text not in printed] == []
