"""Lines of ConfigMgr's client logs, as CMTrace and other log viewers read, color and sort them.

Times are local; with them stand the minutes to add for UTC. A line cannot pass for several, and
foreign text in it cannot end it early.

Source: Microsoft Learn, "CMTrace"; the layout is that of ConfigMgr's client logs.
"""

from __future__ import annotations

import enum
import time

from dlcore.long_path import plain_text
from dlcore.printable import printable

_END = "]LOG]!>"


class Kind(enum.IntEnum):
    """How serious a line is: CMTrace colors warnings yellow and errors red."""

    INFO = 1
    WARNING = 2
    ERROR = 3


def line(text: str, kind: Kind, *, component: str, thread: int, file: str, created_s: float) -> str:
    """One line of a log, without a line break.

    Args:
        text: What it says.
        kind: How serious it is.
        component: Which part of which program says it.
        thread: Number of the thread.
        file: Source file and line, such as ``run.py:12``.
        created_s: When, in seconds since 1970 (UTC).
    """
    local = time.localtime(created_s)
    minutes_to_utc = -local.tm_gmtoff // 60
    shown = printable(plain_text(text)).replace(_END, "]LOG] !>")
    milliseconds = int(created_s % 1 * 1000)
    clock = f"{time.strftime('%H:%M:%S', local)}.{milliseconds:03}{minutes_to_utc:+04}"
    return (
        f'<![LOG[{shown}]LOG]!><time="{clock}" date="{time.strftime("%m-%d-%Y", local)}" '
        f'component="{component}" context="" type="{kind.value}" '
        f'thread="{thread & 0xFFFFFFFF}" file="{file}">'
    )
