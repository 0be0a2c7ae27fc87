"""Where a web server may lead whoever reads a site there: never out of TLS."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from dlcore.errors import TransferError
from dlcore.publish.opening import open_site
from tests.transfer.hostile import AGAIN, Script, hostile

CATALOG = b'{"schema": 1}'


def answer(body: bytes) -> Script:
    return Script.response(
        "206 Partial Content",
        body,
        end=AGAIN,
        Content_Length=str(len(body)),
        Content_Range=f"bytes 0-{len(body) - 1}/{len(body)}",
        Last_Modified="Mon, 30 Nov 2026 10:00:00 GMT",
        ETag='"1"',
    )


async def read(url: str, ca_file: str) -> bytes:
    site = open_site(url, ca_file=ca_file)
    return bytes(await asyncio.to_thread(site.read, "catalog.json", 0, len(CATALOG)))


@pytest.mark.wine_cannot(reason="lets no program add an authority of its own")
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_site_behind_tls_leads_nobody_to_plain_http(scheme: str, tmp_path: Path) -> None:
    """Fault: the server of a site redirects from https to http, where anyone on the way can alter
    the catalog. `list`, `tree`, `diff` and `verify` do not follow.
    """
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    is_tls = scheme == "https"
    async with hostile(answer(CATALOG), tls=tls if is_tls else None) as other:
        to_other = Script.response(
            "302 Found", end=AGAIN, Content_Length="0", Location=f"{other.url}/catalog.json"
        )
        async with hostile(to_other, tls=tls) as server:
            if is_tls:
                assert await read(server.url, str(ca_file)) == CATALOG
            else:
                with pytest.raises(TransferError):
                    await read(server.url, str(ca_file))
        assert len(other.requests) == is_tls
