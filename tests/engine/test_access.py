"""Which of the servers that a user names is shown what, from the call down to the request."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dlcore import Access, FetchItem, Retry, WebAccess, fetch, fetch_many
from dlcore.engine.download.asking import Asking
from dlcore.engine.download.inquiry import InquiryPolicy
from dlcore.engine.events import EndpointAwaited, Event
from dlcore.engine.fetching.access import NamedServers
from dlcore.engine.fetching.sources import settings_of
from dlcore.errors import ConfigError, DlcoreError, Fault, TransferError
from dlcore.transfer import Keyring
from tests.engine.fakes import FakeEndpoint
from tests.engine.virtual_time import virtually
from tests.transfer.access import secret_file
from tests.transfer.access_servers import BODY, guarded
from tests.transfer.endpoints.test_authorization import basic

SHA256 = hashlib.sha256(BODY).hexdigest()
CANARY = "canary"


class TestOneFile:
    async def test_a_mirror_is_shown_nothing_and_serves(self, tmp_path: Path) -> None:
        """Fault: a mirror of another owner is named. dlcore shows it none of the credentials."""
        headers = secret_file(tmp_path, "headers", "X-Key: canary\n")
        password = secret_file(tmp_path, "password", CANARY)
        web = WebAccess(headers=(f"@{headers}",), password_file=password)
        async with guarded() as mirror, guarded(X_Key=CANARY) as server:
            url = server.url.replace("http://", "http://anna@")
            await fetch(
                f"{url}/a.bin",
                to=tmp_path / "to",
                endpoints=[f"{mirror.url}/other.bin"],
                sha256=SHA256,
                access=Access(web=web),
                deliveries=tmp_path / "d",
            )
            assert set(server.shown("Authorization")) == {basic("anna", CANARY)}
            for name in ("X-Key", "Authorization"):
                assert set(mirror.shown(name)) <= {None}
        assert (tmp_path / "to" / "a.bin").read_bytes() == BODY

    async def test_a_mirror_that_a_server_names_is_shown_nothing(self, tmp_path: Path) -> None:
        """Fault: a server names a mirror that has a netrc entry. dlcore shows it no login."""
        netrc = secret_file(tmp_path, "netrc", "machine localhost login anna password canary\n")
        async with guarded() as mirror, guarded() as server:
            server.body = bytes(len(BODY))
            server.links = f"<{mirror.url}/other.bin>; rel=duplicate"
            await fetch(
                f"{server.url}/a.bin",
                to=tmp_path / "to",
                sha256=SHA256,
                access=Access(web=WebAccess(netrc_file=netrc)),
                deliveries=tmp_path / "d",
            )
            assert set(server.shown("Authorization")) == {basic("anna", CANARY)}
            assert set(mirror.shown("Authorization")) == {None}

    @pytest.mark.parametrize("relation", ["duplicate", "describedby"])
    async def test_who_is_redirected_to_leads_nobody_back_with_the_login(
        self, relation: str, tmp_path: Path
    ) -> None:
        """Fault: a server redirects to another one, which names a mirror or a Metalink at the
        first. It is not asked for, as it would be asked for with the user's login.
        """
        headers = secret_file(tmp_path, "headers", "X-Key: canary\n")
        async with guarded() as own, guarded() as stranger:
            own.redirects["/a.bin"] = f"{stranger.url}/x"
            stranger.body = bytes(len(BODY))  # so that its mirrors are asked
            kind = 'type="application/metalink4+xml"'
            stranger.links = f"<{own.url}/delete>; rel={relation}; {kind}"
            with pytest.raises(DlcoreError):
                await fetch(
                    f"{own.url}/a.bin",
                    to=tmp_path / "to",
                    sha256=SHA256,
                    access=Access(web=WebAccess(headers=(f"@{headers}",))),
                    retry=Retry(count=0),
                    deliveries=tmp_path / "d",
                )
            assert {path for _, path, _ in own.requests} == {"/a.bin"}
            assert set(stranger.shown("X-Key")) == {None}

    async def test_the_environment_has_the_password(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DLCORE_PASSWORD", CANARY)
        async with guarded(Authorization=basic("anna", CANARY)) as server:
            url = server.url.replace("http://", "http://anna@")
            to = tmp_path / "to"
            await fetch(f"{url}/a.bin", to=to, sha256=SHA256, deliveries=tmp_path / "d")
        assert (to / "a.bin").read_bytes() == BODY

    async def test_a_password_in_the_url_is_refused_and_not_repeated(self, tmp_path: Path) -> None:
        url = f"https://anna:{CANARY[::-1]}@localhost:1/a.bin"
        with pytest.raises(ConfigError, match="contains a password") as caught:
            await fetch(url, to=tmp_path / "to", sha256=SHA256)
        assert CANARY[::-1] not in str(caught.value) + caught.value.remedy
        assert "--password-file" in caught.value.remedy


async def test_of_many_files_each_server_is_shown_its_own(tmp_path: Path) -> None:
    netrc = secret_file(tmp_path, "netrc", "machine localhost login bob password b\n")
    async with guarded(Authorization=basic("bob", "b")) as one, guarded() as other:
        access = Access(web=WebAccess(netrc_file=netrc, headers=("X-Key: a",)))
        items = [
            FetchItem(f"{one.url.replace('http://', 'http://bob@')}/1.bin", SHA256),
            FetchItem(f"{other.url}/2.bin", SHA256),
        ]
        results = await fetch_many(
            items, to=tmp_path / "to", access=access, deliveries=tmp_path / "d"
        )
        assert [result.error for result in results] == [None, None]
        assert [result.item for result in results] == items
        assert set(one.shown("X-Key")) == {"a"}
        assert set(other.shown("X-Key")) == {None}


async def test_a_server_leads_nobody_to_another_ones_server_with_its_login(tmp_path: Path) -> None:
    """Fault: of two files, the server of one names a mirror at the server of the other. What it
    names is asked for without the login that the user has there; what the user names, with it.
    """
    headers = secret_file(tmp_path, "headers", "X-Key: canary\n")
    access = Access(web=WebAccess(headers=(f"@{headers}",)))
    other_sha256 = hashlib.sha256(BODY[::-1]).hexdigest()
    async with guarded(X_Key=CANARY) as own, guarded() as stranger:
        stranger.body = bytes(len(BODY))  # so that its mirrors are asked
        stranger.links = (
            f"<{own.url}/delete>; rel=duplicate, <{own.url}/1.bin>; rel=duplicate; pri=9"
        )
        items = [
            FetchItem(f"{own.url}/1.bin", SHA256),
            FetchItem(f"{stranger.url}/2.bin", other_sha256),
        ]
        results = await fetch_many(
            items,
            to=tmp_path / "to",
            access=access,
            deliveries=tmp_path / "d",
            retry=Retry(count=0),
        )
        assert results[0].error is None
        assert results[1].error is not None
        asked = [(path, fields.get("X-Key")) for _, path, fields in own.requests]
        assert ("/delete", None) in asked
        assert ("/delete", CANARY) not in asked
        assert set(stranger.shown("X-Key")) == {None}


class TestNamedServers:
    def test_the_first_url_is_the_server_that_the_settings_are_for(self) -> None:
        access = Access(web=WebAccess(headers=("X-Key: a",), client_cert=""))
        named = ["ABC00001", "https://anna@host/site", "http+https://other/site"]
        servers = NamedServers(access, named)
        own = settings_of(named[1], 1, access, servers)
        assert (own.url, own.web.headers, own.web.user) == (
            "https://host/site",
            ("X-Key: a",),
            "anna",
        )
        other = settings_of(named[2], 2, access, servers)
        assert (other.url, other.web.headers, other.web.user) == ("https://other/site", (), "")

    def test_what_is_no_url_is_left_alone(self) -> None:
        servers = NamedServers(Access(), ["C:\\a@b:c", "/srv/a:b@c", "user@host:path", ""])
        assert servers.bare("/srv/a:b@c") == "/srv/a:b@c"
        assert isinstance(servers.keyring, Keyring)


def test_patience_is_told_and_ends() -> None:
    """Fault N10: no server answers at the beginning. dlcore asks on for the time asked for."""
    told: list[Event] = []
    calls = 0

    async def question() -> None:
        nonlocal calls
        calls += 1
        raise TransferError(CANARY, fault=Fault.CONNECT, endpoint="a")

    async def main() -> None:
        asking = Asking(told.append, policy=InquiryPolicy.lasting(600.0))
        with pytest.raises(TransferError):
            await asking.ask(FakeEndpoint("a", {}), question)

    virtually(main())
    waits = [event for event in told if isinstance(event, EndpointAwaited)]
    assert waits
    assert all(2.0 <= event.wait_s <= 60.0 for event in waits)
    assert calls > len(waits)


def test_usual_patience_says_nothing_of_its_short_waits() -> None:
    told: list[Event] = []

    async def question() -> None:
        raise TransferError("no", fault=Fault.CONNECT, endpoint="a")

    async def main() -> None:
        with pytest.raises(TransferError):
            await Asking(told.append).ask(FakeEndpoint("a", {}), question)

    virtually(main())
    assert told == []


def test_a_retry_has_no_fixed_pause_unless_it_is_asked_for() -> None:
    assert Retry().delay_s is None
