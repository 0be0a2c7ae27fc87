"""Settings that cannot work are refused before a network is asked."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.errors import ConfigError, Fault, TransferError
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.transfer import open_endpoint, open_urls
from dlcore.transfer.endpoints.credentials import secret_of
from tests.others import let_nobody_else, let_others_change, let_others_read, touch_private
from tests.transfer.hostile import Script, hostile
from tests.transfer.packages import Package
from tests.transfer.sinks import Collector

SECURE = [EndpointKind.CMG, EndpointKind.CLOUD_DP, EndpointKind.BLOB]


def settings(kind: EndpointKind, url: str, *, ca_file: str = "") -> EndpointSettings:
    token = "T" if kind in SECURE[:2] else ""
    return EndpointSettings("edge", kind, url, token_env=token, ca_file=ca_file)


@pytest.mark.parametrize("kind", SECURE)
async def test_a_credential_never_goes_over_plain_http(kind: EndpointKind) -> None:
    """Fault K5: an endpoint with a credential has a plain http URL. dlcore refuses it."""
    with pytest.raises(ConfigError, match="https only"):
        open_endpoint(settings(kind, "http://host.example"))


@pytest.mark.parametrize("kind", SECURE)
async def test_plain_http_to_this_machine_is_allowed(kind: EndpointKind) -> None:
    await open_endpoint(settings(kind, "http://127.0.0.1:8080")).aclose()


@pytest.mark.parametrize("kind", [EndpointKind.DP, EndpointKind.HTTP, EndpointKind.CONTENT_LIBRARY])
async def test_plain_http_is_allowed_where_no_credential_is_sent(kind: EndpointKind) -> None:
    await open_endpoint(settings(kind, "http://host.example/x")).aclose()


@pytest.mark.parametrize(
    "url",
    [
        "https://host/c?sv=1&sig=canary",
        "https://host/c#canary",
        "https://user:canary@host/c",
        "host/c",
        "",
        "ftp://host/",
    ],
)
async def test_a_url_with_more_than_a_base_is_refused_without_showing_secrets(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_endpoint(settings(EndpointKind.BLOB, url))
    assert caught.value.remedy
    if "#" not in url:
        assert "canary" not in str(caught.value)


async def test_a_gateway_needs_a_token() -> None:
    with pytest.raises(ConfigError, match="registration token"):
        open_endpoint(EndpointSettings("edge", EndpointKind.CMG, "https://host"))


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_authority_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"ca\.pem cannot be used"):
        open_endpoint(settings(EndpointKind.HTTP, "https://host", ca_file=str(path)))


async def test_a_url_of_a_mirror_is_checked() -> None:
    with pytest.raises(ConfigError):
        open_urls("mirror", {"o": "ftp://host/passwd"})


async def test_a_url_that_a_server_named_does_not_lead_to_this_machine(package: Package) -> None:
    """Fault: a server names mirrors on the client's own machine. dlcore does not ask there."""
    item = package.manifest.objects[0]
    endpoint = open_urls("mirror", {item.name: "http://localhost:9/f"}, led_by="http://other/f")
    placement = await endpoint.locate(package.manifest)
    with pytest.raises(TransferError) as refused:
        await placement.read_range(0, 0, 10, Collector(10))
    assert refused.value.fault is Fault.REFUSED
    await endpoint.aclose()


def test_a_secret_has_one_place() -> None:
    with pytest.raises(ConfigError, match="token_file and token_env"):
        secret_of("edge", "token", file="a", env="b")
    assert secret_of("edge", "token", file="", env="") is None


@pytest.mark.parametrize("content", ["", " \n", "two\nlines", "a b", "a\r\nX: y", "ä", "\0"])
def test_a_secret_that_does_not_fit_a_header_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    touch_private(path)
    path.write_text(content, encoding="utf-8", newline="")
    read = secret_of("edge", "token", file=str(path), env="")
    assert read is not None
    with pytest.raises(ConfigError, match="one line of printable ASCII"):
        read()


