"""What an object store or a web server replies gets into no message, and into no memory unasked."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from obstore.exceptions import BaseError

from dlcore.buckets import CannotSignError, StoredBucket, store_faults
from dlcore.errors import AuthError, ConfigError, DlcoreError, Fault, TransferError
from dlcore.publish import publish, verify_site
from dlcore.publish.remote import RemoteSite
from dlcore.transfer import TransferPolicy
from dlcore.transfer.endpoints.bucket_reader import BucketReader
from tests.publish.helpers import write_tree

CANARY = "c4n4ry0123456789"


class _Echo(BaseHTTPRequestHandler):
    """Repeats each request in its reply; or, to a request for a range, sends twice as much."""

    protocol_version = "HTTP/1.1"
    status = 403

    def log_message(self, *_: object) -> None: ...

    def _reply(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        echo = f"<Message>{self.path} {self.headers} \x1b[31m</Message>".replace("\n", " ").encode()
        self.send_response(self.status)
        if asked := self.headers.get("Range"):
            self.send_header("Content-Range", f"bytes {asked.removeprefix('bytes=')}/1000")
            echo = bytes(200)
        self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        self.send_header("Content-Length", str(len(echo)))
        self.end_headers()
        if self.command != "HEAD" and self.status != 304:
            self.wfile.write(echo)

    do_GET = do_HEAD = do_PUT = _reply  # noqa: N815


@contextmanager
def echoing(status: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that answers with a status. Yields its URL, which the environment names too."""
    handler = type("Echo", (_Echo,), {"status": status})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        for name, value in {
            "AZURE_STORAGE_ACCOUNT_NAME": "account",
            "AZURE_STORAGE_ENDPOINT": url,
            "AZURE_ALLOW_HTTP": "true",
        }.items():
            monkeypatch.setenv(name, value)
        yield url
        server.shutdown()


@pytest.mark.parametrize("status", [304, 400, 403, 404, 409, 412, 418])
def test_a_reply_that_repeats_the_signature_is_not_quoted(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: an object store repeats the signature in its reply. dlcore quotes no reply."""
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", f"sv=2024-11-04&sp=rw&sig={CANARY}")
    source = write_tree(tmp_path / "source", {"a": b"1"})
    with echoing(status, monkeypatch), pytest.raises(DlcoreError) as caught:
        publish(source, package_id="ABC00012", destination="az://container")
    told = "".join(traceback.format_exception(caught.value)) + caught.value.remedy
    assert CANARY not in told
    assert "\x1b" not in told
    assert f"the store answered {status}" in told


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (403, Fault.AUTH),
        (404, Fault.NOT_FOUND),
        (429, Fault.BUSY),
        (500, Fault.SERVER),
        (503, Fault.BUSY),
    ],
)
async def test_a_reply_to_who_reads_is_a_fault_and_is_not_quoted(
    status: int, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: an object store repeats the signature that it is asked with for a file. dlcore quotes
    no reply, and asks once: another endpoint may have the file.
    """
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", f"sv=2024-11-04&sp=r&sig={CANARY}")
    with echoing(status, monkeypatch), pytest.raises(TransferError) as caught:
        await BucketReader("az", StoredBucket("az://content"), TransferPolicy()).facts("a")
    assert caught.value.fault is fault
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_machine_without_credentials_is_told_where_they_belong() -> None:
    url = "http://169.254.169.254/latest/api/token"
    with pytest.raises(AuthError, match="has no credentials") as caught, store_faults("s3://b"):
        raise BaseError(
            f"Generic S3 error: Error performing PUT {url} - status code: 403 Forbidden"
        )
    assert "AWS_SKIP_SIGNATURE" in caught.value.remedy


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        ("az://container", "AZURE_STORAGE_TOKEN", f"{CANARY}\n{CANARY}"),
        ("az://container", "AZURE_STORAGE_ENDPOINT", f"http://127.0.0.1:9?sig={CANARY}"),
        ("gs://bucket", "GOOGLE_SERVICE_ACCOUNT_KEY", f'"{CANARY}"'),
        ("s3://bucket", "AWS_SKIP_SIGNATURE", CANARY),
    ],
)
async def test_a_credential_that_cannot_be_used_is_not_quoted(
    where: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a credential in the environment is malformed. dlcore says so, and does not show it."""
    with echoing(403, monkeypatch):
        monkeypatch.setenv(name, value)
        if name.endswith("ENDPOINT"):
            monkeypatch.setenv("AZURE_SKIP_SIGNATURE", "true")
        with pytest.raises((ConfigError, AuthError, TransferError)) as caught:
            verify_site(where)
        with pytest.raises((ConfigError, TransferError, CannotSignError)) as unsigned:
            await read_anything(where)
    for error in (caught.value, unsigned.value):
        assert CANARY not in "".join(traceback.format_exception(error))


async def read_anything(where: str) -> None:
    """Sign a URL, and ask for an object."""
    bucket = StoredBucket(where)
    await bucket.sign("key", 60)
    await BucketReader("bucket", bucket, TransferPolicy()).facts("key")


def test_a_web_server_that_sends_more_than_asked_for_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault: a site sends more than was asked for. dlcore reads one byte of it, and refuses it."""
    with echoing(206, monkeypatch) as url, pytest.raises(TransferError, match="more than the 100"):
        RemoteSite(url).read("objects/x", 0, 100)
