"""What a distribution point lists is read as it was observed, and stays inside the package."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.transfer.endpoints.propfind import (
    MAX_COMBINING,
    MAX_TAGS,
    ListedItem,
    parse_listing,
    parse_page,
)

ROOT = "/SMS_DP_SMSPKG$/ABC00012"
NAMES = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Cn", "Co"), blacklist_characters='/\\:*?"<>|'),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in {".", ".."})


def listing(*responses: tuple[str, int, str]) -> bytes:
    """A document of (href, iscollection, length) in the shape that was observed."""
    body = "".join(
        f"<D:response><D:href>{escape(href)}</D:href><D:propstat><D:status>HTTP/1.1 200 OK"
        f"</D:status><D:prop><D:getetag/><D:iscollection>{folder}</D:iscollection>"
        f"<D:getcontentlength>{length}</D:getcontentlength></D:prop></D:propstat></D:response>"
        for href, folder, length in responses
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:">'
        f"{body}</D:multistatus>"
    ).encode()


def read(href: str, *, folder: int = 0, length: str = "5") -> ListedItem:
    (entry,) = parse_listing(listing((href, folder, length)), ROOT)
    return entry


def test_the_observed_forms_of_links_are_understood() -> None:
    document = listing(
        ("http://dp/sms_dp_smspkg$/sccm?/ABC00012/", 1, "0"),
        ("http://dp/sms_dp_smspkg$/ABC00012/sccm?/a/", 1, "0"),
        ("http://dp:80/SMS_DP_SMSPKG$/ABC00012/sccm?/run%20me.ps1", 0, "97400"),
    )
    assert parse_listing(document, ROOT) == [
        ListedItem("", "/sms_dp_smspkg$/sccm?/ABC00012/", True, 0),
        ListedItem("a", "/sms_dp_smspkg$/ABC00012/sccm?/a/", True, 0),
        ListedItem("run me.ps1", "/SMS_DP_SMSPKG$/ABC00012/sccm?/run%20me.ps1", False, 97400),
    ]


def page(*lines: tuple[str, str]) -> bytes:
    """A page of (length or ``&lt;dir&gt``, href) in the shape that was observed."""
    body = "".join(
        f'5/4/2020 11:55 AM {what} <a href="{escape(href)}">x</a><br>' for what, href in lines
    )
    return f"<html><pre>{body}</pre></html>".encode()


def test_a_page_lists_what_propfind_lists() -> None:
    document = page(
        ("&lt;dir&gt", f"http://dp{ROOT}/a"),
        ("&lt;dir&gt;", f"{ROOT}/b&c"),
        ("97400", f"http://dp:80{ROOT}/sccm?/run%20me.ps1"),
    )
    assert parse_page(document, ROOT) == [
        ListedItem("a", f"{ROOT}/a", True, 0),
        ListedItem("b&c", f"{ROOT}/b&c", True, 0),
        ListedItem("run me.ps1", f"{ROOT}/sccm?/run%20me.ps1", False, 97400),
    ]
    assert parse_page(page(), ROOT) == []


@pytest.mark.parametrize(
    "document",
    [
        page(("5", "http://dp/SMS_DP_SMSPKG$/ABC00013/x")),
        page(("5", f"http://dp{ROOT}/../x")),
        b'<a href="/login">Log in</a>',
        b"<" * (MAX_TAGS + 1),
    ],
    ids=["another package", "outside", "another page", "too long"],
)
def test_a_page_that_is_none_or_leads_out_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"it |link"):
        parse_page(document, ROOT)


@given(st.lists(NAMES, min_size=1, max_size=4), st.data())
def test_any_path_is_found_wherever_the_mark_stands(names: list[str], data: st.DataObject) -> None:
    parts = [*ROOT.split("/")[2:], *map(quote, names)]
    parts.insert(data.draw(st.integers(0, len(parts) - 1)), "sccm?")
    link = "/SMS_DP_SMSPKG$/" + "/".join(parts)
    entry = read(f"http://dp{link}")
    assert entry.path == unicodedata.normalize("NFC", "/".join(names))
    assert entry.link == link


@pytest.mark.parametrize(
    "href",
    [
        "http://dp/SMS_DP_SMSPKG$/ABC00013/sccm?/a",
        "http://dp/SMS_DP_SMSPKG$/ABC000120/sccm?/a",
        "http://dp/sccm?/other",
        "/SMS_DP_SMSPKG$/ABC00012/sccm?/../../a",
        "/SMS_DP_SMSPKG$/ABC00012/sccm?/%2e%2e/a",
        "/SMS_DP_SMSPKG$/ABC00012/sccm?/a//b",
        "/SMS_DP_SMSPKG$/ABC00012/sccm?/a%5Cb",
        "/SMS_DP_SMSPKG$/ABC00012/sccm?/./a",
        "/SMS_DP_SMSPKG$/ABC00012/sccm?/%00",
        "sccm?/a",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_link_out_of_the_package_is_refused(href: str) -> None:
    """Fault M1: a listing links out of the package. dlcore refuses it."""
    with pytest.raises(ValueError):
        read(href)


@pytest.mark.parametrize(
    "href",
    [
        f"sccm?/{ROOT}/setup.exe",
        f"sccm?/{ROOT}",
        f"http://dpsccm?/{ROOT}/setup.exe",
        f"//elsewhere.example{ROOT}/setup.exe",
        f"http:////elsewhere.example{ROOT}/setup.exe",
        f"@elsewhere.example{ROOT}/setup.exe",
        f":80{ROOT}/setup.exe",
    ],
)
def test_a_link_cannot_change_the_host(href: str) -> None:
    """Fault M8: a listing has the link sccm?//host. dlcore refuses it, and asks no other host."""
    with pytest.raises(ValueError, match=r"not an absolute path|out of the package"):
        read(href)


