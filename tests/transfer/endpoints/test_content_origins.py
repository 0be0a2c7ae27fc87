"""Where a gateway's locations may lead."""

from __future__ import annotations

import pytest

from dlcore.transfer.endpoints.content_origins import ContentOrigins
from dlcore.transfer.http.addresses import Reach

GATEWAY = "https://cmg.contoso.com"
LISTED = ("storage.contoso.com", "*.blob.core.windows.net", "10.0.0.5")


@pytest.mark.parametrize(
    ("hosts", "url", "reach"),
    [
        ((), "https://cmg.contoso.com/storage/o?sig=x", Reach.ANY),
        ((), "https://CMG.contoso.com:443/o", Reach.ANY),
        ((), "https://cmg.contoso.com:8443/o", Reach.PUBLIC),
        ((), "https://a.blob.core.windows.net/o", Reach.PUBLIC),
        ((), "https://8.8.8.8/o", Reach.PUBLIC),
        (LISTED, "https://a.blob.core.windows.net/o", Reach.ANY),
        (LISTED, "https://Storage.contoso.com./o", Reach.ANY),
        (LISTED, "https://10.0.0.5:444/o", Reach.ANY),
        (LISTED, "https://cmg.contoso.com/o", Reach.ANY),
        (("localhost",), "http://localhost:8080/o", Reach.ANY),
    ],
)
def test_a_url_within_the_settings_may_be_used(
    hosts: tuple[str, ...], url: str, reach: Reach
) -> None:
    assert ContentOrigins(GATEWAY, hosts).reach(url) is reach


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ((), "https://127.0.0.1/o"),
        ((), "https://localhost/o"),
        ((), "https://a.localhost./o"),
        ((), "https://[::ffff:10.0.0.1]/o"),
        ((), "http://localhost/o"),
        ((), "http://cmg.contoso.com/o"),
        ((), "http://8.8.8.8/o"),
        ((), "file:///etc/passwd"),
        (LISTED, "https://blob.core.windows.net/o"),
        (LISTED, "https://a.blob.core.windows.net.evil.example/o"),
        (LISTED, "https://evilblob.core.windows.net/o"),
        (LISTED, "http://storage.contoso.com/o"),
        (LISTED, "https://example.com/o"),
    ],
)
def test_any_other_url_is_refused(hosts: tuple[str, ...], url: str) -> None:
    with pytest.raises(ValueError) as caught:
        ContentOrigins(GATEWAY, hosts).reach(url)
    assert url not in str(caught.value)
