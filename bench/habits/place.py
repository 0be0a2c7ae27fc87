"""The place where a habit is tried: servers, folders, and the words that a command may use."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from bench.habits import site
from bench.rivals import bucket
from bench.rivals.metalink import metalink
from bench.rivals.proxies import HOST, http_proxy, socks_proxy
from bench.rivals.shell import Shell
from bench.rivals.supplies import Supplies
from bench.web import Web, serving


class Place:
    """Where one command is tried.

    Attributes:
        supplies: What is fetched.
        web: The server.
        out: The folder for what is fetched, empty.
        work: A folder with lists and settings, for commands to read and write.
        shell: Runs commands; ``$SITE``, ``$OUT`` and other words in them stand for this place.
    """

    def __init__(self, folder: Path, supplies: Supplies, web: Web, words: dict[str, str]) -> None:
        self.supplies = supplies
        self.web = web
        self.out = folder / "out"
        self.work = folder / "work"
        for path in (folder, self.out, self.work):
            path.mkdir()
        words |= {"OUT": str(self.out), "WORK": str(self.work), "SITE": web.url}
        self.shell = Shell(self.work, supplies.programs, words)
        self._fill()

    def _fill(self) -> None:
        base = self.web.url
        urls = f"{base}/tool.zip\n{base}/other.zip\n"
        digests = "".join(
            f"{base}/{name}  {self.supplies.sha256(name)}\n" for name in ("tool.zip", "other.zip")
        )
        user, password = site.LOGIN
        texts = {
            "urls.txt": urls,
            "digests.txt": digests,
            "names.txt": "tool.zip\nother.zip\n",
            "curl.txt": f"url = {base}/tool.zip\nurl = {base}/other.zip\n",
            "aria2.txt": "".join(
                f"{base}/{name}\n  checksum=sha-256={self.supplies.sha256(name)}\n"
                for name in ("tool.zip", "other.zip")
            ),
            "SHA256SUMS": self.supplies.sums(),
            "tool.sha256": f"{self.supplies.sha256('tool.zip')}  tool.zip\n",
            "cookies.txt": "127.0.0.1\tFALSE\t/\tFALSE\t4102444800\t"
            + site.COOKIE.replace("=", "\t")
            + "\n",
            ".netrc": f"machine 127.0.0.1 login {user} password {password}\n",
        }
        for name, text in texts.items():
            path = self.work / name
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        tool = f"{base}/tool.zip"
        metalinks: dict[str, dict[str, tuple[str, ...]]] = {
            "tool.meta4": {"tool.zip": (tool, f"{base}/copy/tool.zip")},
            "lost.meta4": {"tool.zip": (f"{base}/gone/tool.zip", tool)},
            "both.meta4": {"tool.zip": (tool,), "notes.txt": (f"{base}/notes.txt",)},
        }
        for name, places in metalinks.items():
            (self.work / name).write_bytes(metalink(self.supplies, places))


@contextlib.contextmanager
def opened(folder: Path, supplies: Supplies, *, with_bucket: bool = False) -> Iterator[Place]:
    """Start the servers of a place, and stop them at the end; the folder stays.

    Args:
        folder: To be made.
        supplies: What is fetched.
        with_bucket: Whether the habit is about a bucket.
    """
    pages = site.pages(supplies)
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(serving(Web(pages)))
        secure = stack.enter_context(serving(Web(pages, supplies.tls())))
        known = stack.enter_context(serving(Web(pages, supplies.tls(asks_client=True))))
        port = web.server_address[1]
        http = stack.enter_context(http_proxy(port))
        socks = stack.enter_context(socks_proxy(port))
        certificate, key = supplies.client
        words = {
            "SECURE": secure.url,
            "MEMBERS": known.url,
            "HOST": f"http://{HOST}",
            "PROXY": http.address,
            "SOCKS": socks.address,
            "CA": str(supplies.authority),
            "CERT": str(certificate),
            "KEY": str(key),
            "SOURCE": str(supplies.published.parent / "source"),
            "SHA256": supplies.sha256("tool.zip"),
            "LARGE": supplies.sha256("large.img"),
            "WRONG": "0" * 64,
            "COOKIE": site.COOKIE,
            "PORT": str(_free_port()),
        }
        if with_bucket:
            chosen = {"tool.zip": supplies.files["tool.zip"]}
            words["S3"] = stack.enter_context(bucket.private_bucket(chosen))
            words |= bucket.ENVIRONMENT | {"AWS_ENDPOINT_URL": words["S3"]}
        yield Place(folder, supplies, web, words)


def _free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
