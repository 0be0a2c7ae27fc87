"""A deployment file and an endpoint that is opened keep to the same rules, in the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.deployment import parse_deployment
from dlcore.endpoint_rules import is_loopback, is_protected
from dlcore.errors import ConfigError
from dlcore.model import EndpointKind, EndpointSettings, WebAccess
from dlcore.transfer import open_endpoint

URL = "https://dp1.contoso.com"


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        (EndpointSettings("a", EndpointKind.CMG, URL), ""),
        (EndpointSettings("a", EndpointKind.HTTP, f"{URL}?sig=1"), ""),
        (
            EndpointSettings("a", EndpointKind.HTTP, URL, web=WebAccess(client_key="/k")),
            'client_key = "/k"',
        ),
    ],
)
def test_both_refuse_the_same_in_the_same_words(settings: EndpointSettings, keys: str) -> None:
    with pytest.raises(ConfigError) as opened:
        open_endpoint(settings)
    table = f'[[endpoint]]\nname = "a"\nkind = "{settings.kind}"\nurl = "{settings.url}"\n{keys}\n'
    with pytest.raises(ConfigError) as read:
        parse_deployment(f'[catalog]\npath = "c"\n{table}'.encode(), Path("/d.toml"))
    assert opened.value.message.startswith("endpoint a: ")
    assert opened.value.message.removeprefix("endpoint a: ") in read.value.message
    assert opened.value.remedy == read.value.remedy


@pytest.mark.parametrize(
    ("host", "is_here"), [("127.0.0.2", True), ("::1", True), ("localhost", True), ("dp1", False)]
)
def test_only_this_machine_needs_no_tls(host: str, is_here: bool) -> None:
    assert is_loopback(host) is is_here
    assert is_protected("http", host) is is_here
    assert is_protected("https", host)
