"""Chromium without a window, asked by its DevTools protocol.

Source: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp

PROGRAM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
_OPTIONS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--remote-debugging-port=0", "about:blank"),
)
_START_S: Final = 60


class Tab:
    """A page in a browser.

    Args:
        socket: Where its protocol is spoken.

    Attributes:
        complaints: What the browser wrote to the console.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)

    async def ask(self, method: str, **parameters: Any) -> Any:
        """Send a command, and wait for its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await self._hear(lambda message: message.get("id") == number)

    async def open(self, page: Path, width: int, *, scheme: str = "light") -> None:
        """Show a file, as wide as that."""
        for domain in ("Page", "Log", "Runtime"):
            await self.ask(f"{domain}.enable")
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.ask("Emulation.setEmulatedMedia", features=media)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        await self.ask("Emulation.setDeviceMetricsOverride", **size)
        await self.ask("Page.navigate", url=page.as_uri())
        await self._hear(lambda message: message.get("method") == "Page.loadEventFired")

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def screenshot(self, target: Path) -> None:
        """Save a picture of the whole page."""
        shot = await self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        await asyncio.to_thread(target.write_bytes, base64.b64decode(shot["data"]))

    async def _hear(self, is_it: Any) -> Any:
        while True:
            message = await self._socket.receive_json()
            if message.get("method") in ("Log.entryAdded", "Runtime.consoleAPICalled"):
                self.complaints.append(str(message["params"]))
            if is_it(message):
                assert "error" not in message, message
                return message.get("result")


@contextlib.asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Tab]:
    """A browser with one tab."""
    assert PROGRAM
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, f"--user-data-dir={profile}", *_OPTIONS), stderr=asyncio.subprocess.PIPE
    )
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(_START_S):
            address = await _address(process, session)
            async with session.ws_connect(address, max_msg_size=0) as socket:
                yield Tab(socket)
    finally:
        process.kill()
        await process.wait()


async def _address(process: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> str:
    assert process.stderr
    async for line in process.stderr:
        found = re.search(r"DevTools listening on ws://([^/]+)/", line.decode())
        if found:
            async with session.get(f"http://{found[1]}/json/list") as response:
                pages = [each for each in await response.json() if each["type"] == "page"]
            return str(pages[0]["webSocketDebuggerUrl"])
    raise AssertionError("the browser has ended")
