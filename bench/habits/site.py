"""The pages of the server that habits are tried on."""

from __future__ import annotations

import base64
import email.utils
from pathlib import Path

from bench.rivals.metalink import metalink
from bench.rivals.supplies import Supplies
from bench.web import MODIFIED_S, Behaviour, Page, Request, narrow, right

LOGIN = ("reader", "letmein")
TICKET, COOKIE = "7f3a", "session=41b2"
SLOW_BYTES_PER_S = 1 << 20
LARGE_BYTES_PER_S = 16 << 20
NARROW_BYTES_PER_S = 12 << 20  # of all connections together


def pages(supplies: Supplies) -> dict[str, Page]:
    """What is where; ``tool.zip`` in a folder is the same file, served in another way."""
    files, tool = supplies.files, supplies.files["tool.zip"]
    index = "".join(f'<a href="{name}">{name}</a>\n' for name in files)
    folders: dict[str, Behaviour] = {
        "slow": slow,
        "busy": busy,
        "stall": stall,
        "ticket": ticket,
        "cookie": cookie,
        "login": login,
        "moved": moved,
        "copy": right,
    }
    redirect, break_down = linked(supplies)
    return {
        "/": Page(f"<html><body>\n{index}</body></html>".encode(), document),
        **{f"/{name}": Page(content, conditional) for name, content in files.items()},
        **{f"/{folder}/tool.zip": Page(tool, how) for folder, how in folders.items()},
        "/SHA256SUMS": Page(supplies.sums().encode(), document),
        "/download": Page(tool, named),
        "/large/large.img": Page(files["large.img"], large),
        "/narrow/large.img": Page(files["large.img"], narrow(NARROW_BYTES_PER_S)),
        "/tool.zip.meta4": Page(b"", described(supplies)),
        "/linked/tool.zip": Page(tool, redirect),
        "/broken/tool.zip": Page(tool, break_down),
        **_published(supplies.published),
    }


def _published(folder: Path) -> dict[str, Page]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        f"/site/{path.relative_to(folder).as_posix()}": Page(path.read_bytes()) for path in files
    }


def document(request: Request) -> None:
    """A page for people or programs, always sent whole."""
    request.start, request.end, request.is_range = 0, len(request.content), False
    request.right(Accept_Ranges="", Content_Type="text/html")


def described(supplies: Supplies) -> Behaviour:
    """A Metalink of the file, with two mirrors."""

    def behave(request: Request) -> None:
        base = request.web.url
        places = {"tool.zip": (f"{base}/tool.zip", f"{base}/copy/tool.zip")}
        request.content = metalink(supplies, places)
        request.end = len(request.content)
        request.right(Content_Type="application/metalink4+xml")

    return behave


def linked(supplies: Supplies) -> tuple[Behaviour, Behaviour]:
    """A redirect to a mirror that breaks down, and that mirror. Source: RFC 6249.

    The headers of both name a Metalink, another mirror and the digest.
    """
    digest = base64.b64encode(bytes.fromhex(supplies.sha256("tool.zip"))).decode()

    def headers(request: Request) -> dict[str, str]:
        base = request.web.url
        links = (
            f'<{base}/tool.zip.meta4>; rel=describedby; type="application/metalink4+xml"\n'
            f"<{base}/tool.zip>; rel=duplicate; pri=1"
        )
        return {"Link": links, "Digest": f"SHA-256={digest}"}

    def redirect(request: Request) -> None:
        request.refuse(302, Location="/broken/tool.zip", **headers(request))

    def break_down(request: Request) -> None:
        if request.number or not request.body:
            request.refuse(503)
            return
        request.head(206 if request.is_range else 200, **headers(request))
        request.write(request.body[: len(request.body) // 2])
        request.close()

    return redirect, break_down


def conditional(request: Request) -> None:
    """304 to who has it already."""
    since = request.headers.get("If-Modified-Since")
    is_known = request.headers.get("If-None-Match") == '"one"'
    if since is not None:
        is_known |= email.utils.parsedate_to_datetime(since).timestamp() >= MODIFIED_S
    if is_known:
        request.refuse(304, ETag='"one"')
    else:
        request.right()


def named(request: Request) -> None:
    """The headers say how the file is called."""
    request.right(Content_Disposition='attachment; filename="tool.zip"')


def slow(request: Request) -> None:
    """A few seconds pass until all is there."""
    request.head(206 if request.is_range else 200)
    request.write(request.body, SLOW_BYTES_PER_S)


def large(request: Request) -> None:
    """There is time to interrupt it."""
    if request.start >= len(request.content):
        request.right()
        return
    request.head(206 if request.is_range else 200)
    request.write(request.body, LARGE_BYTES_PER_S)


def busy(request: Request) -> None:
    """The server asks for a second of patience, twice."""
    if request.number < 2:
        request.refuse(503, Retry_After="1")
    else:
        request.right()


def stall(request: Request) -> None:
    """Nothing comes any more in the middle."""
    request.head(206 if request.is_range else 200)
    if request.method == "GET":
        request.write(request.body[: len(request.body) // 2])
        request.stall()


def ticket(request: Request) -> None:
    """Only for who sends a header."""
    _only_if(request.headers.get("X-Ticket") == TICKET, request, 403)


def cookie(request: Request) -> None:
    """Only for who sends a cookie."""
    _only_if(COOKIE in request.headers.get("Cookie", ""), request, 403)


def login(request: Request) -> None:
    """Only for who logs in."""
    word = base64.b64encode(":".join(LOGIN).encode()).decode()
    is_known = request.headers.get("Authorization") == f"Basic {word}"
    _only_if(is_known, request, 401, WWW_Authenticate='Basic realm="releases"')


def _only_if(is_allowed: bool, request: Request, status: int, **headers: str) -> None:
    (right if is_allowed else (lambda asked: asked.refuse(status, **headers)))(request)


def moved(request: Request) -> None:
    """It is on another host now."""
    port = request.web.server_address[1]
    request.refuse(302, Location=f"http://localhost:{port}/tool.zip")
