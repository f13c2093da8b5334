#!/bin/sh
# Builds the wheel and the sdist into dist/ and checks them: scripts/dist.sh PYTHON [RELEASE]
#
# RELEASE is the version that is about to be published; the package and the changelog must name the same one.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

python=${1:?usage: scripts/dist.sh PYTHON [RELEASE]}
release=${2:-}
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' airflow_spark_pipeline/__init__.py)
[ -n "$version" ] || die "airflow_spark_pipeline/__init__.py names no version"

if [ -n "$release" ]; then
    [ "$release" = "$version" ] || die "The tag says $release, airflow_spark_pipeline/__init__.py says $version."
    grep -qE "^## $version \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$" CHANGELOG.md ||
        die "CHANGELOG.md has no line '## $version (<date of the release>)'."
fi

rm -rf dist
"$python" -m build --outdir dist .
"$python" -m twine check --strict dist/*
say "dist/ holds version $version; to install it: pip install \"dist/airflow_spark_pipeline-$version-py3-none-any.whl[spark]\""
