"""Makes a certificate authority that signs the certificate of one server.

Guarantees: the authority's key signs one certificate and is never stored, so a client that trusts
the authority trusts only this server. Certificates are valid for 30 days. Existing files are used
again if they are complete, cover all names and are valid for at least one more day.

Assumes that the operator gives ``ca.pem`` to the clients. Not for production.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dlcore.emulator.private_files import write_private
from dlcore.extras import require

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_VALIDITY = timedelta(days=30)
_MIN_REMAINING = timedelta(days=1)  # longer than a demonstration runs
_MAX_CLOCK_SKEW = timedelta(hours=1)  # tolerated for a client with a slow clock


class Identity(msgspec.Struct, frozen=True):
    """The files of a server's certificate.

    Attributes:
        ca_file: The authority's certificate, PEM; clients trust it.
        server_file: The server's certificate and key, PEM, mode 0600.
    """

    ca_file: Path
    server_file: Path

    def context(self) -> ssl.SSLContext:
        """A context for the server side of TLS, version 1.2 or later."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.server_file)
        return context


def ensure_identity(folder: Path, names: Collection[str], now: datetime) -> Identity:
    """Return the identity in ``folder``; make a new one if the old one cannot be used.

    Args:
        folder: An existing folder.
        names: Host names and IP addresses that clients use for the server.
        now: The current time, with a time zone.

    Raises:
        OSError: The folder cannot be written.
        ConfigError: The extra ``serve`` is not installed.
    """
    require("serve")
    identity = Identity(folder / "ca.pem", folder / "server.pem")
    if not _is_usable(identity, names, now):
        _make(identity, names, now)
    return identity


def _is_usable(identity: Identity, names: Collection[str], now: datetime) -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        authority = x509.load_pem_x509_certificate(identity.ca_file.read_bytes())
        server = x509.load_pem_x509_certificate(identity.server_file.read_bytes())
        server.verify_directly_issued_by(authority)
        covered = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        identity.context()
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    expires = server.not_valid_after_utc
    return now + _MIN_REMAINING < expires and set(_general_names(names)) <= set(covered)


def _make(identity: Identity, names: Collection[str], now: datetime) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority_certificate(authority_key, now)
    server = _server_certificate(server_key, names, authority_key, authority, now)
    pem = serialization.Encoding.PEM
    key = server_key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(identity.server_file, server.public_bytes(pem) + key)
    write_private(identity.ca_file, authority.public_bytes(pem))
    identity.ca_file.chmod(0o644)  # a certificate is public


def _authority_certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    name = _name("dlcore emulator authority")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def _server_certificate(
    key: ec.EllipticCurvePrivateKey,
    names: Collection[str],
    authority_key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    now: datetime,
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        _builder(_name("dlcore emulator"), authority.subject, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(purpose, critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _MAX_CLOCK_SKEW)
        .not_valid_after(now + _VALIDITY)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _general_names(names: Collection[str]) -> list[x509.GeneralName]:
    from cryptography import x509

    general: list[x509.GeneralName] = []
    for name in names:
        try:
            general.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            general.append(x509.DNSName(name))
    return general
