#!/bin/sh
# Builds the documentation of the newest releases into site/, one directory each: scripts/docs_versions.sh PYTHON
#
# Each is built with its tag's tools. site/versions.json is what the site's version menu reads; site/latest leads
# to the newest release. Without a tag, the site has the documentation of this tree alone, as the version `dev`.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

python=${1:?usage: scripts/docs_versions.sh PYTHON}
most=5
# Only releases: 1.0.0rc1 is not one. Example: v0.10.0 comes before v0.9.0.
tags=$(git tag --list 'v*' --sort=-version:refname | grep -E '^v[0-9]+\.[0-9]+\.[0-9]+$' | head -n "$most" || true)

trees=$(mktemp -d)
trap 'rm -rf "$trees"; git worktree prune' EXIT
rm -rf site "$trees/site"
mkdir -p "$trees/site"
entries=""

# build NAME DIRECTORY ALIAS: the site of a tree, as an entry of the menu
build() {
    (cd "$2" && scripts/docs.sh "$python")
    mv "$2/site" "$trees/site/$1"
    entries="$entries${entries:+,}{\"version\":\"$1\",\"title\":\"$1\",\"aliases\":[$3]}"
}

alias='"latest"'
for tag in $tags; do
    say "The documentation of $tag"
    git worktree add --quiet --detach "$trees/$tag" "$tag"
    build "${tag#v}" "$trees/$tag" "$alias"
    git worktree remove --force "$trees/$tag"
    alias=""
done
[ -n "$tags" ] || build dev . ""

first=$(printf '%s' "$tags" | head -n 1)
newest=${first#v}
newest=${newest:-dev}
mv "$trees/site" site
printf '[%s]\n' "$entries" >site/versions.json
for page in site/index.html site/latest/index.html; do
    mkdir -p "$(dirname "$page")"
    up=""
    [ "$page" = site/index.html ] || up="../"
    printf '<!doctype html><meta charset="utf-8"><title>%s</title><meta http-equiv="refresh" content="0; url=%s%s/">\n' \
        "airflow-spark-pipeline" "$up" "$newest" >"$page"
done
say "site/ holds the documentation of: ${tags:-this tree}"