@pytest.mark.parametrize("secret", ["sv=1&sig=c4n4ry", "/etc/?sig=c4n4ry", "eyJ0.c4n4ry.eyJ1"])
@pytest.mark.parametrize("setting", ["file", "env"])
def test_a_secret_in_the_place_of_its_name_is_not_repeated(setting: str, secret: str) -> None:
    """Fault: a secret is put where its file or variable is named. dlcore does not repeat it."""
    read = secret_of("edge", "sas", **({"file": "", "env": ""} | {setting: secret}))
    assert read is not None
    with pytest.raises(ConfigError, match=rf"sas_{setting} \*\*\*") as caught:
        read()
    assert "c4n4ry" not in f"{caught.value}{caught.value.remedy}"


def test_the_place_of_a_secret_is_named(tmp_path: Path) -> None:
    for place in ({"file": str(tmp_path / "none"), "env": ""}, {"file": "", "env": "NO_SUCH_1"}):
        read = secret_of("edge", "token", **place)
        assert read is not None
        with pytest.raises(ConfigError, match=re.escape(place["file"] or place["env"])):
            read()


def test_a_secret_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    read = secret_of("edge", "token", file=str(path), env="")
    assert read is not None
    with pytest.raises(ConfigError, match="cannot be read"):
        read()
    touch_private(path)
    for value in ("one", "two"):
        path.write_text(f"{value}\n")
        assert read() == value


@pytest.mark.parametrize("let", [let_others_read, let_others_change], ids=["read", "change"])
def test_a_secret_that_is_open_to_others_is_refused(
    tmp_path: Path, let: Callable[[Path], None]
) -> None:
    """Fault: others can read or change a file with a token. dlcore refuses it, with a remedy."""
    path = tmp_path / "token"
    path.write_text("canary")
    let(path)
    read = secret_of("edge", "token", file=str(path), env="")
    assert read is not None
    with pytest.raises(ConfigError, match="token is open to other users") as refused:
        read()
    assert str(path) in refused.value.remedy
    assert "canary" not in f"{refused.value.message} {refused.value.remedy}"
    let_nobody_else(path)
    assert read() == "canary"


@pytest.mark.posix_only(reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602])
@pytest.mark.parametrize("what", ["token", "sas"])
@pytest.mark.parametrize("is_link", [False, True], ids=["file", "link"])
def test_a_secret_that_others_can_read_is_refused(
    tmp_path: Path, mode: int, what: str, is_link: bool
) -> None:
    """Fault: others can read a file with a token. dlcore refuses it and tells the chmod."""
    real = tmp_path / "the secret"
    real.write_text("canary")
    real.chmod(mode)
    path = tmp_path / "link" if is_link else real
    if is_link:
        path.symlink_to(real)
    read = secret_of("edge", what, file=str(path), env="")
    assert read is not None
    with pytest.raises(ConfigError, match=f"{what}_file .* is open to other users") as refused:
        read()
    assert f"chmod 600 {shlex.quote(str(path))}" in refused.value.remedy
    assert "canary" not in f"{refused.value.message} {refused.value.remedy}"
    real.chmod(0o600)
    assert read() == "canary"


class TestUrls:
    """Objects at explicit URLs."""

    async def test_an_object_is_read_at_its_own_url(self, package: Package) -> None:
        data = package.contents[0]
        script = Script.response(
            "206 P",
            data[5:20],
            Content_Range=f"bytes 5-19/{len(data)}",
            Content_Length="15",
        )
        async with hostile(script) as server:
            target = f"{server.url}/downloads/file%20one.iso?a=%2F"
            endpoint = open_urls("mirror", {package.manifest.objects[0].name: target})
            placement = await endpoint.locate(package.manifest)
            sink = Collector(15)
            await placement.read_range(0, 5, 20, sink)
            await endpoint.aclose()
        assert placement.held == {0}
        assert sink.received == data[5:20]
        assert server.requests[0].startswith(b"GET /downloads/file%20one.iso?a=%2F HTTP/1.1\r\n")

    async def test_a_mirror_without_the_package_says_so(self, package: Package) -> None:
        endpoint = open_urls("mirror", {"other": "https://host/other"})
        with pytest.raises(TransferError) as caught:
            await endpoint.locate(package.manifest)
        assert caught.value.fault is Fault.NOT_FOUND
        await endpoint.aclose()
