from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dlcore.emulator.authority import ensure_identity

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = {"localhost", "127.0.0.1", "::1"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_identity_is_used_again_while_it_has_a_day_left(tmp_path: Path) -> None:
    ensure_identity(tmp_path, NAMES, NOW)
    first = contents(tmp_path)
    ensure_identity(tmp_path, NAMES, NOW + timedelta(days=28))
    assert contents(tmp_path) == first


def test_an_identity_about_to_expire_is_replaced(tmp_path: Path) -> None:
    identity = ensure_identity(tmp_path, NAMES, NOW)
    first = identity.ca_file.read_bytes()
    ensure_identity(tmp_path, NAMES, NOW + timedelta(days=29))
    assert identity.ca_file.read_bytes() != first


def test_an_identity_without_a_name_that_is_needed_is_replaced(tmp_path: Path) -> None:
    identity = ensure_identity(tmp_path, NAMES, NOW)
    first = identity.ca_file.read_bytes()
    ensure_identity(tmp_path, {"localhost"}, NOW)
    assert identity.ca_file.read_bytes() == first
    ensure_identity(tmp_path, {"localhost", "gateway.example"}, NOW)
    assert identity.ca_file.read_bytes() != first


@pytest.mark.parametrize("name", ["ca.pem", "server.pem"])
@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "of another"])
def test_a_damaged_identity_is_replaced(tmp_path: Path, name: str, damage: str) -> None:
    identity = ensure_identity(tmp_path, NAMES, NOW)
    other = tmp_path / "other"
    other.mkdir()
    ensure_identity(other, NAMES, NOW)
    path = tmp_path / name
    if damage == "missing":
        path.unlink()
    else:
        spoiled = {"empty": b"", "garbage": b"\0", "of another": (other / name).read_bytes()}
        path.write_bytes(spoiled[damage])
    ensure_identity(tmp_path, NAMES, NOW)
    identity.context()
    from cryptography import x509

    authority = x509.load_pem_x509_certificate(identity.ca_file.read_bytes())
    server = x509.load_pem_x509_certificate(identity.server_file.read_bytes())
    server.verify_directly_issued_by(authority)


@pytest.mark.posix_only(reason="modes are POSIX's")
def test_the_servers_key_is_private_and_the_authoritys_is_nowhere(tmp_path: Path) -> None:
    identity = ensure_identity(tmp_path, NAMES, NOW)
    assert stat.S_IMODE(identity.server_file.stat().st_mode) == 0o600
    assert b"PRIVATE" not in identity.ca_file.read_bytes()
    assert identity.server_file.read_bytes().count(b"BEGIN PRIVATE KEY") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"ca.pem", "server.pem"}
