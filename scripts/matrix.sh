#!/bin/sh
# Runs the unit tests, and what a clear means under a real Airflow, on another set of versions: scripts/matrix.sh NAME
#
# constraints-NAME.txt has the pins; they are made for Python 3.11 and later. The environment is .venv-NAME.
# TESTS="file ..." for other tests than the usual ones, PYTEST_ARGS for pytest.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

name=${1:?usage: scripts/matrix.sh NAME, such as airflow-3.4}
venv=.venv-$name
CONSTRAINTS=constraints-$name.txt
export CONSTRAINTS
[ -f "$CONSTRAINTS" ] || die "There is no $CONSTRAINTS. There is: $(ls constraints-*.txt | tr '\n' ' ')"

scripts/setup.sh "$venv"
"$venv/bin/python" -c 'from importlib.metadata import version as v; print(">> Airflow", v("apache-airflow"),
    "Spark provider", v("apache-airflow-providers-apache-spark"), "pyspark", v("pyspark"))'
if [ -n "${TESTS:-}" ]; then
    exec scripts/timed.sh "$name" "$venv/bin/python" -m pytest -q ${PYTEST_ARGS:-} $TESTS
fi
# What never imports Airflow behaves the same on each of its versions.
scripts/timed.sh "unit on $name" "$venv/bin/python" -m pytest -q -m "not spark" ${PYTEST_ARGS:-} tests/unit \
    --ignore=tests/unit/pipeline --ignore=tests/unit/planning --ignore=tests/unit/protocol \
    --ignore=tests/unit/rendering --ignore=tests/unit/runtime --ignore=tests/unit/docs
scripts/timed.sh "clears on $name" "$venv/bin/python" -m pytest -q ${PYTEST_ARGS:-} tests/acceptance/test_clears.py