def test_a_link_to_another_host_means_its_path_on_this_one() -> None:
    assert read(f"http://elsewhere.example{ROOT}/sccm?/a").link == f"{ROOT}/sccm?/a"


def test_what_cannot_stand_on_a_request_line_is_quoted_and_nothing_else() -> None:
    assert read(f"http://dp{ROOT}/sccm?/Ä b%2B+$.txt").link == f"{ROOT}/sccm?/%C3%84%20b%2B+$.txt"


@pytest.mark.parametrize("length", ["-1", "1e3", "99999999999999999999", "٣"])
def test_a_length_that_is_not_a_number_is_refused(length: str) -> None:
    with pytest.raises(ValueError):
        read(f"{ROOT}/sccm?/a", length=length)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html><body>Sign in</body></html>",
        b"not XML",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><D:multistatus xmlns:D="DAV:"/>',
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b"<a>" * 50_000,
    ],
    ids=["empty", "web page", "text", "entities", "encoding", "deep"],
)
def test_what_is_not_a_listing_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError):
        parse_listing(document, ROOT)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_listing_or_refused(document: bytes) -> None:
    with pytest.raises(ValueError):
        parse_listing(document, ROOT)


def test_the_time_does_not_depend_on_how_a_listing_is_nested() -> None:
    """Fault M6: a listing nests its entries. dlcore reads it in a time linear in its length.

    What searches each of these elements through would take hours.
    """
    count = 200_000
    inner = f"<D:href>{ROOT}/x</D:href>"
    nested = "<D:response>" * count + inner + "</D:response>" * count
    with pytest.raises(ValueError):
        parse_listing(f'<D:multistatus xmlns:D="DAV:">{nested}</D:multistatus>'.encode(), ROOT)
    folded = f"<D:response>{inner}{'<D:prop>' * count}{'</D:prop>' * count}</D:response>"
    (entry,) = parse_listing(
        f'<D:multistatus xmlns:D="DAV:">{folded}</D:multistatus>'.encode(), ROOT
    )
    assert entry.path == "x"


def described(*told: tuple[str, str], status: str = "") -> bytes:
    """A listing of ``a``, by (status, properties); or with a status of its own."""
    parts = "".join(
        f"<D:propstat><D:prop>{properties}</D:prop><D:status>{each}</D:status></D:propstat>"
        for each, properties in told
    )
    own = f"<D:status>{status}</D:status>" if status else ""
    entry = f"<D:response><D:href>{ROOT}/a</D:href>{own}{parts}</D:response>"
    return f'<D:multistatus xmlns:D="DAV:">{entry}</D:multistatus>'.encode()


