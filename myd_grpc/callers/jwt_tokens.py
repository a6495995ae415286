"""JSON Web Tokens: whose they are, if they are genuine.

PyJWT is an extra, and is imported only where the file of callers has the table [jwt].
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myd_grpc.callers.file import CallersFileError, JwtTable, is_name, read_bytes
from myd_grpc.callers.identity import Identity
from myd_grpc.callers.model import Caller, Role

if TYPE_CHECKING:
    from jwt import PyJWK

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""All are of public keys: one that is known to everybody can sign nothing."""

_SKEW_S = 30
"""By how much the issuer's clock may be ahead of ours; no token lives longer for that."""
_FEWEST_BITS_OF_RSA = 2048


class JwtVerifier:
    """Takes the tokens of one issuer, by keys that do not change."""

    def __init__(self, table: JwtTable, callers: Mapping[str, Caller]) -> None:
        """Reads the keys. Raises CallersFileError."""
        self._table = table
        self._callers = callers
        self._keys = _keys(table.keys)

    def identify(self, token: str, now: float) -> Identity | None:
        """Who has the token; None for nobody, whatever is wrong with it."""
        try:
            return self._identity(self._claims(token), now)
        except Exception:  # noqa: BLE001 - a token is good or not, and why not is told to nobody
            return None

    def _claims(self, token: str) -> dict[str, Any]:
        import jwt  # noqa: PLC0415 - see above

        key = self._key(jwt.get_unverified_header(token).get("kid"))
        return jwt.decode(
            token,
            key,
            # Of the key, which was chosen from those above; never what the token asks for.
            algorithms=[key.algorithm_name],
            audience=self._table.audience,
            issuer=self._table.issuer,
            leeway=_SKEW_S,
            options={"require": ["exp", "iss", "aud", self._table.caller]},
        )

    def _key(self, key_id: object) -> PyJWK:
        """The key of that name. Raises KeyError; without a name, it must be the only one."""
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys[key_id]

    def _identity(self, claims: dict[str, Any], now: float) -> Identity | None:
        name, expires_at = claims[self._table.caller], float(claims["exp"])
        if not isinstance(name, str) or not is_name(name) or not now < expires_at:
            return None
        known = self._callers.get(name)
        roles = self._roles(claims, known)
        if known is None:
            return Identity(Caller(name, roles), expires_at)
        return Identity(replace(known, roles=roles), expires_at)

    def _roles(self, claims: dict[str, Any], known: Caller | None) -> frozenset[Role]:
        """Those that the token names, among others of the issuer's; or those of the table."""
        if not self._table.roles:
            return known.roles if known else frozenset()
        named = claims.get(self._table.roles)
        words = named.split() if isinstance(named, str) else named
        return frozenset(role for role in Role if isinstance(words, list) and role in words)


def _keys(path: Path) -> dict[object, PyJWK]:
    """The keys of a JWKS file by their ids. Raises CallersFileError."""
    data = read_bytes(path)
    try:
        from jwt import PyJWKSet  # noqa: PLC0415 - see above
    except ImportError:
        raise CallersFileError(
            "[jwt] takes PyJWT, which is not installed: pip install 'PyJWT[crypto]'"
        ) from None
    try:
        content = json.loads(data)
        has_private = any("d" in key for key in content["keys"])
        usable = [key for key in PyJWKSet.from_dict(content).keys if _is_usable(key)]
    except Exception:  # noqa: BLE001 - whose text may hold a key
        raise CallersFileError(f"{path} is no JWKS file with keys for {_WANTED}") from None
    if has_private:
        raise CallersFileError(f"{path} has a private key: only public ones belong there")
    if not usable:
        raise CallersFileError(f"{path} has no key for signatures of {_WANTED}")
    keys: dict[object, PyJWK] = {key.key_id: key for key in usable}
    if len(keys) < len(usable):
        raise CallersFileError(f"{path} has two keys with the same kid, or without any")
    return keys


_WANTED = ", ".join(ALGORITHMS)


def _is_usable(key: PyJWK) -> bool:
    """Whether signatures are checked by it: files hold keys for other uses as well."""
    return (
        key.algorithm_name in ALGORITHMS
        and key.public_key_use in (None, "sig")
        and isinstance(key.key_id, str | None)
        and getattr(key.key, "key_size", _FEWEST_BITS_OF_RSA) >= _size_wanted(key)
    )


def _size_wanted(key: PyJWK) -> int:
    return _FEWEST_BITS_OF_RSA if key.algorithm_name == "RS256" else 0
