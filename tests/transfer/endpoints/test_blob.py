"""Azure Blob Storage: signatures are read again when that can help, and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from dlcore.errors import AuthError, Fault, TransferError
from dlcore.transfer.endpoints.blob import BlobEndpoint
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.interface import Renewed
from tests.azurite import Azurite
from tests.transfer.hostile import Script, hostile
from tests.transfer.packages import Package
from tests.transfer.sinks import Collector

CONTAINER = "content"


class Vault:
    """Gives the signatures in turn, the last one again and again."""

    def __init__(self, *signatures: str) -> None:
        self.signatures = signatures
        self.reads = 0

    def __call__(self) -> str:
        self.reads += 1
        return self.signatures[min(self.reads, len(self.signatures)) - 1]


async def read(
    package: Package, url: str, vault: Vault, told: list[Renewed] | None = None
) -> bytes:
    endpoint = BlobEndpoint(
        "blob", url, vault, HttpClient("blob"), told.append if told is not None else lambda _: None
    )
    sink = Collector(100)
    try:
        placement = await endpoint.locate(package.manifest)
        await placement.read_range(0, 0, 100, sink)
    finally:
        await endpoint.aclose()
    return sink.received


async def test_an_expired_signature_is_read_again(azurite: Azurite, package: Package) -> None:
    """Fault K1: a signature expires during a download. dlcore reads it again and goes on."""
    vault = Vault(
        azurite.container_sas(CONTAINER, life_s=-60), "?" + azurite.container_sas(CONTAINER)
    )
    told: list[Renewed] = []
    received = await read(package, f"{azurite.url}/{CONTAINER}", vault, told)
    assert received == package.contents[0][:100]
    assert [(each.endpoint, each.what, each.reason) for each in told] == [
        ("blob", "signature", "rejected")
    ]


async def test_a_signature_that_stays_expired_is_an_auth_error(
    azurite: Azurite, package: Package
) -> None:
    vault = Vault(azurite.container_sas(CONTAINER, life_s=-60))
    with pytest.raises(AuthError):
        await read(package, f"{azurite.url}/{CONTAINER}", vault)
    assert vault.reads == 2


async def test_a_permission_that_is_not_there_is_final_at_once(
    azurite: Azurite, package: Package
) -> None:
    """Fault K3: a signature lacks a permission. dlcore ends at once and renews nothing."""
    vault = Vault(azurite.container_sas(CONTAINER, permissions="l"))
    with pytest.raises(AuthError, match="AuthorizationPermissionMismatch"):
        await read(package, f"{azurite.url}/{CONTAINER}", vault)
    assert vault.reads == 1


@pytest.mark.parametrize(
    ("status", "code", "fault", "reads"),
    [
        ("403 Forbidden", "AuthenticationFailed", Fault.AUTH, 2),
        ("403 Forbidden", "AuthorizationFailure", Fault.AUTH, 2),
        ("403 Forbidden", "AuthorizationPermissionMismatch", Fault.AUTH, 1),
        ("403 Forbidden", "AuthorizationSourceIPMismatch", Fault.AUTH, 1),
        ("403 Forbidden", "AuthorizationProtocolMismatch", Fault.AUTH, 1),
        ("403 Forbidden", "InsufficientAccountPermissions", Fault.AUTH, 1),
        ("401 Unauthorized", "NoAuthenticationInformation", Fault.AUTH, 1),
        ("503 Busy", "ServerBusy", Fault.BUSY, 1),
        ("500 Error", "OperationTimedOut", Fault.SERVER, 1),
        ("500 Error", "InternalError", Fault.SERVER, 1),
        ("404 Not Found", "BlobNotFound", Fault.NOT_FOUND, 1),
        ("404 Not Found", "ContainerNotFound", Fault.NOT_FOUND, 1),
        ("409 Conflict", "BlobArchived", Fault.REFUSED, 1),
        ("416 Range", "InvalidRange", Fault.RANGE, 1),
    ],
)
async def test_the_error_code_decides_what_is_done(
    package: Package, status: str, code: str, fault: Fault, reads: int
) -> None:
    script = Script.response(status, Content_Length="0", x_ms_error_code=code)
    vault = Vault("sig=first", "sig=second")
    async with hostile(script) as server:
        with pytest.raises(TransferError, match=code) as caught:
            await read(package, server.url, vault)
    assert caught.value.fault is fault
    assert vault.reads == reads


@pytest.mark.parametrize("signatures", [("sig=first", "sig=second"), ("sig=static",)])
@pytest.mark.parametrize(
    ("server_ahead", "told"),
    [
        (timedelta(hours=3), "this machine's clock is 3 hours behind the server's"),
        (timedelta(minutes=-31), "this machine's clock is 31 minutes ahead of the server's"),
        (timedelta(minutes=4), ""),
    ],
)
async def test_a_rejected_signature_tells_how_the_clocks_differ(
    package: Package, signatures: tuple[str, ...], server_ahead: timedelta, told: str
) -> None:
    """Fault C2: a signature counts not yet, or no longer, as a clock is wrong. dlcore reads a new
    one once, then tells how far the clocks are apart.
    """
    script = Script.response(
        "403 Forbidden",
        Content_Length="0",
        Date=format_datetime(datetime.now(UTC) + server_ahead, usegmt=True),
        x_ms_error_code="AuthenticationFailed",
    )
    vault = Vault(*signatures)
    async with hostile(script) as server:
        with pytest.raises(AuthError) as caught:
            await read(package, server.url, vault)
    assert vault.reads == 2
    assert told in caught.value.message
    assert ("clock" in caught.value.message + caught.value.remedy) == bool(told)


async def test_the_signature_goes_over_the_wire_as_it_stands(package: Package) -> None:
    """Fault K7: a signature has characters that libraries like to re-quote. dlcore sends it as it
    stands.
    """
    signature = "sv=2021&se=2026-01-01T00%3A00%3A00Z&sig=a%2Fb%2Bc%3D"
    async with hostile(Script.response("404 No", Content_Length="0")) as server:
        with pytest.raises(TransferError):
            await read(package, f"{server.url}/account/c/prefix", Vault(signature))
    head = server.requests[0].decode().split("\r\n")
    name = package.manifest.objects[0].name
    assert head[0] == f"GET /account/c/prefix/objects/{name}?{signature} HTTP/1.1"
    assert "x-ms-version: 2021-12-02" in head


async def test_a_busy_storage_account_is_busy_and_not_broken(package: Package) -> None:
    body = b"<?xml version='1.0'?><Error><Code>ServerBusy</Code></Error>"
    busy = Script.response(
        "503 Egress is over the account limit.",
        body,
        x_ms_error_code="ServerBusy",
        Content_Type="application/xml",
        Content_Length=str(len(body)),
        Retry_After="2",
    )
    async with hostile(busy) as server:
        with pytest.raises(TransferError, match="503 ServerBusy") as caught:
            await read(package, server.url, Vault("sig=s"))
    assert (caught.value.fault, caught.value.retry_after_s) == (Fault.BUSY, 2.0)


@pytest.mark.parametrize(
    "spelled", ["c4n4ry%2Fc4n4ry%3D", "c4n4ry/c4n4ry=", r"c4n4ry\/c4n4ry\u003D"]
)
async def test_a_document_that_repeats_the_signature_is_refused(spelled: str) -> None:
    """Fault: storage puts the signature into a catalog. dlcore refuses it before it is quoted."""
    body = f'{{"schema":1,"packages":{{"{spelled}":1}}}}'.encode()
    vault = Vault("sv=2024-11-04&sig=c4n4ry%2Fc4n4ry%3D&sp=r")
    async with hostile(Script.response("200 OK", body, Content_Length=str(len(body)))) as server:
        endpoint = BlobEndpoint("blob", server.url, vault, HttpClient("blob"))
        with pytest.raises(TransferError, match="repeats the signature") as caught:
            await endpoint.read_document("catalog.json", 1000)
        await endpoint.aclose()
    assert "c4n4ry" not in str(caught.value)
