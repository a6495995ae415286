"""Certificates and keys in PEM files: read whole, and checked as the other side would do it."""

from __future__ import annotations

import ssl
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from myd_grpc.secret_texts import without_secrets

_EXPIRED = 10
_NOT_YET_VALID = 9
_WRONG_PURPOSE = 26


class TlsFileError(Exception):
    """A file cannot be used. The text names it and says what would do; it quotes nothing of it."""


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """A certificate, with those between it and its authority after it, and its key; PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Pair(...)"  # so that no log or traceback shows the key


def server_pair(certificate: Path, key: Path) -> Pair:
    """A pair that a server can show. Raises TlsFileError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pair = _loaded(context, certificate, key)
    _check_as_clients_do(context, certificate, pair)
    return pair


def client_pair(certificate: Path, key: Path) -> Pair:
    """A pair that a client can show. Raises TlsFileError."""
    return _loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key)


def authorities(path: Path) -> bytes:
    """The certificates of those whose signature is trusted, PEM. Raises TlsFileError."""
    content = _read(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=_text(content))
    except (ssl.SSLError, ValueError):
        raise TlsFileError(f"{path} holds no certificate in PEM") from None
    if _have_all_expired(context):
        raise TlsFileError(f"{path} cannot be used: the authority has expired; renew it")
    return content


def _have_all_expired(context: ssl.SSLContext) -> bool:
    """Whether nothing that a context trusts is valid any more, as far as it tells of it."""
    told = context.get_ca_certs()
    if len(told) < context.cert_store_stats()["x509"]:
        return False  # it tells of authorities only
    now = time.time()
    return all(ssl.cert_time_to_seconds(str(one["notAfter"])) < now for one in told)


def is_open_to_others(path: Path) -> bool:
    """Whether everybody on this machine may read a file or change it."""
    try:
        return bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:  # it has just been taken away
        return False


def _loaded(context: ssl.SSLContext, certificate: Path, key: Path) -> Pair:
    """The pair that `context` now has: it reads the files by itself, so they must not change."""
    pair = _read_both(certificate, key)
    try:
        context.load_cert_chain(certificate, key, password=lambda: _refuse_password(key))
    except ssl.SSLError as error:
        raise TlsFileError(_why_not_loaded(certificate, key, error)) from None
    except OSError as error:
        raise TlsFileError(f"{certificate} and {key} cannot be read: {error.strerror}") from None
    if pair != Pair(_read(certificate), _read(key)):
        raise TlsFileError(f"{certificate} and {key} are just being written")
    return pair


def _read_both(certificate: Path, key: Path) -> Pair:
    """Raises TlsFileError, which names both files where neither can be read."""
    try:
        shown = _read(certificate)
    except TlsFileError as error:
        try:
            _read(key)
        except TlsFileError as other:
            raise TlsFileError(f"{error}; {other}") from None
        raise
    return Pair(shown, _read(key))


def _why_not_loaded(certificate: Path, key: Path, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{key} is not the key of the certificate in {certificate}"
    return (
        f"{certificate} and {key} cannot be used: the one has to hold a certificate in PEM, the "
        "other its key in PEM, without a passphrase"
    )


def _refuse_password(key: Path) -> NoReturn:
    """Without this, OpenSSL would ask on the terminal."""
    raise TlsFileError(f"{key} is protected by a passphrase: store the key without one")


def _check_as_clients_do(context: ssl.SSLContext, certificate: Path, pair: Pair) -> None:
    """Raise TlsFileError for a certificate that clients refuse whatever they trust.

    They do so when it has expired, or is not for servers: a handshake in memory tells.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    # The certificate itself is trusted here, though it is no authority's.
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    try:
        client.load_verify_locations(cadata=_text(pair.certificate))
        _shake_hands(client, context)
    except ssl.SSLCertVerificationError as error:
        raise TlsFileError(f"{certificate} cannot be used: {_why_refused(error)}") from None
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or "it is not in PEM"
        raise TlsFileError(f"{certificate} cannot be used for TLS: {reason}") from None


def _why_refused(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == _EXPIRED:
        return "the certificate has expired; renew it"
    if error.verify_code == _NOT_YET_VALID:
        return "the certificate is not valid yet; look at the clock of this machine"
    if error.verify_code == _WRONG_PURPOSE:
        return "the certificate is not for servers; take one whose extendedKeyUsage has serverAuth"
    return error.verify_message


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """A whole handshake between the two. Raises SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    calling = client.wrap_bio(to_client, to_server)
    called = server.wrap_bio(to_server, to_client, server_side=True)
    open_sides = [calling, called]
    while open_sides:
        for side in tuple(open_sides):
            try:
                side.do_handshake()
                open_sides.remove(side)
            except ssl.SSLWantReadError:
                pass  # it is the other one's turn


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        name = without_secrets(str(path))  # be it the text of a key in place of its file's name
        raise TlsFileError(f"{name} cannot be read: {error.strerror}") from None


def _text(content: bytes) -> str:
    """PEM is ASCII, but people write notes between the certificates."""
    return content.decode("ascii", "replace").replace("\ufffd", "?")
