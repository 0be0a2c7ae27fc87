"""Who may speak to the agent: its own user and root, and nobody else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dlcore.agent.running import running_agent
from tests.engine.scene import deployment
from tests.users import ADVERSARY, needs_root, run_as


@needs_root
@pytest.mark.posix_only(reason="users have ids there")
async def test_another_user_gets_no_answer(published: Path, tmp_path: Path) -> None:
    """Fault: another user of the machine asks the agent. It is not answered, even if let in."""
    state = tmp_path / "state"
    async with running_agent(deployment(published), state, version="1"):
        socket = state / "agent.sock"
        for folder in (state, *list(state.parents)[:-1]):
            _open_to_all(folder)
        socket.chmod(0o666)

        def ask() -> None:
            import socket as sockets

            with sockets.socket(sockets.AF_UNIX) as plain:
                plain.connect(str(socket))
                plain.sendall(b"GET /v1/status HTTP/1.1\r\nHost: dlcore\r\n\r\n")
                assert plain.recv(12) in (b"HTTP/1.1 403", b"")

        await asyncio.to_thread(run_as, ADVERSARY, ask)


def _open_to_all(folder: Path) -> None:
    folder.chmod(folder.stat().st_mode | 0o055)
