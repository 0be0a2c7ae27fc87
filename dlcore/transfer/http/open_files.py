"""How many connections the process may open, by its limit of open files."""

from __future__ import annotations

import sys

SHARE = 4
"""A host gets a quarter of the open files: a second host, the content's files and the program need
the others. With the usual limit of 1024 these are 256 connections, as many as a host may have."""


def max_connections() -> int:
    """Connections to one host that leave open files for the rest; at least 1.

    Source: man 2 getrlimit, ``RLIMIT_NOFILE``. Windows has no such limit for sockets.
    """
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft // SHARE)
