"""Moto in place of AWS, in this process or as a server, with an identity that must not reach the job."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

ROLE = "arn:aws:iam::123456789012:role/etl"
REGION = "us-east-1"
ACCOUNT = "123456789012"


@contextlib.contextmanager
def aws(patch: Any, *, endpoint: str | None = None) -> Iterator[None]:
    """Let AWS clients talk to moto.

    :param patch: pytest's ``monkeypatch``
    :param endpoint: URL of moto's server; default: in this process
    """
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "identity-of-the-worker")
    if endpoint is not None:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
    patch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws() if endpoint is None else contextlib.nullcontext():
        yield


def make_bucket(endpoint: str, bucket: str) -> None:
    """Make a bucket.

    :param endpoint: URL of the S3 server
    """
    import boto3

    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)


def objects(endpoint: str, bucket: str) -> Iterator[tuple[str, bytes]]:
    """Yield what is in a bucket, by name.

    :param endpoint: URL of the S3 server
    """
    import boto3

    s3 = boto3.client("s3", endpoint_url=endpoint)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", ()):
            with contextlib.suppress(s3.exceptions.NoSuchKey):  # it was removed since
                yield found["Key"], s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
