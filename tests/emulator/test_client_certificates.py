from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from dlcore.emulator.client_certificates import ensure_client_certificates
from tests.others import is_private

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("client.pem", "client-expired.pem", "client-of-another.pem")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_they_are_used_again_until_a_day_is_left(tmp_path: Path) -> None:
    ensure_client_certificates(tmp_path, NOW)
    first = contents(tmp_path)
    ensure_client_certificates(tmp_path, NOW + timedelta(days=28))
    assert contents(tmp_path) == first
    ensure_client_certificates(tmp_path, NOW + timedelta(days=29))
    assert all(data != first[name] for name, data in contents(tmp_path).items())


@pytest.mark.parametrize("name", [*NAMES, "clients-ca.pem"])
def test_what_is_missing_is_made_anew(tmp_path: Path, name: str) -> None:
    ensure_client_certificates(tmp_path, NOW)
    (tmp_path / name).unlink()
    ensure_client_certificates(tmp_path, NOW)
    assert set(contents(tmp_path)) == {*NAMES, "clients-ca.pem"}


def test_keys_are_private_and_each_certificate_is_what_its_name_says(tmp_path: Path) -> None:
    made = ensure_client_certificates(tmp_path, NOW)
    assert all(is_private(tmp_path / name) for name in NAMES)
    client, expired, stranger = (
        x509.load_pem_x509_certificate((tmp_path / name).read_bytes()) for name in NAMES
    )
    authority = x509.load_pem_x509_certificate(made.ca_file.read_bytes())
    client.verify_directly_issued_by(authority)
    expired.verify_directly_issued_by(authority)
    assert client.not_valid_before_utc < NOW < client.not_valid_after_utc
    assert expired.not_valid_after_utc < NOW
    assert stranger.issuer != authority.subject
