"""Certificate authorities and certificates for tests, made when a test needs them."""

from __future__ import annotations

import ipaddress
import ssl
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOCAL = ("dns:localhost", "ip:127.0.0.1")
"""Alternative names of a server on this host."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM files."""

    certificate: Path
    key: Path

    def replace_by(self, other: Pair) -> None:
        """Put another pair in the place of this one: each file is whole at any time."""
        other.key.replace(self.key)
        other.certificate.replace(self.certificate)


class Authority:
    """Signs certificates. Its own is in the file `certificate`, in a directory of the test."""

    def __init__(self, directory: Path, name: str = "ca", *, expired: bool = False) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _subject(f"{name} of a test")
        builder = _builder(self._name, self._key, expired=expired)
        builder = builder.issuer_name(self._name)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_CA_USAGE, True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(identifier, False)
        self.certificate = directory / f"{name}.pem"
        self.certificate.write_bytes(_signed(builder, self._key))

    def issue(
        self,
        name: str,
        *alternative_names: str,
        common_name: str = "",
        expired: bool = False,
        usage: x509.ObjectIdentifier | None = None,
    ) -> Pair:
        """A pair in files called `name`, good for servers and clients alike, or for one `usage`.

        Alternative names are written `dns:…`, `uri:…` or `ip:…`; without any, it has none.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_subject(common_name or name), key, expired=expired)
        builder = builder.issuer_name(self._name)
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        usages = [usage] if usage else both
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(signer, False)
        if alternative_names:
            names = x509.SubjectAlternativeName(map(_general_name, alternative_names))
            builder = builder.add_extension(names, False)
        pair = Pair(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        pair.certificate.write_bytes(_signed(builder, self._key))
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return pair


def old_tls() -> ssl.SSLContext:
    """What speaks no more than TLS 1.1, and takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is why they are asked for
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


_CA_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, expired: bool
) -> x509.CertificateBuilder:
    """What all certificates have; valid for a week that began yesterday, or ended days ago."""
    begin = datetime.now(UTC) - (11 if expired else 1) * _DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + 7 * _DAY)
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(text: str) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    if kind == "ip":
        return x509.IPAddress(ipaddress.ip_address(value))
    return {"dns": x509.DNSName, "uri": x509.UniformResourceIdentifier}[kind](value)
