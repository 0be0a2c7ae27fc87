"""What an endpoint's table says of Windows authentication."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.deployment import parse_deployment
from dlcore.errors import ConfigError
from dlcore.model import Authentication, WebAccess

TABLE = """
[catalog]
path = "catalog.json"
[[endpoint]]
name = "dp"
kind = "dp"
url = "{scheme}://dp.contoso.com/SMS_DP_SMSPKG$"
{keys}
"""


def web(keys: str, scheme: str = "http") -> WebAccess:
    text = TABLE.format(scheme=scheme, keys=keys)
    return parse_deployment(text.encode(), Path("d.toml")).endpoints[0].web


def test_it_may_do_without_tls_if_that_is_wanted() -> None:
    keys = "logs_in_without_tls = true\nuser = 'CORP\\anna'\nauthentication = \"negotiate\""
    read = web(keys)
    assert (read.authentication, read.user) == (Authentication.NEGOTIATE, "CORP\\anna")


def test_without_tls_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="travel without TLS") as caught:
        web('authentication = "ntlm"')
    assert "logs_in_without_tls" in caught.value.remedy


def test_basic_never_does_without_tls() -> None:
    with pytest.raises(ConfigError, match="travel without TLS"):
        web('user = "anna"\npassword_env = "P"\nlogs_in_without_tls = true')


def test_another_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="authentication"):
        web('authentication = "kerberos"', "https")


def test_a_proxy_may_want_it_whatever_the_server_wants() -> None:
    read = web("proxy = 'http://CORP%5Canna@proxy:8080'\nproxy_authentication = \"ntlm\"")
    assert read.proxy_authentication is Authentication.NTLM
    assert read.authentication is Authentication.BASIC
