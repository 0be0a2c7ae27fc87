"""Which endpoints of a command line are connected to before it is known what to ask them."""

from __future__ import annotations

import pytest

from dlcore.cli import haste
from dlcore.schedule.opening import MOST, START_FAR


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    class Recorder:
        def begin(self, host: str, port: int, count: int) -> None:
            assert START_FAR <= count <= MOST, "as many as the schedule may begin with"
            found.append((host, port))

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
    arguments: list[str], places: list[tuple[str, int]], begun: list[tuple[str, int]]
) -> None:
    haste.connect_early(["fetch", *arguments])
    assert begun == places


@pytest.mark.parametrize(
    "bound", [["--connections", "4"], ["--connections=4"], ["--limit-rate", "64KiB"]]
)
def test_where_fewer_may_be_allowed_nothing_is_begun(
    bound: list[str], begun: list[tuple[str, int]]
) -> None:
    haste.connect_early(["fetch", "m.json", "--from", "http://dp.example/", *bound])
    assert not begun


def test_where_a_proxy_may_lead_there_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, begun: list[tuple[str, int]]
) -> None:
    monkeypatch.setenv("Https_Proxy", "http://proxy.example")
    haste.connect_early(["fetch", "m.json", "--from", "http://dp.example/"])
    assert not begun
