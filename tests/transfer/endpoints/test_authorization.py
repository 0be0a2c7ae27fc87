"""What one server is shown: headers and logins, that no other server gets to see."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import AuthError, ConfigError, Fault, TransferError
from dlcore.model import WebAccess
from dlcore.transfer import Keyring, probe_url, read_url, users_of, without_user
from dlcore.transfer.endpoints.header_fields import HeaderFields
from dlcore.transfer.http.redirects import Route
from tests.transfer.access import read, secret_file
from tests.transfer.access_servers import BODY, GuardedServer, guarded
from tests.transfer.hostile import Script, hostile
from tests.transfer.test_secrets import said

CANARY = "canary"
LONG = "cAnArY0123456789"
ENTRY = "machine localhost login anna password canary\n"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class TestHeaders:
    async def test_they_go_with_every_request_to_the_server(self) -> None:
        async with guarded(X_Key="a") as server:
            url = f"{server.url}/o"
            keyring = Keyring(WebAccess(headers=("X-Key: a", "User-Agent: mine")), server.url)
            assert await read(url, keyring) == BODY
            assert (await probe_url(url, keyring=keyring)).length_bytes == len(BODY)
            assert await read_url(url, len(BODY), keyring=keyring) == BODY
        assert set(server.shown("X-Key")) == {"a"}
        assert set(server.shown("User-Agent")) == {"mine"}

    async def test_a_redirect_to_another_origin_drops_them(self, tmp_path: Path) -> None:
        """Fault: a server redirects to another one. dlcore shows that one no header of the user."""
        file = secret_file(tmp_path, "headers", "X-Key: canary\nCookie: canary\n")
        async with guarded() as other, guarded() as server:
            server.redirects["/o"] = f"{other.url}/o"
            keyring = Keyring(WebAccess(headers=(f"@{file}", "X-Plain: b")), server.url)
            assert await read(f"{server.url}/o", keyring) == BODY
            assert await read(f"{server.url}/o", keyring, (10, 20)) == BODY[10:20]  # remembered
            assert server.shown("X-Key")[0] == CANARY
            for name in ("X-Key", "Cookie", "X-Plain"):
                assert set(other.shown(name)) == {None}

    @pytest.mark.parametrize(
        "links",
        [
            "<https://{}.example/f>; rel=duplicate",
            "</{}/f>; rel=duplicate",
            '</{}.meta4>; rel=describedby; type="application/metalink4+xml"',
        ],
    )
    async def test_a_link_that_repeats_a_secret_is_left_out(
        self, tmp_path: Path, links: str
    ) -> None:
        """Fault: a server repeats a token in a link. It would be logged; dlcore drops the link."""
        file = secret_file(tmp_path, "headers", f"Authorization: Bearer {LONG}\n")
        async with guarded() as server:
            keyring = Keyring(
                WebAccess(headers=(f"@{file}", "X-Region: eu-central-one")), server.url
            )
            server.links = links.format(LONG)
            told = await probe_url(f"{server.url}/o", keyring=keyring)
            assert told.mirrors == told.metalinks == ()
            server.links = links.format("eu-central-one")
            told = await probe_url(f"{server.url}/o", keyring=keyring)
            assert told.mirrors or told.metalinks

    async def test_a_name_that_repeats_a_secret_is_left_out(self, tmp_path: Path) -> None:
        file = secret_file(tmp_path, "headers", f"X-Key: {LONG}\n")
        answer = Script.response(
            "200 OK",
            Content_Disposition=f'attachment; filename="{LONG}.bin"',
            Content_Length="1",
            Accept_Ranges="bytes",
        )
        async with hostile(answer) as server:
            keyring = Keyring(WebAccess(headers=(f"@{file}",)), server.url)
            assert (await probe_url(f"{server.url}/o", keyring=keyring)).suggested_name == ""
            assert (await probe_url(f"{server.url}/o")).suggested_name == f"{LONG}.bin"

    @pytest.mark.parametrize("target", ["https://{}.example/f", "/{}/f", "/f?{}"])
    async def test_a_redirect_that_repeats_a_secret_is_refused(
        self, tmp_path: Path, target: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        file = secret_file(tmp_path, "headers", f"X-Key: {LONG}\n")
        async with guarded() as server:
            server.redirects["/o"] = target.format(LONG)
            keyring = Keyring(WebAccess(headers=(f"@{file}",)), server.url)
            with caplog.at_level("DEBUG"), pytest.raises(TransferError) as caught:
                await read(f"{server.url}/o", keyring)
        assert caught.value.fault is Fault.REFUSED
        assert LONG not in said(caught.value) + caplog.text

    async def test_a_document_that_repeats_a_secret_is_refused(self, tmp_path: Path) -> None:
        """Fault: a page for tests repeats a token as a list of digests. dlcore shows none of it."""
        file = secret_file(tmp_path, "headers", f"X-Key: {LONG}\n")
        async with guarded() as server:
            server.body = f"{'0' * 64}  {LONG}.bin\n".encode()
            keyring = Keyring(WebAccess(headers=(f"@{file}",)), server.url)
            with pytest.raises(TransferError, match="repeats a credential") as caught:
                await read_url(f"{server.url}/SHA256SUMS", 1000, keyring=keyring)
        assert LONG not in said(caught.value)

    async def test_a_document_that_repeats_a_login_is_refused(self, tmp_path: Path) -> None:
        netrc = secret_file(tmp_path, "netrc", f"machine localhost login anna password {LONG}\n")
        async with guarded() as server:
            server.body = LONG.encode()
            with pytest.raises(TransferError, match="repeats a credential"):
                await read_url(f"{server.url}/o", 99, keyring=Keyring(WebAccess(netrc_file=netrc)))

    async def test_a_server_that_another_one_names_gets_no_login(self, tmp_path: Path) -> None:
        netrc = secret_file(tmp_path, "netrc", ENTRY)
        async with guarded() as other, guarded() as server:
            keyring, first = Keyring(WebAccess(netrc_file=netrc)), f"{server.url}/o"
            assert await read(f"{other.url}/o", keyring, led_by=first) == BODY
            assert await read_url(f"{other.url}/o", len(BODY), keyring=keyring, led_by=first)
            assert set(other.shown("Authorization")) == {None}
            assert await read(f"{server.url}/more", keyring, led_by=first) == BODY
            assert set(server.shown("Authorization")) == {basic("anna", CANARY)}

    async def test_a_redirect_within_the_origin_keeps_them(self) -> None:
        async with guarded() as server:
            server.redirects["/o"] = "/moved"
            keyring = Keyring(WebAccess(headers=("X-Key: a",)), server.url)
            assert await read(f"{server.url}/o", keyring) == BODY
        assert server.shown("X-Key") == ["a", "a"]

    async def test_another_server_that_is_named_gets_none(self) -> None:
        async with guarded() as other, guarded() as server:
            keyring = Keyring(WebAccess(headers=("X-Key: a",), user="anna"), server.url)
            assert await read(f"{other.url}/o", keyring) == BODY
        assert other.shown("X-Key") == [None]
        assert other.shown("Authorization") == [None]

    @pytest.mark.parametrize(
        "name",
        [
            *("Range", "host", "If-Range", "Accept-Encoding", "Connection", "Transfer-Encoding"),
            *("TE", "Proxy-Authorization", "Keep-Alive", "Upgrade", "Content-Length"),
        ],
    )
    def test_what_is_not_the_users_is_refused_by_name(self, name: str) -> None:
        with pytest.raises(ConfigError, match=f"the header {name} ") as caught:
            HeaderFields("edge", [f"{name}: {CANARY}"])
        assert CANARY not in said(caught.value)

    @pytest.mark.parametrize(
        "text", [CANARY, f"a b: {CANARY}", f"X: {CANARY}\r\nY: 1", ": x", "X: é"]
    )
    def test_what_cannot_be_sent_is_refused(self, text: str) -> None:
        with pytest.raises(ConfigError) as caught:
            HeaderFields("edge", [text])
        assert CANARY not in said(caught.value)

    @given(st.text())
    def test_any_text_is_a_field_that_can_be_sent_or_refused(self, text: str) -> None:
        try:
            fields = HeaderFields("edge", [text] if not text.startswith("@") else [])
        except ConfigError:
            return
        for name, value in fields.given.items():
            assert not set(name + value) & set("\r\n\0")

    @pytest.mark.posix_only(reason="sets a mode")
    async def test_a_file_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        file = secret_file(tmp_path, "headers", "X-Key: canary", mode=0o644)
        keyring = Keyring(WebAccess(headers=(f"@{file}",)), "http://localhost")
        with pytest.raises(ConfigError, match="open to other users"):
            await read("http://localhost/o", keyring)

    @pytest.mark.parametrize("header", ["@file", "Authorization: Bearer canary", "cookie: canary"])
    def test_a_secret_does_not_travel_without_tls(self, header: str) -> None:
        keyring = Keyring(WebAccess(headers=(header,)), "http://host.example")
        with pytest.raises(ConfigError, match="without TLS"):
            keyring.authorization("edge", "http://host.example/o")


class TestPasswords:
    async def test_of_a_user_from_a_file_that_may_change(self, tmp_path: Path) -> None:
        """Fault: a password expires while it is used. dlcore reads its file again, once."""
        file = secret_file(tmp_path, "password", "first pässword\n")
        async with guarded(Authorization=basic("anna", "first pässword")) as server:
            keyring = Keyring(WebAccess(user="anna", password_file=file), server.url)
            assert await read(f"{server.url}/o", keyring) == BODY
            server.wanted["Authorization"] = basic("anna", "second")
            secret_file(tmp_path, "password", "second")
            assert await read(f"{server.url}/o", keyring) == BODY
            server.wanted["Authorization"] = basic("anna", "third")
            with pytest.raises(AuthError, match="renewing it did not help") as caught:
                await read(f"{server.url}/o", keyring)
        assert "second" not in said(caught.value)

    async def test_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SITE_PASSWORD", "p")
        async with guarded(Authorization=basic("anna", "p")) as server:
            keyring = Keyring(WebAccess(user="anna", password_env="SITE_PASSWORD"), server.url)
            assert await read(f"{server.url}/o", keyring) == BODY

    async def test_without_a_login_the_remedy_says_how_to_log_in(self) -> None:
        async with guarded(Authorization="x") as server:
            with pytest.raises(AuthError, match="answered 401") as caught:
                await read(f"{server.url}/o", Keyring())
        assert "USER@HOST" in caught.value.remedy

    @pytest.mark.parametrize(
        ("web", "why"),
        [
            (WebAccess(user="anna"), "has no password"),
            (WebAccess(password_file="p"), "no user"),
            (WebAccess(user="a", password_file="p", password_env="P"), "both"),
            (WebAccess(user="a", password_file="p", credential_command=("c",)), "both"),
            (WebAccess(user="a", password_file="p", headers=("Authorization: x",)), "both"),
        ],
    )
    def test_settings_that_do_not_fit_together(self, web: WebAccess, why: str) -> None:
        with pytest.raises(ConfigError, match=why):
            Keyring(web, "https://host").authorization("edge", "https://host/o")

    def test_a_login_does_not_travel_without_tls(self) -> None:
        web = WebAccess(user="anna", password_file="p")
        with pytest.raises(ConfigError, match="without TLS"):
            Keyring(web, "http://host.example").authorization("edge", "http://host.example/o")

    async def test_a_redirect_drops_the_login(self, tmp_path: Path) -> None:
        file = secret_file(tmp_path, "password", CANARY)
        async with guarded() as other, guarded() as server:
            server.redirects["/o"] = f"{other.url}/o"
            keyring = Keyring(WebAccess(user="anna", password_file=file), server.url)
            assert await read(f"{server.url}/o", keyring) == BODY
            assert server.shown("Authorization") == [basic("anna", CANARY)]
            assert other.shown("Authorization") == [None]


class TestNetrc:
    async def asked(self, server: GuardedServer, file: str, user: str = "") -> bytes:
        keyring = Keyring(WebAccess(netrc_file=file, user=user), server.url)
        return await read(f"{server.url}/o", keyring)

    async def test_the_entry_of_the_host_logs_in(self, tmp_path: Path) -> None:
        file = secret_file(
            tmp_path,
            "netrc",
            "machine other login b password no\nmachine localhost\n  login anna\n  password p\n",
        )
        async with guarded(Authorization=basic("anna", "p")) as server:
            assert await self.asked(server, file) == BODY
            assert await self.asked(server, file, "anna") == BODY
            with pytest.raises(ConfigError, match="has no password of bob at localhost"):
                await self.asked(server, file, "bob")

    async def test_the_default_entry_is_shown_to_nobody(self, tmp_path: Path) -> None:
        """Fault: an entry ``default`` fits every server. dlcore does not use it."""
        file = secret_file(tmp_path, "netrc", "default login anna password canary\n")
        async with guarded() as server:
            assert await self.asked(server, file) == BODY
        assert server.shown("Authorization") == [None]

    async def test_it_counts_for_every_server_that_is_named(self, tmp_path: Path) -> None:
        file = secret_file(tmp_path, "netrc", "machine localhost login anna password p\n")
        async with guarded(Authorization=basic("anna", "p")) as other:
            keyring = Keyring(WebAccess(netrc_file=file), "https://elsewhere.example")
            assert await read(f"{other.url}/o", keyring) == BODY

    def test_it_is_not_used_without_tls(self, tmp_path: Path) -> None:
        file = secret_file(tmp_path, "netrc", "machine host.example login a password p\n")
        keyring = Keyring(WebAccess(netrc_file=file), "http://host.example")
        keyring.authorization("edge", "http://host.example/o")  # not an error

    @pytest.mark.parametrize("text", ["machine", "canary canary"])
    async def test_a_malformed_file_is_refused_by_its_line(self, tmp_path: Path, text: str) -> None:
        file = secret_file(tmp_path, "netrc", text)
        async with guarded() as server:
            with pytest.raises(ConfigError, match="line 1") as caught:
                await self.asked(server, file)
        assert CANARY not in said(caught.value)

    @pytest.mark.posix_only(reason="sets a mode")
    async def test_a_file_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        file = secret_file(tmp_path, "netrc", ENTRY, mode=0o644)
        async with guarded() as server:
            with pytest.raises(ConfigError, match="open to other users"):
                await self.asked(server, file)
        assert server.requests == []


class TestUsersInUrls:
    @pytest.mark.parametrize(
        ("url", "bare", "user"),
        [
            ("https://anna@host/a@b", "https://host/a@b", "anna"),
            ("https://an%40na@host:8443", "https://host:8443", "an@na"),
            ("https://host/a@b?c=d@e", "https://host/a@b?c=d@e", ""),
            ("https://host?c=d@e", "https://host?c=d@e", ""),
            ("ABC00001", "ABC00001", ""),
        ],
    )
    def test_the_name_is_taken_out(self, url: str, bare: str, user: str) -> None:
        assert without_user(url) == (bare, user)

    @given(st.text(min_size=1), st.text())
    def test_a_password_is_refused_and_not_repeated(self, user: str, password: str) -> None:
        userinfo = f"{user}:{CANARY}{password}".translate(dict.fromkeys(map(ord, "/?#"), "_"))
        with pytest.raises(ValueError, match="contains a password") as caught:
            without_user(f"https://{userinfo}@host/")
        assert CANARY not in str(caught.value)

    def test_two_users_of_one_server_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="anna and bob"):
            users_of({"https://host/a": "anna", "https://host:443/b": "bob"})

    def test_a_route_that_leaves_the_origin_has_no_headers_of_the_user(self) -> None:
        route = Route(("https://host/a", "https://host:8443/a"))
        assert route.headers({"X-Key": "a", "Range": "bytes=0-1"}) == {"Range": "bytes=0-1"}
