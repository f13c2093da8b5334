#!/bin/sh
# Runs the tests that a marker expression selects: scripts/suite.sh PYTHON "MARKERS" [ARGUMENT of pytest ...]
#
# Most tests are independent of each other and run in WORKERS processes (2). Those in tests/acceptance follow in one
# process: they share one Airflow, whose DAG runs keep two cores busy.
set -eu
cd "$(dirname "$0")/.."

python=${1:?usage: scripts/suite.sh PYTHON MARKERS [ARGUMENT ...]}
markers=$2
shift 2
nothing_selected=5 # pytest's exit code
result=$nothing_selected

# Both processes must give each test the same name, and the order of a set in a name depends on this seed.
PYTHONHASHSEED=${PYTHONHASHSEED:-$$}
export PYTHONHASHSEED

# Each part has its own cache: where pytest knows only failures of other tests, --last-failed runs everything.
part() {
    name=$1
    shift
    code=0
    scripts/pytest.sh "$python" -m "$markers" -o cache_dir=".pytest_cache/$name" "$@" || code=$?
    case $code in
    "$nothing_selected") ;;
    0) [ "$result" -ne "$nothing_selected" ] || result=0 ;;
    *) result=$code ;;
    esac
}

part parallel -n "${WORKERS:-2}" --dist loadfile --ignore=tests/acceptance "$@" tests
part acceptance "$@" tests/acceptance
exit $result
