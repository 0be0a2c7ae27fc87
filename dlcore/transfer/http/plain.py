"""The plain receive path: a body as aiohttp hands it out, of any form.

Guarantees: exactly ``count`` bytes reach the sink, or an error is raised. Bytes are counted here,
for a body without ``Content-Length`` ends early without a complaint from below.
"""

from __future__ import annotations

from dlcore.errors import Fault
from dlcore.transfer.http.response import Answer
from dlcore.transfer.sink import Intake


async def receive(answer: Answer, count: int, intake: Intake) -> None:
    """Move a body of exactly ``count`` bytes into the sink.

    Raises:
        TransferError: ``TRUNCATED``, ``STALL``, or ``RANGE`` for a longer body.
    """
    left = count
    while data := await answer.read():
        await intake.put(memoryview(data)[:left])
        left -= len(data)
        if left < 0:
            raise answer.error(Fault.RANGE, f"sent more than the {count} bytes asked for")
    if left:
        raise answer.error(Fault.TRUNCATED, f"the body ended {left} bytes early")
