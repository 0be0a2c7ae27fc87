"""No secret appears in what a command prints, writes or is started with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Site
from tests.cli.files import mirror
from tests.cli.helpers import Ended, Here, dlcore, start, wait

CANARY = "c4n4ry0123456789abcdef"
SIGNATURE = f"?sv=2024-11-04&sp=r&sig={CANARY}"


def printed(*ended: Ended) -> str:
    return "".join(e.out + e.err for e in ended)


def written(folder: Path) -> bytes:
    """All bytes and names in a folder."""
    return b"".join(
        bytes(path) + (path.read_bytes() if path.is_file() else b"") for path in folder.rglob("*")
    )


def test_the_registration_token_stays_in_its_file(site: Site, tmp_path: Path) -> None:
    token = Path(site.gateway.access[1]).read_text().strip()
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    source = ("--from", f"cmg+{site.gateway.url}", *site.gateway.access[2:])
    target = ("-o", tmp_path / "to", "--json")
    ended = [
        dlcore("plan", site.sequence, *where, "--json"),
        dlcore("run", site.sequence, *where, "--simulate", "0", "--json"),
        dlcore("fetch", "ABC00001", *source, *target, env={"DLCORE_TOKEN": token}),
    ]
    assert ended[0].status in {0, 14}, ended  # 14: the upgrade step cannot run on this machine
    assert [e.status for e in ended[1:]] == [0, 0], ended
    assert token not in printed(*ended)
    assert token.encode() not in written(tmp_path)


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_wrong_token_is_not_repeated(
    debug: str, site: Site, tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCORE_TOKEN", CANARY)
    monkeypatch.setenv("DLCORE_DEBUG", debug)
    source = ("--from", f"cmg+{site.gateway.url}", *site.gateway.access[2:])
    ended = here("fetch", "ABC00001", *source, "-o", tmp_path / "to", "--json")
    assert ended.status == 5
    assert CANARY not in printed(ended)
    assert CANARY.encode() not in written(tmp_path)


def test_a_shared_access_signature_in_a_url_is_not_repeated(here: Here, tmp_path: Path) -> None:
    with mirror(b"wrong") as server:
        arguments = ("-o", tmp_path / "to", "--retries", "0", "--json", "--sha256", "0" * 64)
        ended = [
            here("fetch", server.url("file.bin") + SIGNATURE, *arguments),
            here("fetch", f"http://localhost:1/file.bin{SIGNATURE}", *arguments),
        ]
    assert [e.status for e in ended] == [7, 6]
    assert CANARY not in printed(*ended)
    assert CANARY.encode() not in written(tmp_path)


def test_an_endpoint_with_a_signature_is_refused_without_it(here: Here, tmp_path: Path) -> None:
    source = ("--from", f"blob+https://localhost:1/container{SIGNATURE}")
    ended = here("fetch", "ABC00001", *source, "-o", tmp_path / "to", "--json")
    assert ended.status == 2
    assert CANARY not in printed(ended)


def test_a_signature_from_the_environment_stays_there(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCORE_SAS", SIGNATURE[1:])
    source = ("--from", "blob+https://localhost:1/container", "-o", tmp_path / "to", "--json")
    ended = here("fetch", "ABC00001", *source)
    assert ended.status == 6
    assert CANARY not in printed(ended)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc here")
def test_the_servers_secrets_are_not_in_its_arguments(site: Site, tmp_path: Path) -> None:
    """Fault K6: other users can read command lines. dlcore takes secrets from files or the
    environment.
    """
    process = start("serve", site.published, "--state", tmp_path, "--json")
    assert process.stdout is not None
    assert process.stdout.readline()
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    token = (tmp_path / "registration-token").read_text().strip()
    process.terminate()
    ended = wait(process)
    assert token.encode() not in arguments
    assert token not in printed(ended)
    assert (tmp_path / "registration-token").stat().st_mode & 0o077 == 0
