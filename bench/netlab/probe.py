"""``probe.py URL``: a small request every 200 ms, as somebody makes who works beside a download.

Runs in the client's namespace until standard input is closed; prints how long each request took, in
seconds, as a JSON list. Each has a connection of its own, whose opening counts: two round trips.
"""

from __future__ import annotations

import http.client
import json
import select
import sys
import time
from urllib.parse import urlsplit

EVERY_S = 0.2
MAX_S = 20.0


def main(url: str) -> None:
    """Ask until told to stop."""
    parts = urlsplit(url)
    taken_s: list[float] = []
    while not select.select([sys.stdin], [], [], EVERY_S)[0]:
        start_s = time.monotonic()
        connection = http.client.HTTPConnection(parts.netloc, timeout=MAX_S)
        try:
            connection.request("GET", parts.path)
            connection.getresponse().read()
        except OSError:
            pass  # it counts as long as it took
        finally:
            connection.close()
        taken_s.append(time.monotonic() - start_s)
    print(json.dumps(taken_s))


if __name__ == "__main__":
    main(*sys.argv[1:])
