"""What this room logs, and at which level; `test_secrets` checks that no credential is in it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dlcore.errors import TransferError
from dlcore.transfer.endpoints.lease import Lease
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.readers import read_document, read_range
from dlcore.transfer.interface import ignore
from dlcore.transfer.policy import TransferPolicy
from dlcore.transfer.sink import SinkWriter
from tests.transfer.hostile import AGAIN, CLOSE, Script, hostile
from tests.transfer.sinks import Collector

OK = Script.response("200 OK", b"{}", end=AGAIN, Content_Length="2")


def logged(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """This room's messages of a level."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == level and record.name.startswith("dlcore.transfer.")
    ]


async def test_each_request_and_response_is_a_debug_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    client = HttpClient("edge")
    async with hostile(OK) as server:
        await read_document(client, f"{server.url}/token?sig=canary", 9)
        await client.aclose()
    request = f"edge: GET {server.url}/token?***"
    assert logged(caplog, logging.DEBUG) == [f"{request} is sent", f"{request} was answered 200"]
    assert not logged(caplog, logging.WARNING)


async def test_a_refusal_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    client = HttpClient("edge")
    async with hostile(Script.response("503 Busy", Content_Length="0")) as server:
        with pytest.raises(TransferError):
            await read_document(client, f"{server.url}/x", 9)
        await client.aclose()
    assert logged(caplog, logging.WARNING) == [f"edge: GET {server.url}/x was answered 503"]


async def test_a_url_that_cannot_be_sent_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    client = HttpClient("edge")
    with pytest.raises(TransferError):
        await read_range(client, "ftp://host/x", (0, 1), 1, SinkWriter(Collector(1)))
    (warning,) = logged(caplog, logging.WARNING)
    assert warning.startswith("edge: GET ftp://host/x: the URL or a header cannot be sent")


async def test_a_request_that_is_sent_again_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    client = HttpClient("edge")
    async with hostile(Script([], CLOSE), OK) as server:
        assert await read_document(client, f"{server.url}/x", 9, method="PROPFIND") == b"{}"
        await client.aclose()
    (warning,) = logged(caplog, logging.WARNING)
    assert "sending PROPFIND again" in warning


async def test_a_renewal_is_an_info_message_and_a_failed_one_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    failures = [False, False, True]

    async def fetch() -> tuple[str, float]:
        if failures.pop(0):
            raise OSError("canary")
        return "canary", 100.0

    lease = Lease("edge", "token", fetch, observer=ignore, policy=TransferPolicy())
    first = await lease.get()
    assert not logged(caplog, logging.INFO)
    second = await lease.renew(first.version, "rejected")
    assert logged(caplog, logging.INFO) == ["edge: renewed the token (rejected)"]
    with pytest.raises(OSError, match="canary"):
        await lease.renew(second.version, "expiring")
    await asyncio.sleep(0)
    (warning,) = logged(caplog, logging.WARNING)
    assert "cannot get a new token" in warning
    assert "canary" not in caplog.text
