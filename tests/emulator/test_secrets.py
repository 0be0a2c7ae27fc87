from __future__ import annotations

import logging
import urllib.parse
from pathlib import Path

import pytest

from dlcore.emulator import Emulator
from dlcore.emulator.credentials import Signatures, Tokens
from dlcore.emulator.private_files import write_private
from dlcore.model import object_key
from tests.emulator.helpers import Client, Sample, Time, locations_path

CANARY = "canary-registration-token"


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    write_private(tmp_path / "state" / "registration-token", CANARY.encode())
    return tmp_path


async def test_no_secret_is_logged_whatever_happens(
    emulator: Emulator, client: Client, sample: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = await client.token()
    url = await client.url_of(sample, sample.large.name)
    await client.ask("GET", url)
    await client.ask("GET", url, Range="bytes=999999-")
    await client.ask("GET", url, Authorization=f"Bearer {token}")
    await client.ask("GET", url.replace("abc00012", "abc00013"))
    await client.ask("PUT", url)
    await client.read(locations_path(sample).replace("pid", f"t={token}&pid"), token + "x")
    (sample.folder / object_key(sample.large.name)).unlink()
    await client.ask("GET", url)
    await client.read(locations_path(sample), token)
    signature = urllib.parse.parse_qs(url.partition("?")[2])["sig"][0]
    assert "GET /storage/abc00012/objects/" in caplog.text
    for secret in (CANARY, token, token.partition(".")[2], signature, "sig="):
        assert secret not in caplog.text
        assert urllib.parse.quote(secret, safe="") not in caplog.text


async def test_the_canary_is_the_secret_in_use(client: Client) -> None:
    answer = await client.ask(
        "POST", "/ccm_system_TokenAuth/token", Authorization=f"Bearer {CANARY}"
    )
    assert answer.status == 200


def test_no_secret_is_in_a_repr(emulator: Emulator, time: Time) -> None:
    for thing in (emulator, Tokens(CANARY, 1.0, time), Signatures(1.0, time), emulator.counters):
        assert CANARY not in repr(thing)


async def test_errors_do_not_repeat_what_was_shown(client: Client) -> None:
    answer = await client.ask(
        "POST", "/ccm_system_TokenAuth/token", Authorization="Bearer canary-wrong"
    )
    assert b"canary" not in answer.body
