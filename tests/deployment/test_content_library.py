"""An endpoint of the kind ``content-library`` in a deployment file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.deployment import parse_deployment
from dlcore.errors import ConfigError
from dlcore.model import Authentication, EndpointKind

PATH = Path("/etc/dlcore/deployment.toml").absolute()
TABLE = '[[endpoint]]\nname = "D"\nkind = "content-library"\npath = "lib"\n'


def test_it_has_a_path_from_the_folder_of_the_file() -> None:
    text = f'[catalog]\npath = "catalog.json"\n{TABLE}'
    (library,) = parse_deployment(text.encode(), PATH).endpoints
    assert (library.kind, library.url) == (EndpointKind.CONTENT_LIBRARY, str(PATH.parent / "lib"))


def test_it_has_no_catalog() -> None:
    with pytest.raises(ConfigError, match="content library, which has no catalog"):
        parse_deployment(f'[catalog]\nendpoint = "D"\n{TABLE}'.encode(), PATH)


URL = '[[endpoint]]\nname = "D"\nkind = "content-library"\nurl = "http://dp1/SMS_DP_SMSPKG$"\n'


def test_one_on_a_web_server_has_a_url_and_what_a_distribution_point_has() -> None:
    text = f'[catalog]\npath = "catalog.json"\n{URL}authentication = "ntlm"\n'
    text += "logs_in_without_tls = true\n"
    (library,) = parse_deployment(text.encode(), PATH).endpoints
    assert (library.is_folder, library.url) == (False, "http://dp1/SMS_DP_SMSPKG$")
    assert library.web.authentication is Authentication.NTLM


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (URL + 'path = "lib"\n', "path"),
        (URL.replace("http:", "ftp:"), "url"),
        (URL + 'token_env = "T"\n', "TLS"),
        (TABLE + 'token_env = "T"\n', "token_env"),
        (TABLE.replace('"lib"', '"https://dp1/lib"'), "path is a URL"),
    ],
    ids=["both", "scheme", "token without TLS", "token of a folder", "URL as path"],
)
def test_what_does_not_fit_its_place_is_refused(table: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_deployment(f'[catalog]\npath = "catalog.json"\n{table}'.encode(), PATH)
