#!/bin/sh
# Installs a program that some tests need, with apt-get: scripts/install.sh chromium|postgresql|redis-server
#
# If it cannot be installed, these tests are skipped and say so; nothing fails here.
set -eu
. "$(dirname "$0")/lib.sh"

package=$1
case $package in
chromium) program=${CHROMIUM:-/usr/bin/chromium} skipped="the tests of the page" ;;
postgresql) program=initdb skipped="the topology" ;;
redis-server) program=redis-server skipped="the tests of the Redis store" ;;
*) die "$package is not a package that a test needs" ;;
esac

have "$program" && exit 0
[ "$package" = postgresql ] && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && exit 0

if ! have apt-get || ! root=$(root_prefix); then
    say "No $program; $skipped will be skipped"
    exit 0
fi
say "No $program; running: apt-get install -y $package"
# RUNLEVEL=1 keeps a package from starting its server, and createcluster.conf keeps Postgres from making a database.
DEBIAN_FRONTEND=noninteractive $root sh -c "
    if [ $package = postgresql ]; then
        mkdir -p /etc/postgresql-common &&
            echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    fi &&
    apt-get update && RUNLEVEL=1 apt-get install -y --no-install-recommends $package" >/dev/null 2>&1 ||
    say "$package could not be installed; $skipped will be skipped"
