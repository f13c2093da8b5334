#!/bin/sh
# Runs tests on other sets of versions: scripts/matrix.sh [NAME]; without a name on the oldest and the newest Airflow
#
#   airflow-3.0   the oldest Airflow, with the packages of its date: unit tests, tests with a running Airflow; it has no page
#   airflow-3.1   the one after it, likewise: the same, and the page
#   airflow-3.2   the one after it: the same
#   airflow-3.4   the pre-release of Airflow that comes next: the same
#   spark-3.5     pyspark 3.5: the tests that run Spark, and a running Airflow whose tasks fail
#   spark-4.1     pyspark 4.1: the same
#
# The pins are those of constraints-NAME.txt; a set of Spark has those of constraints-dev.txt and the extra of
# pyproject.toml. They are made for Python 3.11 and later. The environment is .venv-NAME.
# TESTS="file ..." for other tests than the usual ones, PYTEST_ARGS for pytest.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

if [ -z "${1:-}" ]; then
    "$0" airflow-3.0
    "$0" airflow-3.4
    exit
fi
name=$1
venv=.venv-$name
CONSTRAINTS=constraints-$name.txt
EXTRAS=dev
case $name in
airflow-3.[012])
    # The providers of the platforms need newer packages than those of that date.
    EXTRAS=test,spark
    ;;
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
# Packages of another date warn of other things, and other versions of Spark leave other sockets open.
run() {
    label=$1
    shift
    scripts/timed.sh "$label on $name" scripts/pytest.sh "$venv/bin/python" -q -W default ${PYTEST_ARGS:-} "$@"
}

if [ -n "${TESTS:-}" ]; then
    run tests $TESTS
    exit
fi
case $name in
spark-*)
    run "Spark" -m "not slow" tests/integration --ignore=tests/integration/page
    run "table formats" tests/integration/test_table_formats.py # a connector may fit one version of Spark only
    run "failures" tests/acceptance/test_failures.py tests/acceptance/test_ready_made.py
    ;;
*)
    page=tests/integration/page
    [ "$name" != airflow-3.0 ] || page=
    # What never imports Airflow behaves the same on each of its versions.
    run "unit tests" -m "not spark" tests/unit $page \
        --ignore=tests/unit/binding --ignore=tests/unit/docs --ignore=tests/unit/pipeline \
        --ignore=tests/unit/planning --ignore=tests/unit/protocol --ignore=tests/unit/rendering \
        --ignore=tests/unit/runtime --ignore=tests/unit/test_compose.py --ignore=tests/unit/test_contracts.py
    run "clears, failures and deaths" tests/acceptance/test_clears.py tests/acceptance/test_failures.py \
        tests/acceptance/test_recovery.py tests/acceptance/test_retry_callback.py tests/acceptance/test_deaths.py
    [ -n "$page" ] || exit 0
    scripts/install.sh chromium
    run "the page" tests/e2e/test_page.py tests/e2e/test_states.py tests/e2e/test_airflows_clear.py
    ;;
esac
