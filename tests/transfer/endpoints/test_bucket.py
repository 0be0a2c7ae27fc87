"""Buckets: signatures are renewed, and what cannot be signed is read through the library."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest

from dlcore.buckets import CannotSignError, ObjectBytes, ObjectFacts, StoredBucket
from dlcore.errors import AuthError, ConfigError, Fault, NotFoundError, TransferError
from dlcore.transfer.endpoints.bucket import DECIDES_AGAIN_S, SIGNATURE_S, BucketEndpoint
from dlcore.transfer.endpoints.bucket_reader import BucketReader
from dlcore.transfer.endpoints.probe import Probed
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.interface import Renewed
from dlcore.transfer.policy import TransferPolicy
from dlcore.transfer.sink import SinkWriter
from tests.transfer.hostile import AGAIN, Script, hostile
from tests.transfer.packages import Package
from tests.transfer.sinks import Collector

MODIFIED_NS = 784_111_777 * 10**9


class FakeBucket:
    """Implements `dlcore.buckets.Bucket`.

    Args:
        url: Base of the signed URLs; empty if nothing can be signed.
        pieces: What the library reads.
        total_bytes: What it says that the object's length is.
    """

    def __init__(
        self, url: str = "", pieces: Sequence[bytes] = (), total_bytes: int | None = None
    ) -> None:
        self.signed = 0
        self.is_there = True
        self.refuses: CannotSignError | None = None
        self._url = url
        self._pieces = pieces
        self._total_bytes = total_bytes

    async def sign(self, key: str, life_s: float) -> str:
        if self.refuses:
            raise self.refuses
        if not self._url:
            raise CannotSignError("no key")
        assert life_s == SIGNATURE_S
        self.signed += 1
        return f"{self._url}/{key}?X-Amz-Signature=signature-canary-{self.signed}"

    @asynccontextmanager
    async def read(self, key: str, start: int, end: int) -> AsyncIterator[ObjectBytes]:
        total_bytes = (await self.facts(key)).length_bytes
        yield ObjectBytes(total_bytes, self._each())

    async def _each(self) -> AsyncIterator[memoryview]:
        for piece in self._pieces:
            yield memoryview(piece)

    async def facts(self, key: str) -> ObjectFacts:
        if not self.is_there:
            raise NotFoundError(f"{key} is not there")
        known = sum(map(len, self._pieces)) if self._total_bytes is None else self._total_bytes
        return ObjectFacts(known, MODIFIED_NS)


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert "canary" not in caplog.text


def answer(package: Package, count: int) -> Script:
    total = len(package.contents[0])
    return Script.response(
        "206 Partial Content",
        package.contents[0][:count],
        end=AGAIN,
        Content_Length=str(count),
        Content_Range=f"bytes 0-{count - 1}/{total}",
    )


async def read(
    package: Package, bucket: FakeBucket, told: list[Renewed] | None = None, stall_s: float = 20.0
) -> bytes:
    client = HttpClient("bucket", ConnectionPool(TransferPolicy(stall_s=stall_s)))
    observer = told.append if told is not None else lambda _: None
    endpoint = BucketEndpoint("bucket", bucket, client, observer=observer)
    sink = Collector(100)
    try:
        placement = await endpoint.locate(package.manifest)
        await placement.read_range(0, 0, 100, sink)
    finally:
        await endpoint.aclose()
    return sink.received


@pytest.mark.parametrize("code", ["", "AuthenticationFailed"])
async def test_a_signature_that_is_rejected_is_made_anew(package: Package, code: str) -> None:
    """Fault: a signed URL of a bucket ends in the middle of a fetch. dlcore signs a new one."""
    refusal = Script.response("403 Forbidden", end=AGAIN, Content_Length="0", x_ms_error_code=code)
    told: list[Renewed] = []
    async with hostile(refusal, answer(package, 100)) as server:
        bucket = FakeBucket(server.url)
        assert await read(package, bucket, told) == package.contents[0][:100]
        first, second = (request.split(b" ")[1] for request in server.requests)
    assert first != second
    assert [(one.what, one.reason) for one in told] == [("signature", "rejected")]


async def test_a_signature_is_made_anew_before_it_ends(package: Package) -> None:
    now_s = 1000.0
    async with hostile(answer(package, 100)) as server:
        bucket = FakeBucket(server.url)
        endpoint = BucketEndpoint("b", bucket, HttpClient("b"), clock=lambda: now_s)
        placement = await endpoint.locate(package.manifest)
        for later_s in (0, SIGNATURE_S / 2, SIGNATURE_S):
            now_s = 1000.0 + later_s
            await placement.read_range(0, 0, 100, Collector(100))
        await endpoint.aclose()
        asked = [request.split(b" ")[1] for request in server.requests]
    assert asked[0] == asked[1] != asked[2]


async def test_a_bucket_that_rejects_every_signature_is_an_auth_error(package: Package) -> None:
    refusal = Script.response("403 Forbidden", end=AGAIN, Content_Length="0")
    async with hostile(refusal) as server:
        with pytest.raises(AuthError) as refused:
            await read(package, FakeBucket(server.url))
        assert len(server.requests) == 2
    assert "canary" not in str(refused.value)
    assert "clock" in refused.value.remedy


async def test_a_refusal_that_no_signature_cures_is_final(package: Package) -> None:
    code = "AuthorizationPermissionMismatch"
    refusal = Script.response("403 Forbidden", end=AGAIN, Content_Length="0", x_ms_error_code=code)
    async with hostile(refusal) as server:
        with pytest.raises(AuthError):
            await read(package, FakeBucket(server.url))
        assert len(server.requests) == 1


async def test_another_region_is_told_with_what_to_do(package: Package) -> None:
    script = Script.response("301 Moved Permanently", end=AGAIN, Content_Length="0")
    async with hostile(script) as server:
        with pytest.raises(TransferError) as refused:
            await read(package, FakeBucket(server.url))
    assert "AWS_REGION" in refused.value.remedy


async def test_a_signed_url_without_tls_is_refused(package: Package) -> None:
    with pytest.raises(ConfigError, match="https only"):
        await read(package, FakeBucket("http://192.0.2.1"))


async def test_a_document_that_repeats_the_signature_is_refused() -> None:
    body = b"<Canonical>signature-canary-2</Canonical>"
    script = Script.response("200 OK", body, end=AGAIN, Content_Length=str(len(body)))
    async with hostile(script) as server:
        client = HttpClient("bucket")
        endpoint = BucketEndpoint("bucket", FakeBucket(server.url), client)
        with pytest.raises(TransferError, match="repeats the signature"):
            await endpoint.read_document("catalog.json", 1000)
        await endpoint.aclose()


async def test_what_cannot_be_signed_is_read_through_the_library(package: Package) -> None:
    data = package.contents[0]
    bucket = FakeBucket(pieces=[data[:30], data[30:100]], total_bytes=len(data))
    assert await read(package, bucket) == data[:100]


async def test_credentials_that_cannot_be_asked_for_are_asked_for_again(package: Package) -> None:
    """Fault: the service that gives credentials for a bucket does not answer for a while. The
    library reads meanwhile; once the service answers, signed URLs are used again.
    """
    data, now_s = package.contents[0], 1000.0
    async with hostile(answer(package, 100)) as server:
        bucket = FakeBucket(server.url, pieces=[data[:100]], total_bytes=len(data))
        bucket.refuses = CannotSignError("no answer", is_temporary=True)
        endpoint = BucketEndpoint("bucket", bucket, HttpClient("bucket"), clock=lambda: now_s)
        placement = await endpoint.locate(package.manifest)
        signed = []
        for later_s in (0.0, DECIDES_AGAIN_S - 1, DECIDES_AGAIN_S):
            now_s = 1000.0 + later_s
            sink = Collector(100)
            await placement.read_range(0, 0, 100, sink)
            assert sink.received == data[:100]
            signed.append(bucket.signed > 0)
            bucket.refuses = None
        await endpoint.aclose()
    assert signed == [False, False, True]


async def test_a_file_is_found_by_both_ways(package: Package) -> None:
    first = Script.response(
        *("206 P", b"x"),
        end=AGAIN,
        Content_Length="1",
        Content_Range="bytes 0-0/9",
        Last_Modified="Sun, 06 Nov 1994 08:49:37 GMT",
    )
    async with hostile(first) as server:
        for bucket in (FakeBucket(server.url), FakeBucket(pieces=[bytes(9)])):
            endpoint = BucketEndpoint("bucket", bucket, HttpClient("bucket"), keys={"o": "a/f.iso"})
            expected = Probed(9, True, "f.iso", modified_ns=MODIFIED_NS)
            assert await endpoint.probe("a/f.iso") == expected
            await endpoint.aclose()


class Case(msgspec.Struct, frozen=True):
    """What a library gives for 100 bytes, and the fault that it is."""

    pieces: list[bytes]
    difference_bytes: int
    fault: Fault


@pytest.mark.parametrize(
    "case",
    [
        Case([bytes(99)], 0, Fault.TRUNCATED),
        Case([bytes(60), bytes(41)], 0, Fault.RANGE),
        Case([bytes(100)], 1, Fault.RANGE),
    ],
    ids=["short", "long", "another object"],
)
async def test_what_a_library_gives_is_checked(package: Package, case: Case) -> None:
    total_bytes = len(package.contents[0]) + case.difference_bytes
    with pytest.raises(TransferError) as refused:
        await read(package, FakeBucket(pieces=case.pieces, total_bytes=total_bytes))
    assert refused.value.fault is case.fault


async def test_an_object_that_a_library_does_not_find_is_not_found(package: Package) -> None:
    bucket = FakeBucket()
    bucket.is_there = False
    with pytest.raises(TransferError) as refused:
        await read(package, bucket)
    assert (refused.value.fault, refused.value.endpoint) == (Fault.NOT_FOUND, "bucket")


async def test_what_the_library_reads_beyond_the_range_is_dropped() -> None:
    reader = BucketReader("bucket", FakeBucket(pieces=[b"x" * 60, b"x" * 70]), TransferPolicy())
    sink = Collector(100)
    with pytest.raises(TransferError, match="more arrived") as caught:
        await reader.read_range("key", (0, 100), 130, SinkWriter(sink))
    assert caught.value.fault is Fault.RANGE
    assert (sink.filled_bytes, sink.dropped_bytes) == (60, 70)


async def test_a_signature_in_the_environment_does_not_go_where_a_store_leads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault: a store that is read with a shared access signature redirects to another server. The
    signature does not go there, not even in a `Referer`.
    """
    async with hostile(Script.response("200 OK", b"{}", Content_Length="2")) as other:
        to_other = Script.response(
            "307 Temporary Redirect", Content_Length="0", Location=f"{other.url}/catalog.json"
        )
        async with hostile(to_other) as server:
            monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
            monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"{server.url}/account")
            monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=1&sp=r&sig=signature-canary")
            bucket = StoredBucket("az://container")
            endpoint = BucketEndpoint("bucket", bucket, HttpClient("bucket"))
            try:
                with pytest.raises(TransferError) as caught:
                    await endpoint.read_document("catalog.json", 100)
            finally:
                await endpoint.aclose()
            assert b"signature-canary" in server.requests[0]
        assert other.requests == []
    assert caught.value.fault is Fault.REFUSED
    assert "canary" not in f"{caught.value}{caught.value.remedy}"
