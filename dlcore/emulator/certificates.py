"""Makes X.509 certificates of the emulator's own authorities. Not for production.

Guarantees: the key of an authority is never stored. A certificate is for one purpose, a server or
a client, and is valid for 30 days; a peer whose clock is an hour slow accepts it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

VALIDITY = timedelta(days=30)
MIN_REMAINING = timedelta(days=1)  # longer than a demonstration runs
_MAX_CLOCK_SKEW = timedelta(hours=1)  # tolerated for a client with a slow clock


class Authority:
    """A certificate authority that lasts as long as this object.

    Args:
        name: Its common name.
        now: The current time, with a time zone.
    """

    def __init__(self, name: str, now: datetime) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _authority_certificate(self._key, name, now)

    def pem(self) -> bytes:
        """Its certificate, which whoever trusts it must have."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return self._certificate.public_bytes(Encoding.PEM)

    def server(self, names: Collection[str], now: datetime) -> bytes:
        """The certificate and the key of a server, PEM.

        Args:
            names: Host names and IP addresses that clients use for the server.
            now: When it begins to be valid.
        """
        from cryptography.x509.oid import ExtendedKeyUsageOID

        return self._issue("dlcore emulator", names, ExtendedKeyUsageOID.SERVER_AUTH, now)

    def client(self, name: str, now: datetime) -> bytes:
        """The certificate and the key of a client, PEM.

        Args:
            name: Of the client.
            now: When it begins to be valid.
        """
        from cryptography.x509.oid import ExtendedKeyUsageOID

        return self._issue(name, [name], ExtendedKeyUsageOID.CLIENT_AUTH, now)

    def _issue(
        self, subject: str, names: Collection[str], purpose: x509.ObjectIdentifier, now: datetime
    ) -> bytes:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _builder(_name(subject), self._certificate.subject, key.public_key(), now)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectAlternativeName(general_names(names)), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return certificate.public_bytes(Encoding.PEM) + private


def general_names(names: Collection[str]) -> list[x509.GeneralName]:
    """Host names and IP addresses as a certificate has them."""
    from cryptography import x509

    general: list[x509.GeneralName] = []
    for name in names:
        try:
            general.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            general.append(x509.DNSName(name))
    return general


def _authority_certificate(
    key: ec.EllipticCurvePrivateKey, common_name: str, now: datetime
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    name = _name(common_name)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
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
        .not_valid_after(now + VALIDITY)
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
