#!/bin/sh
# Gets what tests/topology runs beside Python and Java: Postgres, Redis, and MinIO where Go is there to build it.
#
# Prints the folder of MinIO's program, for PATH; nothing where there is none, and moto's S3 server stands in for it.
set -eu
. "$(dirname "$0")/lib.sh"

"$(dirname "$0")/install.sh" redis-server >&2
"$(dirname "$0")/install.sh" postgresql >&2

# MinIO publishes sources only; docker/minio.Dockerfile names the version, and builds the same.
minio=github.com/minio/minio@$(sed -n 's/^ARG MINIO_VERSION=//p' "$(dirname "$0")/../docker/minio.Dockerfile")
folder="${XDG_CACHE_HOME:-$HOME/.cache}/airflow-spark-pipeline/bin"
if have minio; then
    exit 0
elif [ ! -x "$folder/minio" ] && have go; then
    say "Building MinIO, once (about five minutes): go install $minio"
    mkdir -p "$folder"
    GOBIN="$folder" go install "$minio" >&2 || say "MinIO could not be built; moto's S3 server stands in for it"
fi
[ ! -x "$folder/minio" ] || echo "$folder"
