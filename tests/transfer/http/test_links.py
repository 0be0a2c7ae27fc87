"""``Link`` headers: what of them is read, and where they may lead."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.transfer.http.links import MAX_DUPLICATES, Links, links_of

FOLDER = "https://downloads.contoso.com/7.1"
URL = f"{FOLDER}/tool.zip"
TYPE = "application/metalink4+xml"


@pytest.mark.parametrize(
    ("values", "links"),
    [
        (
            [f'<tool.zip.meta4>; rel=describedby; type="{TYPE}"'],
            Links((f"{URL}.meta4",)),
        ),
        (
            [f'<a.meta4>;REL="up describedby" ; type={TYPE.upper()},<https://b/f>;rel=duplicate'],
            Links((f"{FOLDER}/a.meta4",), ("https://b/f",)),
        ),
        (
            [
                "<https://c/f>; rel=duplicate",
                "<https://a/f>; rel=duplicate; pri=2; geo=de, <https://b/f>;pri=1;rel=duplicate",
            ],
            Links((), ("https://b/f", "https://a/f", "https://c/f")),
        ),
        (
            ['<https://a/f,g>; title="a, <b>; \\"c\\""; rel="duplicate"'],
            Links((), ("https://a/f,g",)),
        ),
        (["<tool.zip.sig>; rel=describedby; type=application/pgp-signature"], Links()),
        (["<https://a/f>; rel=next", "<https://a/f>", "https://a/f; rel=duplicate", ""], Links()),
    ],
    ids=["relative", "spelling", "priorities", "quoted", "signature", "nothing"],
)
def test_metalinks_and_duplicates_are_read(values: list[str], links: Links) -> None:
    assert links_of(URL, values) == links


@pytest.mark.parametrize(
    "target",
    ["http://a/f", "ftp://a/f", "file:///etc/passwd", "https://u:p@a/f", "", URL, "https://[/f"],
)
def test_a_link_leads_only_where_a_redirect_may(target: str) -> None:
    """Fault: a server names mirrors without TLS or with credentials. dlcore leaves them out."""
    assert links_of(URL, [f"<{target}>; rel=duplicate"]) == Links()


def test_only_some_mirrors_are_taken() -> None:
    value = ",".join(f"<https://m{n}/f>; rel=duplicate" for n in range(100))
    assert len(links_of(URL, [value]).duplicates) == MAX_DUPLICATES


@given(st.lists(st.text(st.sampled_from('<>;,="\\ rel=duplicate/ab\t'), max_size=200), max_size=3))
def test_no_header_breaks_it(values: list[str]) -> None:
    found = links_of(URL, values)
    assert all(url.startswith("https://") for url in (*found.metalinks, *found.duplicates))


def test_a_hostile_header_of_the_greatest_length_takes_no_time() -> None:
    for part in ("<", ";", '<a>;a="', "<a>; ", '\\"', " ", ","):
        begun = time.process_time()
        links_of(URL, [part * (8190 // len(part))])
        assert time.process_time() - begun < 1.0  # quadratic time would be many seconds
