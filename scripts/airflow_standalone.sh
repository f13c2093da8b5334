#!/bin/sh
# Starts a whole Airflow of this work tree's own on http://localhost:8080: scripts/airflow_standalone.sh VENV
#
# Everything it makes lies in .airflow/ (delete it to start afresh). Whoever can open the page is an administrator, so
# the page is for this machine only: it listens on the loopback interface. PORT=... chooses another port. Stop it with
# Ctrl-C.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

venv=$(cd "${1:?usage: scripts/airflow_standalone.sh VENV}" && pwd)
root=$(pwd)
PATH="$venv/bin:$PATH"
export PATH

export AIRFLOW_HOME="${AIRFLOW_HOME:-$root/.airflow}"
export AIRFLOW__API__HOST=127.0.0.1
export AIRFLOW__API__PORT="${PORT:-8080}"
# Tasks report to this address; without it they look for port 8080, whatever the port is.
export AIRFLOW__API__BASE_URL="http://localhost:$AIRFLOW__API__PORT"
export AIRFLOW__CORE__DAGS_FOLDER="$root/dags_examples"
export AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True
export AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL=10
export AIRFLOW__SPARK_PIPELINE__CHECKPOINT_LOCATION="${AIRFLOW__SPARK_PIPELINE__CHECKPOINT_LOCATION:-$AIRFLOW_HOME/checkpoints}"
[ -n "${AIRFLOW_CONN_SPARK_DEFAULT:-}" ] || AIRFLOW_CONN_SPARK_DEFAULT='{"conn_type": "spark", "host": "local[2]"}'
export AIRFLOW_CONN_SPARK_DEFAULT
export NYCFLIGHTS_DIR="${NYCFLIGHTS_DIR:-$AIRFLOW_HOME/nycflights}"
mkdir -p "$AIRFLOW_HOME"

# `standalone` leaves its children (scheduler, API server, ...) running when it is told to stop: a process group of
# their own lets all of them be stopped together.
say "Starting Airflow (about a minute) on $AIRFLOW__API__BASE_URL, files in $AIRFLOW_HOME"
exec "$venv/bin/python" - <<'PYTHON'
import os
import signal
import subprocess
import sys

child = subprocess.Popen(["airflow", "standalone"], start_new_session=True, stdin=subprocess.DEVNULL)


def stop(*_: object) -> None:
    os.killpg(child.pid, signal.SIGTERM)


signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGHUP, stop)
code = child.wait()
try:
    os.killpg(child.pid, signal.SIGKILL)
except ProcessLookupError:
    pass
sys.exit(0 if code in (0, -signal.SIGTERM) else code)
PYTHON
