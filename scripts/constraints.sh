#!/bin/sh
# Renews constraints-dev.txt and constraints-docs.txt: scripts/constraints.sh VENV [OPTION OF uv pip compile ...]
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
say "constraints-dev.txt holds $(grep -c == constraints-dev.txt) pins"
