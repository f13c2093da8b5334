"""The secrets of a request are masked in what the driver prints, whatever a component does to its output."""

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


_THREADS = """
import threading
from airflow_spark_pipeline.runtime.process import output

output.own_output()
output.mask_output(lambda text: text.replace("hunter2", "***"))
output.name_components()
turns = [threading.Event(), threading.Event()]

def first():
    print("a", "hun", end="")
    turns[0].set()
    turns[1].wait(30)
    print("ter2", "b")

def second():
    turns[0].wait(30)
    print("c", "d")
    turns[1].set()

threads = [threading.Thread(target=first), threading.Thread(target=second)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
output.say_below("load", "two\\nlines")
output.stop_naming_components()
output.say_below("load", "one line")
print("the end")
"""


def test_lines_are_printed_whole_while_several_components_run() -> None:
    """And a secret in two pieces is found."""
    result = subprocess.run([sys.executable, "-c", _THREADS], capture_output=True, timeout=60, check=True)
    assert result.stdout.decode().splitlines() == [
        "c d",
        "a *** b",
        "    [load] two",
        "    [load] lines",
        "    one line",
        "the end",
    ]
