"""Which endpoints of a command line are connected to before it is known what to ask them."""

from __future__ import annotations

from pathlib import Path
from socket import AF_INET, SOCK_STREAM

import pytest

from dlcore.cli import haste
from dlcore.manifest import encode
from dlcore.model import File, Manifest, Object
from dlcore.schedule.opening import MAX, START_FAR
from dlcore.transfer.early import Address, EarlyConnections

Begun = tuple[str, int, int]  # host, port, number of connections
MIB = 1 << 20


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Begun]:
    found: list[Begun] = []
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    class Recorder(EarlyConnections):
        def begin(self, host: str, port: int, count: int) -> None:
            found.append((host, port, count))

        def address_of(self, host: str, port: int) -> Address | None:
            is_begun = any(place[:2] == (host, port) for place in found)
            return (AF_INET, SOCK_STREAM, 0, "", (host, port)) if is_begun else None

    monkeypatch.setattr(haste, "EARLY", Recorder())
    return found


@pytest.mark.parametrize(
    ("arguments", "places"),
    [
        (["m.json", "--from", "http://dp.example/base"], [("dp.example", 80)]),
        (["m.json", "--from=https://10.0.0.7:8443"], [("10.0.0.7", 8443)]),
        (["P0000001", "--from", "cmg+https://cmg.example/x"], [("cmg.example", 443)]),
        (["HTTPS://Example.com/f", "--sha256", "00"], [("example.com", 443)]),
        (["m.json", "--from", "http://[::1]:80/"], [("::1", 80)]),
        (
            ["m.json", "--from", "http://a/", "--from", "http://b:81/"],
            [("a", 80), ("b", 81)],
        ),
        (["m.json", "--from", "ftp://a/", "--from", "http://:80/"], []),
        (["m.json", "--from", "http://a:port/", "--from", "http://[/"], []),
        (["m.json", "--from", "file:///srv/published", "-o", "out"], []),
    ],
)
def test_every_url_is_connected_to(
    arguments: list[str], places: list[tuple[str, int]], begun: list[Begun]
) -> None:
    haste.connect_early(["fetch", *arguments])
    assert begun == [(host, port, START_FAR) for host, port in places]


@pytest.mark.parametrize(
    ("content_bytes", "count"), [(32 * MIB, MAX), (200 * MIB, START_FAR), (1, START_FAR)]
)
def test_a_manifest_of_short_work_is_worth_more_connections(
    content_bytes: int, count: int, begun: list[Begun], tmp_path: Path
) -> None:
    digest = bytes(32)
    item = Object(digest.hex(), content_bytes, sha256=digest)
    manifest = Manifest(1, "ABC00012", 1, MIB, (item,), (File("a", content_bytes, 0),))
    path = tmp_path / "manifest"
    path.write_bytes(encode(manifest))
    haste.connect_early(["fetch", str(path), "--from", "http://dp.example/"])
    assert begun == [("dp.example", 80, count)]


@pytest.mark.parametrize("document", [b"", b"<metalink/>", b"[]", b'{"objects":[{}]}', b"\xff"])
def test_what_is_no_manifest_is_told_by_others(
    document: bytes, begun: list[Begun], tmp_path: Path
) -> None:
    path = tmp_path / "manifest"
    path.write_bytes(document)
    for what in (path, tmp_path, tmp_path / "missing"):
        haste.connect_early(["fetch", str(what), "--from", "http://dp.example/"])
    assert begun == [("dp.example", 80, START_FAR)] * 3


@pytest.mark.parametrize(
    ("arguments", "can_wait"),
    [
        (["m.json", "--from", "http://a/"], True),
        (["m.json", "--from=http+HTTP://a/"], True),
        (["m.json", "--from", "http://a/", "--from", "http://b/"], False),
        (["m.json", "--from", "dp+http://a/"], False),
        (["m.json", "--from", "http://a/", "--from=https://b/"], False),
        (["P0000001", "--from", "cmg+https://a/"], False),
        (["http://a/f", "--sha256", "00"], False),
    ],
)
def test_only_a_single_plain_server_is_asked_before_http_is_imported(
    arguments: list[str], can_wait: bool, begun: list[Begun]
) -> None:
    assert not haste.can_wait(["fetch", *arguments]), "nothing was begun"
    haste.connect_early(["fetch", *arguments])
    assert haste.can_wait(["fetch", *arguments]) is can_wait


@pytest.mark.parametrize(
    "bound", [["--connections", "4"], ["--connections=4"], ["--limit-rate", "64KiB"]]
)
def test_where_fewer_may_be_allowed_nothing_is_begun(bound: list[str], begun: list[Begun]) -> None:
    haste.connect_early(["fetch", "m.json", "--from", "http://dp.example/", *bound])
    assert not begun


def test_where_a_proxy_may_lead_there_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, begun: list[Begun]
) -> None:
    monkeypatch.setenv("Https_Proxy", "http://proxy.example")
    haste.connect_early(["fetch", "m.json", "--from", "http://dp.example/"])
    assert not begun
