#!/bin/sh
# Runs pytest: scripts/pytest.sh PYTHON [ARGUMENT of pytest ...]
#
# With SECOND_CHANCE=FILE, the tests that failed run once more, alone: they start servers, kill processes and wait for
# leases, so a busy machine can fail one of them. FILE then names the tests that passed only the second time.
set -u

python=${1:?usage: scripts/pytest.sh PYTHON [ARGUMENT ...]}
shift
"$python" -m pytest "$@"
code=$?
# Only after 1 (tests failed) does pytest know all that failed. Where it broke off, the other tests did not run at all.
if [ "$code" -ne 1 ] || [ -z "${SECOND_CHANCE:-}" ]; then
    exit "$code"
fi

echo "== some tests failed (see above); they run once more, alone"
again=$(mktemp)
trap 'rm -f "$again"' EXIT
"$python" -m pytest "$@" -n 0 --last-failed --last-failed-no-failures=none --maxfail=1 -rp >"$again"
code=$?
cat "$again"
# Where the first run failed before any test, as it does when tests cannot be collected, this one selects nothing (5).
[ "$code" -eq 0 ] || exit 1
sed -n 's/^PASSED /  /p' "$again" >>"$SECOND_CHANCE"
