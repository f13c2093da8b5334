#!/bin/sh
# Makes sure that there is a redis-server for the tests of the Redis store; without one they are skipped, and say so.
set -eu
. "$(dirname "$0")/lib.sh"

have redis-server && exit 0
if have apt-get && root=$(root_prefix); then
    say "No redis-server; running: apt-get install -y redis-server"
    # --no-install-recommends keeps it small; policy-rc.d keeps the package from starting a server of its own.
    DEBIAN_FRONTEND=noninteractive $root sh -c \
        'apt-get update && RUNLEVEL=1 apt-get install -y --no-install-recommends redis-server' >/dev/null 2>&1 ||
        say "redis-server could not be installed; its tests are skipped"
else
    say "No redis-server; the tests of the Redis store are skipped"
fi
