# The S3 server of docker-compose.yaml. MinIO publishes no images any more, and its last ones can no longer be pulled: this
# builds the last of its sources that the Go module proxy has. scripts/topology.sh builds the same for the tests.

FROM golang:1.26.1-bookworm AS build
ARG MINIO_VERSION=v0.0.0-20260212201848-7aac2a2c5b7c
RUN CGO_ENABLED=0 go install -trimpath "github.com/minio/minio@${MINIO_VERSION}"

FROM debian:12.12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -m 0750 /var/lib/minio
COPY --from=build /go/bin/minio /usr/local/bin/minio
