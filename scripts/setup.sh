#!/bin/sh
# Makes the development environment: scripts/setup.sh VENV
#
# Needs Python (3.10 to 3.14) and nothing else. Does nothing when VENV was made from the files as they are now, so every
# target of the Makefile can start with it. PYTHON=/path/to/python chooses the interpreter of a new environment, and
# CONSTRAINTS=file other pins than those of constraints-dev.txt, EXTRAS=... other extras of this package than dev.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

venv=${1:?usage: scripts/setup.sh VENV}
stamp="$venv/.setup-done"
constraints=${CONSTRAINTS:-constraints-dev.txt}
extras=${EXTRAS:-dev}

# The content decides, not the clock: a checkout gives every file a new time.
wanted=$(cat pyproject.toml "$constraints" scripts/setup.sh | cksum)
if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

# A name on PATH proves little: version managers put shims there that only print an error, and some systems ship a
# Python that cannot make an environment (ensurepip is in a separate package).
usable() {
    have "$1" && "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 15))' \
        >/dev/null 2>&1
}

choose_python() {
    for candidate in ${PYTHON:-} python3.12 python3.11 python3.13 python3.10 python3; do
        if usable "$candidate"; then
            printf '%s' "$candidate"
            return 0
        fi
        [ "$candidate" != "${PYTHON:-}" ] || die "PYTHON=$PYTHON is not a Python 3.10 to 3.14 that can make an environment."
    done
    return 1
}

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
    if ! python=$(choose_python); then
        [ -z "${PYTHON:-}" ] || exit 1
        if have apt-get; then
            need="apt-get install -y python3-venv"
            if root=$(root_prefix); then
                say "No Python here can make an environment; running: $root $need"
                $root apt-get update -qq && $root $need
                python=$(choose_python) || die "Install Python 3.10 to 3.14, then run this again."
            else
                die "No Python here can make an environment. Run: sudo $need"
            fi
        else
            die "Install Python 3.10 to 3.14 (with its venv module), then run this again."
        fi
    fi
    say "Creating $venv with $("$python" -V 2>&1) ($python)"
    "$python" -m venv "$venv"
fi

start=$(date +%s)
if [ ! -x "$venv/bin/uv" ] && [ -x "$venv/bin/pip" ]; then
    say "Installing uv, the faster installer"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check -c "$constraints" uv ||
        say "uv is not to be had; pip does its work, slower"
fi
uv="$venv/bin/uv"
[ -x "$uv" ] || uv=$(command -v uv || true)

say "Installing this package and what its tests need into $venv (the first time: about 700 MB and a few minutes)"
# uv leaves no bytecode: where Python may not write it either, each Airflow process would compile all that it imports.
# uv does not read pip's configuration (a mirror, a certificate), so pip gets a try where uv cannot reach its index.
if [ -z "$uv" ] || ! "$uv" pip install --compile-bytecode --python "$venv/bin/python" -c "$constraints" -e ".[$extras]"; then
    "$venv/bin/python" -m pip install --disable-pip-version-check -c "$constraints" -e ".[$extras]"
fi
printf '%s\n' "$wanted" >"$stamp"
say "$venv is ready after $(($(date +%s) - start)) s"
