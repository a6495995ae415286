"""Why there is no connection to a server, where something answers: gRPC's own words help little."""

from __future__ import annotations

import socket
import ssl

from myd_grpc.client.connector import Connector, Tls
from myd_grpc.client.errors import CallError, NotGrpcError, TlsError, not_grpc

_TIMEOUT_S = 2.0
_EXPIRED = 10
_WRONG_NAMES = frozenset({62, 64})
_HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""What a client of HTTP/2 begins with, and what a server answers to."""

_FRAME_HEAD = 9
"""Bytes before each frame of HTTP/2, of which those of the first are no text."""

_SPEAKS_NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)


def explained(failure: CallError, connector: Connector) -> CallError:
    """The failure to connect, or what is behind it: TLS, or a server of another kind."""
    if connector.tls is None and _answers_with_text(connector.address):
        return NotGrpcError(not_grpc(connector.address), failure.code)
    why = _why_unreachable(connector.address, connector.tls)
    return TlsError(why, failure.code) if why else failure


def _why_unreachable(address: str, tls: Tls | None) -> str:
    """What about TLS keeps a client from the server at host:port; "" if that is not it.

    It connects once more, as the client does, and sends nothing of anybody's.
    """
    try:
        with _connected(address) as raw:
            if tls is None:
                return _why_not_plain(raw, address)
            return _why_not_over_tls(raw, address, _host_of(address), tls)
    except (OSError, ValueError):
        return ""


def _answers_with_text(address: str) -> bool:
    """Whether what answers at host:port writes text, as HTTP/1 does, and no frames."""
    try:
        with _connected(address) as raw:
            raw.sendall(_HTTP_2)
            start = raw.recv(_FRAME_HEAD, socket.MSG_WAITALL)
            return len(start) == _FRAME_HEAD and start.decode("ascii").isprintable()
    except (OSError, ValueError):
        return False


def _connected(address: str) -> socket.socket:
    """Raises OSError, and ValueError for what is no host and port."""
    _, _, port = address.rpartition(":")
    return socket.create_connection((_host_of(address), int(port)), _TIMEOUT_S)


def _host_of(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


def _why_not_plain(raw: socket.socket, address: str) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Nothing is sent: it is asked only whether this is TLS.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.wrap_socket(raw).close()
    return (
        f"the server at {address} speaks TLS: name the file of who signs its certificate "
        "(--tls-ca, MYD_TLS_CA), or put grpcs:// before the address if that is a public authority"
    )


def _why_not_over_tls(raw: socket.socket, address: str, host: str, tls: Tls) -> str:
    context = ssl.create_default_context(cafile=tls.ca)
    context.set_alpn_protocols(["h2"])
    if tls.certificate and tls.key:
        context.load_cert_chain(tls.certificate, tls.key)
    name = tls.server_name or host
    try:
        with context.wrap_socket(raw, server_hostname=name) as secured:
            return "" if _is_let_in(secured) else _why_not_let_in(address, tls)
    except ssl.SSLCertVerificationError as error:
        return f"the server at {address} is not trusted: {_why_not_trusted(error, name, tls)}"
    except ssl.SSLError as error:
        if error.reason not in _SPEAKS_NO_TLS:
            return ""
        return f"the server at {address} speaks no TLS: leave out what says TLS, if that is right"


def _why_not_trusted(error: ssl.SSLCertVerificationError, name: str, tls: Tls) -> str:
    if error.verify_code in _WRONG_NAMES:
        return (
            f"its certificate is not for {name}; call it by a name that the certificate is for, or "
            "name that in MYD_TLS_SERVER_NAME"
        )
    if error.verify_code == _EXPIRED:
        return "its certificate has expired; whoever runs it has to renew that"
    known = f"none of those in {tls.ca}" if tls.ca else "no public authority"
    return (
        f"its certificate is signed by {known} ({error.verify_message}); ask whoever runs it for "
        "the file of the right authority (--tls-ca, MYD_TLS_CA)"
    )


def _is_let_in(secured: ssl.SSLSocket) -> bool:
    """Whether the server goes on after the handshake, at the end of which it looks at ours."""
    try:
        secured.sendall(_HTTP_2)
        return bool(secured.recv(1))
    except TimeoutError:
        return True  # it has not said no
    except OSError:
        return False


def _why_not_let_in(address: str, tls: Tls) -> str:
    if tls.certificate:
        return (
            f"the server at {address} does not accept the certificate in {tls.certificate}: one of "
            "the authorities in the server's MYD_TLS_CLIENT_CA has to have signed it, and it must "
            "not have expired"
        )
    return (
        f"the server at {address} asks for a certificate: name its file and that of its key "
        "(--tls-cert and --tls-key, MYD_TLS_CLIENT_CERT and MYD_TLS_CLIENT_KEY)"
    )
