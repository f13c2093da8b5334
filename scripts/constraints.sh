#!/bin/sh
# Renews constraints-dev.txt, constraints-docs.txt, constraints-platforms.txt and the pins of older Airflows: scripts/constraints.sh VENV [OPTION OF uv pip compile ...]
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

venv=${1:?usage: scripts/constraints.sh VENV}
shift
new=$(mktemp)
trap 'rm -f "$new"' EXIT

"$venv/bin/uv" pip compile pyproject.toml --extra dev --universal --python-version 3.10 --no-annotate --no-header \
    --quiet -o "$new" "$@"
{
    echo "# What the tests run with, for every supported Python. Made by \`make constraints\`; not what users must install."
    cat "$new"
} >constraints-dev.txt
# The site needs its tools alone, not this package.
sed -n 's/^docs = \[\([^#]*\)\].*/\1/p' pyproject.toml | tr ',' '\n' | tr -d '" ' |
    "$venv/bin/uv" pip compile - --universal --python-version 3.10 --no-annotate --no-header --quiet -o "$new" "$@"
{
    echo "# What builds the documentation (make docs), for every supported Python. Made by \`make constraints\`."
    cat "$new"
} >constraints-docs.txt

# The providers that have other pins than the development environment, or slow it down (make platforms).
"$venv/bin/uv" pip compile pyproject.toml --extra dataproc --extra kubernetes --extra test --universal \
    --python-version 3.11 --no-annotate --no-header --quiet -o "$new" "$@"
{
    echo "# What the tests of Dataproc and of SparkApplications run with, on Python 3.11 and later (make platforms). Made by"
    echo "# \`make constraints\`."
    cat "$new"
} >constraints-platforms.txt

# An older Airflow with the packages of its date: it does not start with those of today. What this package needs newer,
# the Spark provider and Spark, is of another date. NEWER: other packages of which Spark needs newer versions.
dated() {
    name=$1 date=$2 ours=$3 comment=$4
    shift 4
    printf '%s\n' "$@" >"$new.pins"
    set --
    for package in apache-airflow-providers-apache-spark apache-airflow-providers-common-compat pyspark pyspark-client ${NEWER:-}; do
        set -- "$@" --exclude-newer-package "$package=$ours"
    done
    "$venv/bin/uv" pip compile pyproject.toml --extra spark --extra test --universal --python-version 3.11 \
        --no-annotate --no-header --quiet -c "$new.pins" -o "$new.dated" --exclude-newer "$date" "$@"
    {
        echo "# What the tests run with on Airflow $name, on Python 3.11 and later: the packages of its date, but $comment"
        echo "# and this package's Spark (make matrix NAME=airflow-$name). Made by \`make constraints\`."
        cat "$new.dated"
    } >"constraints-airflow-$name.txt"
    rm "$new.pins" "$new.dated"
}
NEWER="googleapis-common-protos grpcio grpcio-status protobuf zstandard"
dated 3.0 2025-08-30 2026-09-18 "the oldest Spark provider" \
    apache-airflow==3.0.6 apache-airflow-providers-apache-spark==6.3.2
NEWER=
dated 3.1 2026-03-12 2026-09-18 "the oldest Spark provider" \
    apache-airflow==3.1.8 apache-airflow-providers-apache-spark==6.3.2 apache-airflow-providers-common-compat==1.14.0
dated 3.2 2026-05-30 2026-11-27 "the newest Spark provider" apache-airflow==3.2.2
say "constraints-dev.txt holds $(grep -c == constraints-dev.txt) pins"
