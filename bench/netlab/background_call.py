"""``background_call.py PUBLISHED URL STATE MODE``: fetch a package by the library, in one mode.

MODE is ``background``; ``portable``, the same without what only Linux lets a program do; or
``foreground``. Runs until it is ended.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from dlcore import Client, Deployment
from dlcore.deployment.settings import CatalogSettings, ClientSettings
from dlcore.engine.traffic_rules import Urgency
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.transfer import ReceiveWindow

PACKAGE = "BNC00004"


async def main(published: str, url: str, state: str, mode: str) -> None:
    """Fetch."""
    deployment = Deployment(
        CatalogSettings(path=str(Path(published) / "catalog.json")),
        (EndpointSettings("far side", EndpointKind.HTTP, url),),
        client=ClientSettings(on_internet=False),
    )
    if mode == "portable":
        assert ReceiveWindow.__init__.__kwdefaults__
        ReceiveWindow.__init__.__kwdefaults__["can_measure"] = False
    async with Client(deployment, Path(state)) as client:
        client.set_urgency(Urgency.AWAITED if mode == "foreground" else Urgency.SPARE)
        await client.fetch(PACKAGE)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
