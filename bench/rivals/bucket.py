"""A private bucket of an S3 server on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

NAME = "releases"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


@contextlib.contextmanager
def private_bucket(files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve files to whoever signs the requests; yields the URL of the server.

    The server refuses requests without a signature. It does not compute the signature again.
    """
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name=ENVIRONMENT["AWS_REGION"],
            aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=NAME)
        for name, content in files.items():
            client.put_object(Bucket=NAME, Key=name, Body=content)
        yield url
    finally:
        server.stop()
