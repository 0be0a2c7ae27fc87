"""The servers of the downloads: each with the one property that makes it hard."""

from __future__ import annotations

import functools
import gzip
import hashlib
import hmac
import random
import time

from bench.web import Behaviour, Narrow, Request

SEED = 23
_SECRET = b"known to the server alone"
SIGNED_S = 1.5  # for which a signed URL is valid
CUT_S = 2.0  # after which a server of signed URLs ends a response
NARROW_BYTES_PER_S = 8 << 20  # of all its connections together
CUT_BYTES = (1 << 20, 8 << 20)  # that a flaky link carries before it breaks: from, to
DELAY_S = (0.01, 0.08)  # of an answer over a flaky link: from, to
LIE_BYTES = 1 << 20  # between two wrong bytes


def to(host: str, path: str) -> Behaviour:
    """A redirect to this server, by one of its names."""

    def behave(request: Request) -> None:
        port = request.web.server_address[1]
        request.refuse(302, Location=f"http://{host}:{port}{path}")

    return behave


def whole_only(request: Request) -> None:
    """Ranges are not known here; the length is."""
    request.start, request.end, request.is_range = 0, len(request.content), False
    request.right(Accept_Ranges="", ETag="")


def sign(request: Request) -> None:
    """A redirect to an address that is valid for a moment."""
    expires = f"{time.time() + SIGNED_S:.3f}"
    request.refuse(302, Location=f"/signed{request.path}?expires={expires}&sig={_sign(expires)}")


def signed() -> Behaviour:
    """Only for who has a valid address, over a narrow link; no response lasts long."""
    link = Narrow(NARROW_BYTES_PER_S)

    def behave(request: Request) -> None:
        expires = request.query.get("expires", "0")
        is_valid = hmac.compare_digest(request.query.get("sig", ""), _sign(expires))
        if not is_valid or float(expires) < time.time():
            request.refuse(403)
            return
        if request.method == "HEAD" or request.start >= len(request.content):
            request.right()
            return
        request.head(206 if request.is_range else 200)
        request.write_through(link, request.body, time.monotonic() + CUT_S)

    return behave


def _sign(expires: str) -> str:
    return hmac.new(_SECRET, expires.encode(), hashlib.sha256).hexdigest()


def flaky(request: Request) -> None:
    """Answers come late, and connections break in the middle; by chance, with a known seed."""
    chance = random.Random(SEED * 1_000_003 + request.number)
    time.sleep(chance.uniform(*DELAY_S))
    room = chance.randrange(*CUT_BYTES)
    if request.method == "HEAD" or len(request.body) <= room:
        request.right()
        return
    request.head(206 if request.is_range else 200)
    request.write(request.body[:room])
    request.reset()


def zipped(request: Request) -> None:
    """A middlebox compresses what passes: no length, no ranges, whatever was asked for."""
    gone = {"Content_Length": "", "ETag": "", "Accept_Ranges": "", "Connection": "close"}
    request.head(200, Content_Encoding="gzip", Vary="Accept-Encoding", **gone)
    request.write(_compressed(request.content))
    request.close()


@functools.lru_cache(maxsize=1)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, 1)


def lying(request: Request) -> None:
    """A byte of each MiB is wrong."""
    body = bytearray(request.body)
    first = -(request.start - LIE_BYTES // 2) % LIE_BYTES
    for at in range(first, len(body), LIE_BYTES):
        body[at] ^= 1
    request.right(bytes(body))
