"""Where redirects may lead, and what goes along."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.transfer.http.addresses import Reach
from dlcore.transfer.http.redirect_memory import RedirectMemory
from dlcore.transfer.http.redirects import MAX_REDIRECTS, Route
from dlcore.transfer.policy import TransferPolicy

HEADERS = {
    "Authorization": "Bearer canary",
    "Cookie": "canary",
    "X-Token": "canary",
    "Range": "bytes=0-9",
    "If-Range": '"v1"',
}
SCHEMES = st.sampled_from(["http", "https"])
HOSTS = st.sampled_from(["a.example", "b.example", "a.example:8443", "127.0.0.1", "localhost"])
PATHS = st.sampled_from(["/x", "/y", "/x?sig=canary%2F1", "/z;p=1?q"])
URLS = st.builds("{}://{}{}".format, SCHEMES, HOSTS, PATHS)


def origin(url: str) -> tuple[str, str]:
    return urlsplit(url).scheme, urlsplit(url).netloc


def protection(url: str) -> int:
    is_here = urlsplit(url).hostname in {"127.0.0.1", "localhost"}
    return 2 if url.startswith("https") else int(is_here)


@given(URLS, st.lists(URLS, max_size=9))
def test_a_chain_keeps_the_rules_wherever_it_leads(first: str, locations: list[str]) -> None:
    """Fault H15: a redirect leads to a loop, another scheme or another host. dlcore follows only
    what is as safe as before, and takes no credential along.
    """
    route = Route((first,))
    for location in locations:
        is_worse = protection(location) < protection(route.url)
        is_circle = location in route.urls
        is_long = len(route.urls) > MAX_REDIRECTS
        if is_worse or is_circle or is_long:
            with pytest.raises(ValueError, match="redirect") as refused:
                route.redirected(location)
            assert "canary" not in str(refused.value)
        else:
            route = route.redirected(location)
            assert route.url == location  # byte for byte
    has_left = any(origin(url) != origin(first) for url in route.urls)
    went = route.headers(HEADERS)
    assert went == ({"Range": "bytes=0-9", "If-Range": '"v1"'} if has_left else HEADERS)
    assert "canary" not in str(route)


@given(URLS, URLS)
def test_a_redirect_to_this_machine_is_for_this_machine_and_the_host_itself(
    first: str, location: str
) -> None:
    hosts = [urlsplit(url).hostname for url in (first, location)]
    is_free = hosts[0] == hosts[1] or hosts[0] in {"127.0.0.1", "localhost"}
    expected = Reach.NO_METADATA if is_free else Reach.OTHER_MACHINES
    assert Route((first, location)).reach is expected


def test_a_metadata_service_is_asked_only_if_the_user_names_it() -> None:
    url = "http://169.254.169.254/latest"
    assert Route((url,)).reach is Reach.ANY
    assert Route((url, f"{url}/")).reach is Reach.ANY
    assert Route(("http://localhost/x", url)).reach is Reach.NO_METADATA
    assert Route((url, "http://metadata.google.internal/")).reach is Reach.OTHER_MACHINES


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/there?sig=a%2Bb", "https://a.example/there?sig=a%2Bb"),
        ("there", "https://a.example/x/there"),
        ("//b.example/o", "https://b.example/o"),
        ("HTTPS://b.example/a b\xe4?sig=x%2F#part", "HTTPS://b.example/a%20b%C3%A4?sig=x%2F"),
        ("?other", "https://a.example/x/y?other"),
    ],
)
def test_a_location_keeps_its_spelling(location: str, url: str) -> None:
    assert Route(("https://a.example/x/y?z",)).redirected(location).url == url


@pytest.mark.parametrize(
    "location", ["", "#part", "ftp://b.example/", "https://u:p@b.example/", "https://[b/", "https:"]
)
def test_a_location_that_is_no_url_to_ask_is_refused(location: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Route(("https://a.example/x",)).redirected(location)


def test_what_is_shown_of_a_target_is_its_origin() -> None:
    route = Route(("https://a.example/x?token=canary", "https://b.example:1/canary?canary#canary"))
    assert str(route) == "https://a.example/x?***, redirected to https://b.example:1"


NOW_S = [0.0]
ROUTE = Route(("http://a/x", "http://b/x?sig=1"))
NEWER = Route(("http://a/x", "http://b/x?sig=2"))


def memory(**policy: float) -> RedirectMemory:
    NOW_S[0] = 100.0
    return RedirectMemory(TransferPolicy(**policy), clock=lambda: NOW_S[0])  # type: ignore[arg-type]


def test_a_redirect_is_remembered_for_a_while() -> None:
    known = memory(redirect_memory_s=60)
    known.remember(ROUTE)
    NOW_S[0] += 59
    known.remember(ROUTE)  # using it does not make its life longer
    assert known.route("http://a/x") == ROUTE
    NOW_S[0] += 1
    assert known.route("http://a/x") == Route(("http://a/x",))


def test_forgetting_a_redirect_keeps_the_newer_one() -> None:
    known = memory()
    known.remember(ROUTE)
    known.remember(NEWER)
    known.forget(ROUTE)
    assert known.route("http://a/x") == NEWER
    known.forget(NEWER)
    assert known.route("http://a/x") == Route(("http://a/x",))


def test_the_oldest_redirects_make_way() -> None:
    known = memory(max_remembered_redirects=2)
    routes = [Route((f"http://a/{n}", f"http://b/{n}")) for n in range(3)]
    for route in routes:
        known.remember(route)
    assert [known.route(route.first).is_redirected for route in routes] == [False, True, True]
