#!/bin/sh
# Runs tests on another set of versions: scripts/matrix.sh NAME
#
#   airflow-3.4   the pre-release of Airflow that comes next: the unit tests, and what a clear does
#   spark-3.5     pyspark 3.5: the tests that run Spark
#   spark-4.1     pyspark 4.1: the same
#
# The pins are those of constraints-NAME.txt; a set of Spark has those of constraints-dev.txt and the extra of
# pyproject.toml. They are made for Python 3.11 and later. The environment is .venv-NAME.
# TESTS="file ..." for other tests than the usual ones, PYTEST_ARGS for pytest.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

name=${1:?usage: scripts/matrix.sh NAME, such as airflow-3.4 or spark-3.5}
venv=.venv-$name
CONSTRAINTS=constraints-$name.txt
EXTRAS=dev
case $name in
spark-*)
    extra=spark$(printf '%s' "${name#spark-}" | tr -d .)
    grep -q "^$extra = " pyproject.toml || die "pyproject.toml has no extra $extra."
    EXTRAS="test,$extra"
    CONSTRAINTS=$(mktemp)
    trap 'rm -f "$CONSTRAINTS"' EXIT
    grep -v -e '^pyspark==' -e '^pyspark-client==' constraints-dev.txt >"$CONSTRAINTS"
    ;;
esac
export CONSTRAINTS EXTRAS
[ -f "$CONSTRAINTS" ] || die "There is no $CONSTRAINTS. There is: $(ls constraints-*.txt | tr '\n' ' ')"

scripts/setup.sh "$venv"
if [ "$name" = spark-3.5 ] && "$venv/bin/python" -m pip show -q pyspark-client 2>/dev/null; then
    # As docs/versions.md tells users: both own the same files, and there is no pyspark-client 3.5.
    pin=$(sed -n 's/^spark35 = \["\(pyspark==[0-9.]*\)".*/\1/p' pyproject.toml)
    "$venv/bin/python" -m pip uninstall -q --yes pyspark-client
    "$venv/bin/python" -m pip install -q --force-reinstall --no-deps "$pin"
fi
"$venv/bin/python" -c 'from importlib.metadata import version as v; print(">> Airflow", v("apache-airflow"),
    "Spark provider", v("apache-airflow-providers-apache-spark"), "pyspark", v("pyspark"))'
if [ -n "${TESTS:-}" ]; then
    scripts/timed.sh "$name" "$venv/bin/python" -m pytest -q ${PYTEST_ARGS:-} $TESTS
    exit
fi
case $name in
spark-*)
    # Other versions of Spark leave other sockets open and warn of other things.
    scripts/timed.sh "Spark on $name" "$venv/bin/python" -m pytest -q -W default -m "not slow" ${PYTEST_ARGS:-} \
        tests/integration --ignore=tests/integration/page
    ;;
*)
    # What never imports Airflow behaves the same on each of its versions.
    scripts/timed.sh "unit on $name" "$venv/bin/python" -m pytest -q -m "not spark" ${PYTEST_ARGS:-} tests/unit \
        --ignore=tests/unit/pipeline --ignore=tests/unit/planning --ignore=tests/unit/protocol \
        --ignore=tests/unit/rendering --ignore=tests/unit/runtime --ignore=tests/unit/docs
    scripts/timed.sh "clears on $name" "$venv/bin/python" -m pytest -q ${PYTEST_ARGS:-} tests/acceptance/test_clears.py
    ;;
esac
