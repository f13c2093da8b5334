#!/bin/sh
# Builds the wheel and the sdist into dist/ and checks them: scripts/dist.sh PYTHON [RELEASE [REPOSITORY]]
#
# RELEASE is the version that is about to be published; the package and the changelog must name the same one.
# REPOSITORY is the address of the repository on its code host; it becomes the project's addresses and README's links.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

python=${1:?usage: scripts/dist.sh PYTHON [RELEASE [REPOSITORY]]}
release=${2:-}
repository=${3:-}
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' airflow_spark_pipeline/__init__.py)
[ -n "$version" ] || die "airflow_spark_pipeline/__init__.py names no version"

if [ -n "$release" ]; then
    [ "$release" = "$version" ] || die "The tag says $release, airflow_spark_pipeline/__init__.py says $version."
    grep -qE "^## $version \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$" CHANGELOG.md ||
        die "CHANGELOG.md has no line '## $version (<date of the release>)'."
    if grep -n "is not on a package index yet" README.md docs/getting-started.md; then
        die "These lines say that no version is published. Remove them, and the hint at make dist with them."
    fi
fi

rm -rf dist
source=.
if [ -n "$repository" ]; then
    source=$(mktemp -d)
    trap 'rm -rf "$source"' EXIT
    git ls-files -z | tar --null --files-from=- --create | tar --extract --directory="$source"
    "$python" scripts/index_metadata.py "$source" "$repository"
fi
"$python" -m build --outdir dist "$source"
"$python" -m twine check --strict dist/*
say "dist/ holds version $version; to install it: pip install \"dist/airflow_spark_pipeline-$version-py3-none-any.whl[spark]\""
