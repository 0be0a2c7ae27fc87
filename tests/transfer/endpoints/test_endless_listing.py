"""Distribution points that list more than any package has."""

from __future__ import annotations

import pytest
from aiohttp import web

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.transfer import DistributionPointEndpoint, open_endpoint
from tests.transfer.endpoints.test_propfind import listing

NAME = "d" * 200


async def lists_itself(request: web.Request) -> web.Response:
    """Every folder has one folder."""
    below = f"{request.raw_path.rstrip('/')}/{NAME}/"
    return web.Response(status=207, body=listing((below, 1, "0")), content_type="text/xml")


async def refusal(max_entries: int) -> TransferError:
    app = web.Application()
    app.router.add_route("PROPFIND", "/{path:.*}", lists_itself)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/SMS_DP_SMSPKG$"
    endpoint = open_endpoint(EndpointSettings("dp", EndpointKind.DP, url))
    assert isinstance(endpoint, DistributionPointEndpoint)
    try:
        with pytest.raises(TransferError) as caught:
            await endpoint.list_content("ABC00012", max_entries=max_entries)
    finally:
        await endpoint.aclose()
        await runner.cleanup()
    return caught.value


@pytest.mark.parametrize(("max_entries", "told"), [(1000, "a path of over"), (5, "more than 5")])
async def test_a_listing_that_leads_ever_deeper_is_refused(max_entries: int, told: str) -> None:
    """Fault: each folder of a listing has another one. dlcore refuses it, and asks no further."""
    error = await refusal(max_entries)
    assert error.fault is Fault.REFUSED
    assert told in error.message
