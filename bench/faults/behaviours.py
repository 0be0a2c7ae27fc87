"""Servers that do something wrong, each in one way: the first times only, or always."""

from __future__ import annotations

import gzip

from bench.web import Behaviour, Request, right

FEW = 3  # requests that a passing fault hits
PLACE = 2_345_678  # of the byte that is wrong
SLOW_BYTES_PER_S = 16 << 20
TRICKLE_BYTES_PER_S = 20
_OTHER = bytes(byte ^ 0x55 for byte in range(256))


def slow(request: Request) -> None:
    """Nothing is wrong, but it takes a while."""
    request.head(206 if request.is_range else 200)
    request.write(request.body, SLOW_BYTES_PER_S)


def passing(wrong: Behaviour, count: int = FEW) -> Behaviour:
    """The first requests meet a fault; then all is well."""

    def behave(request: Request) -> None:
        (wrong if request.number < count else right)(request)

    return behave


def flip(request: Request) -> None:
    """One bit is wrong."""
    body = bytearray(request.body)
    if request.start <= PLACE < request.end:
        body[PLACE - request.start] ^= 1
    request.right(bytes(body))


def flip_somewhere(request: Request) -> None:
    """One bit of each answer is wrong."""
    body = bytearray(request.body)
    body[len(body) // 2] ^= 1
    request.right(bytes(body))


def ignore_range(request: Request) -> None:
    """The answer to a range is the whole object, with 200."""
    request.start, request.end, request.is_range = 0, len(request.content), False
    request.right()


def login_page(request: Request) -> None:
    """A captive portal answers."""
    page = b"<html>Please log in to this network.</html>"
    request.head(200, Content_Length=str(len(page)), Content_Type="text/html")
    request.write(page)


def shifted(request: Request) -> None:
    """The bytes are those of another place, and the headers do not say so."""
    start = 4096 if request.start + 4096 < len(request.content) else 0
    moved = request.content[request.start + start : request.end + start]
    request.right(moved.ljust(len(request.body), b"\0"))


def other_range(request: Request) -> None:
    """The range is another than the one asked for, and the headers say so."""
    total = len(request.content)
    start = max(0, request.start - 1)
    end = start + len(request.body)
    body = request.content[start:end]
    request.right(body, Content_Range=f"bytes {start}-{end - 1}/{total}")


def truncated(request: Request) -> None:
    """The body ends early."""
    request.right(request.body[: len(request.body) // 2])
    request.close()


def truncated_without_length(request: Request) -> None:
    """The body ends early, and no length tells."""
    request.right(request.body[: len(request.body) // 2], Content_Length="", Connection="close")
    request.close()


def surplus(request: Request) -> None:
    """More bytes come than were asked for."""
    request.right(request.body + b"surplus" * 1000, Content_Length="", Connection="close")
    request.close()


def reset(request: Request) -> None:
    """The connection breaks in the middle."""
    request.right(request.body[: len(request.body) // 2])
    request.reset()


def stall(request: Request) -> None:
    """Nothing comes any more in the middle."""
    request.right(request.body[: len(request.body) // 2])
    request.stall()


def silence(request: Request) -> None:
    """No answer comes at all."""
    request.stall()


def trickle(request: Request) -> None:
    """A few bytes come every second, without end."""
    request.head(206 if request.is_range else 200)
    request.write(request.body, TRICKLE_BYTES_PER_S)
    request.close()


def busy(request: Request) -> None:
    """The server asks for a second of patience."""
    request.head(503, Content_Length="0", Retry_After="1")


def failing(request: Request) -> None:
    """The server fails."""
    request.head(500, Content_Length="0")


def redirect_loop(request: Request) -> None:
    """The server redirects to itself."""
    request.head(302, Content_Length="0", Location="?again")


def compressed(request: Request) -> None:
    """The body is compressed although nobody asked for it."""
    body = gzip.compress(request.body, 1)
    request.right(body, Content_Length=str(len(body)), Content_Encoding="gzip")


def multipart(request: Request) -> None:
    """The range comes as one part of several."""
    total, last = len(request.content), request.end - 1
    head = f"--x\r\nContent-Range: bytes {request.start}-{last}/{total}\r\n\r\n".encode()
    body = head + request.body + b"\r\n--x--\r\n"
    kind = "multipart/byteranges; boundary=x"
    request.right(body, Content_Length=str(len(body)), Content_Range="", Content_Type=kind)


def replaced(request: Request) -> None:
    """After the first requests the object is another one of the same length."""
    if request.number < FEW:
        request.right(request.body)
        return
    request.right(request.body.translate(_OTHER), ETag='"two"')
