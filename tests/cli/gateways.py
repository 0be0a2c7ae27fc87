"""The gateway of ``dlcore serve`` in a thread of this process: a process would take longer."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from dlcore.cli.serve import client_config
from dlcore.emulator import Emulator, Settings
from tests.cli.helpers import Served


@contextlib.contextmanager
def served_here(
    folder: Path, state: Path, *, port: int = 0, bandwidth_bytes_per_s: int | None = None
) -> Iterator[Served]:
    """Serve a published folder as ``dlcore serve`` does.

    Args:
        folder: The published folder.
        state: For its certificates, its token and its ``client.toml``.
        port: Where it listens; 0 for a free one.
        bandwidth_bytes_per_s: What all clients together get; None for what the machine can.
    """
    settings = Settings(port=port, bandwidth_bytes_per_s=bandwidth_bytes_per_s)
    ready: Future[tuple[Served, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        async with Emulator(folder, settings, state=state) as emulator:
            config = state / "client.toml"
            config.write_text(client_config(emulator, settings), encoding="utf-8")
            token = ("--token-file", str(emulator.registration_token_file))
            access = (*token, "--ca-file", str(emulator.ca_file))
            is_over = asyncio.Event()
            served = Served(emulator.url, config, access)
            ready.set_result((served, asyncio.get_running_loop(), is_over))
            await is_over.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        served, loop, is_over = ready.result()
        try:
            yield served
        finally:
            loop.call_soon_threadsafe(is_over.set)
    finally:
        thread.join()