OK, UNKNOWN, CLOSED = (f"HTTP/1.1 {status}" for status in ("200 OK", "404 Not Found", "403 No"))
EMPTY = "<D:getcontentlength/><D:iscollection/>"


def test_what_a_server_does_not_know_of_a_file_does_not_count() -> None:
    """Fault: a listing names first what its server does not know of a file, and then its length.
    dlcore reads the length.
    """
    document = described((UNKNOWN, EMPTY), (OK, "<D:getcontentlength>7</D:getcontentlength>"))
    assert parse_listing(document, ROOT) == [ListedItem("a", f"{ROOT}/a", False, 7)]


def test_a_folder_is_known_by_its_type_where_nothing_else_tells() -> None:
    """Fault: a listing tells by ``resourcetype`` only what a folder is. dlcore takes it for one."""
    document = described((OK, "<D:resourcetype><D:collection/></D:resourcetype>"))
    assert parse_listing(document, ROOT) == [ListedItem("a", f"{ROOT}/a", True, 0)]
    assert not read(f"{ROOT}/a", folder=0).is_folder


@pytest.mark.parametrize(
    "document", [described((CLOSED, EMPTY)), described(status=CLOSED)], ids=["properties", "entry"]
)
def test_a_listing_with_an_entry_that_is_closed_is_refused(document: bytes) -> None:
    """Fault: a listing has an entry that is closed to this client. dlcore refuses it; the entry
    would count as an empty file, and all would be received in vain.
    """
    with pytest.raises(ValueError, match="cannot tell what an entry is"):
        parse_listing(document, ROOT)


def test_a_listing_of_too_many_tags_is_refused_before_a_tree_is_made_of_it() -> None:
    """Fault M5: a listing is millions of empty tags. dlcore refuses it before it takes memory."""
    with pytest.raises(ValueError, match="tags"):
        parse_listing(b"<a/>" * (MAX_TAGS + 1), ROOT)


def test_an_entry_within_an_entry_does_not_count() -> None:
    inner = f"<D:response><D:href>{ROOT}/y</D:href></D:response>"
    outer = f"<D:response><D:href>{ROOT}/x</D:href>{inner}</D:response>"
    entries = parse_listing(f'<D:multistatus xmlns:D="DAV:">{outer}</D:multistatus>'.encode(), ROOT)
    assert [entry.path for entry in entries] == ["x"]


def test_only_the_properties_of_the_entry_itself_count() -> None:
    misplaced = f"<D:href>{ROOT}/x</D:href><D:getcontentlength>7</D:getcontentlength>"
    document = f'<D:multistatus xmlns:D="DAV:"><D:response>{misplaced}</D:response></D:multistatus>'
    (entry,) = parse_listing(document.encode(), ROOT)
    assert entry.length_bytes == 0


@pytest.mark.parametrize("spelled", [str, quote])
def test_a_link_of_endless_combining_characters_is_refused(spelled: Callable[[str], str]) -> None:
    """Fault: a server lists a name of a million characters that combine with the one before them.
    dlcore refuses it; to sort them would take hours, and stop the whole process.
    """
    name = spelled("a" + "\u0301\u0316" * 500_000)
    with pytest.raises(ValueError, match="too many combining characters"):
        read(f"{ROOT}/sccm?/{name}")


def test_as_many_combining_characters_as_a_language_has_are_read() -> None:
    name = "a" + "\u0316\u0301" * (MAX_COMBINING // 2)
    assert read(f"{ROOT}/sccm?/{name}").path == unicodedata.normalize("NFC", name)


def test_what_a_server_tells_in_parts_counts_together() -> None:
    """Fault: a listing tells a file's kind and its length apart from each other, both as known.
    dlcore reads both.
    """
    kind = "<D:iscollection>0</D:iscollection>"
    document = described((OK, kind), (OK, "<D:getcontentlength>7</D:getcontentlength>"))
    assert parse_listing(document, ROOT) == [ListedItem("a", f"{ROOT}/a", False, 7)]
