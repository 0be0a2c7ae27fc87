"""A laboratory as it is set up and taken down; needs root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.netlab import __main__ as command
from bench.netlab import measure, namespaces
from bench.netlab.laboratory import Laboratory, laboratory
from bench.netlab.link import Link
from bench.netlab.namespaces import LaboratoryError

CONTENT = b"x" * 300_000


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    try:
        namespaces.require()
    except LaboratoryError as reason:
        pytest.skip(str(reason))
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "object").write_bytes(CONTENT)
    links = [Link(100, 20), Link(10, 40, loss=1.0)]
    try:
        with laboratory(tmp_path, links, wait=False) as made:
            yield made
    except LaboratoryError as reason:
        pytest.skip(str(reason))


def fetch(lab: Laboratory, folder: Path, url: str, *more: str) -> measure.Run:
    output = folder / "out" / "got"
    measure.clear(output)
    command = ["curl", "-sSf", "-o", str(output / "object"), *more, url]
    return measure.execute(command, output, len(CONTENT), 1.0)


def test_what_passes_is_right_counted_and_takes_its_time(lab: Laboratory, tmp_path: Path) -> None:
    run = fetch(lab, tmp_path, f"{lab.sides[0].server.url()}/served/object")
    traffic = lab.sides[0].wire.traffic()
    assert (tmp_path / "out" / "got" / "object").read_bytes() == CONTENT
    assert run.cost.wall_s >= 2 * 0.020  # handshake and request, whatever the machine does
    assert traffic.delivered_bytes > len(CONTENT)
    assert traffic.connections == 1


def test_tls_is_trusted_by_the_laboratorys_authority(lab: Laboratory, tmp_path: Path) -> None:
    url = f"{lab.sides[0].server.url(tls=True)}/served/object"
    fetch(lab, tmp_path, url, "--cacert", str(lab.authority))
    assert (tmp_path / "out" / "got" / "object").read_bytes() == CONTENT


def test_a_link_that_loses_everything_delivers_no_data(lab: Laboratory, tmp_path: Path) -> None:
    run = fetch(lab, tmp_path, f"{lab.sides[1].server.url()}/served/object")
    traffic = lab.sides[1].wire.traffic()
    assert run.cut_short
    assert run.received_bytes == 0
    assert traffic.lost > 0


def test_a_cut_link_passes_nothing_until_it_is_set_again(lab: Laboratory, tmp_path: Path) -> None:
    side = lab.sides[0]
    side.wire.cut()
    assert fetch(lab, tmp_path, f"{side.server.url()}/served/object").cut_short
    side.wire.set(side.wire.link)
    assert not fetch(lab, tmp_path, f"{side.server.url()}/served/object").cut_short


def test_a_second_laboratory_is_refused(lab: Laboratory, tmp_path: Path) -> None:
    with (
        pytest.raises(LaboratoryError, match="another laboratory is at work"),
        laboratory(tmp_path, [Link(10, 10)], wait=False),
    ):
        pass


def test_nothing_is_left_whatever_happens(tmp_path: Path) -> None:
    try:
        namespaces.require()
        with laboratory(tmp_path, [Link(10, 10)], wait=False):
            assert namespaces.CLIENT in namespaces.ip("netns", "list")
            raise KeyboardInterrupt
    except LaboratoryError as reason:
        pytest.skip(str(reason))
    except KeyboardInterrupt:
        assert namespaces.PREFIX not in namespaces.ip("netns", "list")


@pytest.mark.posix_only(reason="Windows has no root; there is no laboratory on it")
def test_without_root_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("BENCH_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match="run it as root"):
        command.main("try", "far", "1", "--", "true")


def test_a_name_that_is_not_known_is_answered_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BENCH_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match="there is no fat; there are: clean, far"):
        command.main("fat")
