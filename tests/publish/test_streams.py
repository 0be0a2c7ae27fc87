"""Sites of web servers that know no ranges: each object is read in one stream."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.publish import publish
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.remote import RemoteSite
from dlcore.publish.site import SiteCheck, SiteReport
from dlcore.publish.streams import MAX_KEPT, Streams
from tests.publish.helpers import BLOCK, content, write_tree

CONTENT = content(10_000)
TREE = {f"{number}.bin": content(9 * BLOCK + number, number) for number in range(3)}
SPANS = PublishPolicy(span_bytes=2 * BLOCK)


class Opened:
    """Begins streams of one content, in pieces; counts them."""

    def __init__(self, piece_bytes: int = 700) -> None:
        self.keys: Counter[str] = Counter()
        self._piece_bytes = piece_bytes

    def __call__(self, key: str) -> Iterator[bytes]:
        self.keys[key] += 1
        for start in range(0, len(CONTENT), self._piece_bytes):
            yield CONTENT[start : start + self._piece_bytes]


@given(st.lists(st.tuples(st.integers(0, 11_000), st.integers(1, 4000))), st.integers(1, 5000))
def test_whatever_is_read_is_what_the_object_has_there(
    spans: list[tuple[int, int]], piece_bytes: int
) -> None:
    streams = Streams(Opened(piece_bytes))
    for start, length in spans:
        assert bytes(streams.read("key", start, start + length)) == CONTENT[start : start + length]


def test_what_is_read_in_order_is_one_stream() -> None:
    opened = Opened()
    streams = Streams(opened)
    for start in range(0, len(CONTENT), 900):
        for key in ("a", "b"):
            streams.read(key, start, start + 900)
    assert opened.keys == {"a": 1, "b": 1}


def test_of_streams_that_do_not_go_on_a_few_are_kept() -> None:
    opened = Opened()
    streams = Streams(opened)
    for number in range(MAX_KEPT + 1):
        streams.read(str(number), 0, 10)
    streams.read("0", 10, 20)
    streams.read("2", 10, 20)
    assert (opened.keys["0"], opened.keys["2"]) == (2, 1)


class _Folder(SimpleHTTPRequestHandler):
    """Python's own web server, which knows no ranges."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked[self.path.rpartition("/")[2]] += 1
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    """Serves a folder; counts what is asked for, by its name."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Folder, directory=str(folder)))
        self.asked: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    source = write_tree(tmp_path / "source", TREE)
    destination = str(tmp_path / "site")
    publish(source, package_id="ABC00012", version=1, destination=destination, block_bytes=BLOCK)
    return tmp_path / "site"


@pytest.fixture
def server(site: Path) -> Iterator[Server]:
    with Server(site) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def check(url: str) -> SiteReport:
    return SiteCheck(RemoteSite(url, SPANS), lambda *_: None, SPANS).run()


def test_long_objects_of_a_server_without_ranges_are_verified_in_one_stream(
    server: Server, site: Path
) -> None:
    """Fault: the web server of a site knows no ranges, and its objects are longer than what is
    read at a time. `verify` reads each of them in one stream.
    """
    assert check(server.url).faults == ()
    objects = {path.name for path in (site / "objects").rglob("*") if path.is_file()}
    assert len(objects) == len(TREE)
    asked = {name: server.asked[name] for name in objects}
    assert sum(asked.values()) <= len(objects) + SPANS.bucket_workers, "ranges are tried once"
    assert max(asked.values()) <= 2


def test_what_is_wrong_behind_a_server_without_ranges_is_named(server: Server, site: Path) -> None:
    victim = max((site / "objects").rglob("*"), key=lambda path: path.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[5 * BLOCK] ^= 1
    victim.write_bytes(data)
    (fault,) = check(server.url).faults
    assert fault.blocks == (5, 6)
