#!/bin/sh
# Makes sure that there is a Chromium for the tests of the page; without one they are skipped, and say so.
set -eu
. "$(dirname "$0")/lib.sh"

[ ! -x "${CHROMIUM:-/usr/bin/chromium}" ] || exit 0
if have apt-get && root=$(root_prefix); then
    say "No Chromium; running: apt-get install -y chromium"
    DEBIAN_FRONTEND=noninteractive $root sh -c \
        'apt-get update && apt-get install -y --no-install-recommends chromium' >/dev/null 2>&1 ||
        say "Chromium could not be installed; the tests of the page are skipped"
else
    say "No Chromium at ${CHROMIUM:-/usr/bin/chromium}; the tests of the page are skipped (CHROMIUM=... for another place)"
fi
