"""The picture of the shares."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from bench.netlab import chart
from bench.netlab.outcome import Outcome
from tests.netlab.samples import entry

SVG = "{http://www.w3.org/2000/svg}"


def drawn(tmp_path: Path, *outcomes: Outcome) -> ElementTree.Element:
    chart.write(tmp_path / "net.svg", outcomes)
    return ElementTree.parse(tmp_path / "net.svg").getroot()


def bars(picture: ElementTree.Element) -> list[float]:
    return [float(bar.attrib["width"]) for bar in picture.iter(f"{SVG}rect")][1:]


def words(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def test_a_bar_is_as_long_as_its_share(tmp_path: Path) -> None:
    half, whole = bars(
        drawn(tmp_path, Outcome("far", "a link", [entry("curl", 0.5), entry("dlcore", 1.0)]))
    )[::-1]
    assert whole == 2 * half


def test_the_fastest_tool_comes_first(tmp_path: Path) -> None:
    said = words(drawn(tmp_path, Outcome("far", "", [entry("curl", 0.1), entry("dlcore", 0.9)])))
    assert said.index("dlcore") < said.index("curl")


def test_a_share_of_bytes_so_far_is_marked(tmp_path: Path) -> None:
    said = words(drawn(tmp_path, Outcome("far", "", [entry("curl", 0.04, cut_short=True)])))
    assert "0.04 (cut short)" in said


def test_what_was_verified_is_written_beside_the_bar(tmp_path: Path) -> None:
    said = words(drawn(tmp_path, Outcome("far", "", [entry("curl", 0.04)])))
    assert "verified: nothing" in said


def test_signs_of_markup_are_escaped(tmp_path: Path) -> None:
    assert "<&>" in words(drawn(tmp_path, Outcome("<&>", "", [entry("curl", 0.5)])))


def test_an_experiment_without_entries_is_not_drawn(tmp_path: Path) -> None:
    assert bars(drawn(tmp_path, Outcome("two", "two links"))) == []
