"""Moves a body into a sink by the fastest way that the body and the connection allow.

Guarantees: both ways give the same bytes and the same faults; the tests hold both to it.
"""

from __future__ import annotations

import os

from dlcore.errors import ConfigError
from dlcore.transfer.http import direct, plain
from dlcore.transfer.http.aiohttp_internals import aiohttp_is_known
from dlcore.transfer.http.response import Answer
from dlcore.transfer.sink import Intake

PATH_VARIABLE = "DLCORE_RECEIVE"


def receive_path() -> str:
    """The way in use for bodies that allow it: ``direct``, or ``plain`` for all.

    ``plain`` if the environment variable ``DLCORE_RECEIVE`` says so, or if the installed aiohttp
    is not one whose connections can be read directly.

    Raises:
        ConfigError: The variable names no path.
    """
    forced = os.environ.get(PATH_VARIABLE) or "direct"
    if forced not in {"direct", "plain"}:
        raise ConfigError(
            f"{PATH_VARIABLE}={forced}: no such receive path",
            remedy=f"Set {PATH_VARIABLE} to direct or plain, or unset it.",
        )
    return forced if aiohttp_is_known() else "plain"


async def receive(answer: Answer, count: int, intake: Intake) -> None:
    """Move a body of exactly ``count`` bytes into the sink.

    Args:
        answer: Its headers have been checked: the body is in no coding.
        count: Bytes asked for.
        intake: Where they go.

    Raises:
        TransferError: ``TRUNCATED``, ``STALL``, or ``RANGE`` for a longer body.
    """
    exact = (
        answer.headers.get("Content-Length") == str(count)
        and "Transfer-Encoding" not in answer.headers
    )
    wire = answer.wire() if exact and receive_path() == "direct" else None
    if wire is None:
        await plain.receive(answer, count, intake)
    else:
        await direct.receive(answer, wire, count, intake)
