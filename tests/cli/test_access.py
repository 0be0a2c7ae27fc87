"""The options that open servers: no secret stands on the command line or in what is printed."""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

import pytest

from tests.cli.files import mirror
from tests.cli.helpers import Ended, Here, refused
from tests.transfer.access import secret_file

CANARY = "c4n4ry0123456789"
CONTENT = b"content" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
LOGIN = "Basic " + base64.b64encode(f"anna:{CANARY}".encode()).decode()


def fetched(here: Here, url: str, to: Path, *options: object) -> Ended:
    common = ("-o", to, "--sha256", SHA256, "--retries", "0", "--json")
    ended = here("fetch", url, *common, *options)
    assert CANARY not in ended.out + ended.err
    return ended


@pytest.mark.parametrize("way", ["file", "environment", "netrc", "header", "helper"])
def test_each_way_to_log_in(
    way: str, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "environment":
        monkeypatch.setenv("DLCORE_PASSWORD", CANARY)
    helper = tmp_path / "helper.py"
    helper.write_text(f"print('username=anna')\nprint('password={CANARY}')")
    password = secret_file(tmp_path, "password", f"{CANARY}\n")
    entry = f"machine 127.0.0.1 login anna password {CANARY}\n"
    netrc = secret_file(tmp_path, "netrc", entry)
    header = secret_file(tmp_path, "header", f"Authorization: {LOGIN}\n")
    options: dict[str, tuple[object, ...]] = {
        "file": ("--password-file", password),
        "environment": (),
        "netrc": ("--netrc-file", netrc),
        "header": ("--header", f"@{header}"),
        "helper": ("--credential-command", f'"{sys.executable}" "{helper}"'),
    }
    user = "anna@" if way in {"file", "environment"} else ""
    with mirror(CONTENT) as server:
        server.wanted_login = LOGIN
        url = server.url().replace("http://", f"http://{user}")
        ended = fetched(here, url, tmp_path / "to", *options[way])
    assert ended.status == 0, ended.err


def test_a_wrong_password_ends_with_status_5(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCORE_PASSWORD", CANARY)
    with mirror(CONTENT) as server:
        server.wanted_login = "Basic other"
        url = server.url().replace("http://", "http://anna@")
        ended = fetched(here, url, tmp_path / "to")
    refused(ended, 5, "auth")


def test_a_password_in_a_url_is_refused(here: Here, tmp_path: Path) -> None:
    ended = fetched(here, f"https://anna:{CANARY}@localhost:1/a.bin", tmp_path / "to")
    refused(ended, 2, "config")


def test_a_user_without_a_password_is_told_where_to_put_it(here: Here, tmp_path: Path) -> None:
    url, to = "https://anna@localhost:1/a.bin", tmp_path / "to"
    ended = here("fetch", url, "-o", to, "--sha256", SHA256, "--json")
    refused(ended, 2, "config")
    assert "--password-file" in ended.error["remedy"]


def test_windows_authentication_keeps_to_tls(here: Here, tmp_path: Path) -> None:
    url, to = "http://CORP%5Canna@dp.invalid/a.bin", tmp_path / "to"
    password = secret_file(tmp_path, "password", f"{CANARY}\n")
    arguments = (url, "-o", to, "--sha256", SHA256, "--password-file", password, "--json")
    ended = here("fetch", *arguments, "--authentication", "negotiate")
    refused(ended, 2, "config")
    assert "--login-without-tls" in ended.error["remedy"]
    accepted = here(
        *("fetch", *arguments, "--authentication", "ntlm", "--login-without-tls"),
        *("--retries", "0"),
    )
    refused(accepted, 6, "transfer")  # this host does not exist


@pytest.mark.parametrize("time_s", ["0", "0.01"])
def test_the_time_for_retries_is_kept(time_s: str, here: Here, tmp_path: Path) -> None:
    arguments = ("http://127.0.0.1:1/a.bin", "-o", tmp_path / "to", "--sha256", SHA256, "--json")
    refused(here("fetch", *arguments, "--retry-time", time_s), 6, "transfer")


@pytest.mark.parametrize(("size", "status"), [("6999", 2), ("7 kB", 0), ("0", 2), ("many", 2)])
def test_the_longest_file_is_kept_to(size: str, status: int, here: Here, tmp_path: Path) -> None:
    with mirror(CONTENT) as server:
        arguments = (server.url(), "-o", tmp_path / "to", "--sha256", SHA256)
        assert here("fetch", *arguments, "--max-size", size).status == status
