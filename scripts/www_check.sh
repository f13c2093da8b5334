#!/bin/sh
# Checks the page's front end: scripts/www_check.sh DIRECTORY
#
# The bundle is committed, so that nobody needs Node to install the package. It has to be what the sources give.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

cd "${1:?usage: scripts/www_check.sh DIRECTORY}"
have npm || die "This needs Node 20 or newer with npm."

if grep -n '"resolved"\|https*:' package-lock.json; then
    die "package-lock.json names hosts to download from: run npm install with the .npmrc that lies beside it, and drop the fields funding."
fi
npm ci
npx openapi-typescript openapi.json -o src/openapi.ts --default-non-nullable --check ||
    die "src/openapi.ts is not what openapi.json gives: run npm run types, and commit it."
npm run check
npm test
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
for mode in production airflow-3.1; do
    npm run bundle -- --mode "$mode" --outDir "$fresh"
done
diff -r "$fresh" dist || die "The committed bundle is not what the sources give: run make www, and commit dist/."
say "The bundle is what the sources give"
