#!/bin/sh
# Builds the documentation as a site into site/, strictly: scripts/docs.sh PYTHON
#
# Its tools have a separate environment, .venv-docs, made from constraints-docs.txt. Diagrams are drawn by Mermaid
# in the browser; if npm is here, the site brings it along, otherwise the theme loads it from its usual host.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

python=${1:?usage: scripts/docs.sh PYTHON}
venv=.venv-docs
mermaid=11.12.1

wanted=$(cksum <constraints-docs.txt)
if [ "$(cat "$venv/.setup-done" 2>/dev/null)" != "$wanted" ]; then
    say "Making $venv with the tools of the site (130 MB)"
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check -r constraints-docs.txt
    printf '%s\n' "$wanted" >"$venv/.setup-done"
fi
if [ ! -f "$venv/package/dist/mermaid.min.js" ] && have npm; then
    (cd "$venv" && npm pack --silent "mermaid@$mermaid" >/dev/null && tar -xzf "mermaid-$mermaid.tgz" &&
        rm "mermaid-$mermaid.tgz") || say "Mermaid is not to be had; the site loads it from its usual host"
fi
if [ -f "$venv/package/dist/mermaid.min.js" ]; then
    MERMAID="$(pwd)/$venv/package/dist/mermaid.min.js"
    export MERMAID
fi
# Not with --quiet: what is not said does not count as a warning, and `strict` lets it pass. The theme's own notice about
# the next version of MkDocs is not about this site.
NO_MKDOCS_2_WARNING=1 "$venv/bin/mkdocs" build --strict
say "site/ holds the documentation; look at it with: $venv/bin/mkdocs serve"
