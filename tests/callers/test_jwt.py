"""JSON Web Tokens: which are taken, whose they are, and what is done to be taken for somebody."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from myd_grpc.callers.access import Session
from myd_grpc.callers.file import CallersFileError
from myd_grpc.callers.identity import Credentials, Identity
from myd_grpc.callers.model import Caller, CallerLimits, Role
from myd_grpc.callers.registry import Registry
from myd_grpc.errors import UnauthenticatedError
from tests.support.callers import write_callers
from tests.support.serving import ROOT

ISSUER, AUDIENCE = "https://login.example/", "myd"
TABLE = f'[jwt]\nkeys = "keys.json"\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\n'
ROLES = 'roles = "myd_roles"\n'
KINDS: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
SMALL = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
OTHER = ec.generate_private_key(ec.SECP256R1())


def public(algorithm: str, key: Any, **members: Any) -> dict[str, Any]:
    """The public key as a JWK, named as its algorithm."""
    found: dict[str, Any] = json.loads(KINDS[algorithm].to_jwk(key.public_key()))
    return found | {"kid": algorithm} | members


KEY_SET = [public(name, key) for name, key in KEYS.items()]


@dataclass
class Issuer:
    """An issuer of tokens, and the files of a server that takes them."""

    home: Path

    def registry(self, table: str = TABLE, keys: Any = KEY_SET, more: str = "") -> Registry:
        (self.home / "keys.json").write_text(json.dumps({"keys": keys}))
        return Registry(write_callers(self.home / "callers.toml", table, more))


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a good token; None takes one out, and a time span is counted from now."""
    now = int(time.time())
    found = {"iss": ISSUER, "aud": AUDIENCE, "sub": "kim", "iat": now, "exp": now + 600} | changes
    return {
        name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in found.items()
        if value is not None
    }


def signed(
    content: Mapping[str, Any] | None = None,
    algorithm: str = "ES256",
    key: Any = None,
    **headers: Any,
) -> str:
    headers = {"kid": algorithm} | headers
    content = claims() if content is None else content
    # Not by jwt.encode, which refuses to make some of the claims.
    data = json.dumps(content).encode()
    return jwt.PyJWS().encode(data, key or KEYS[algorithm], algorithm, headers=headers)


def identified(registry: Registry, token: str) -> Identity | None:
    try:
        return registry.identify(Credentials((f"Bearer {token}",)), time.time())
    except UnauthenticatedError:
        return None


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_genuine_token_leads_to_its_caller(issuer: Issuer, algorithm: str) -> None:
    content = claims()
    found = identified(issuer.registry(), signed(content, algorithm))
    assert found == Identity(Caller("kim", frozenset()), content["exp"])


def test_the_caller_has_the_directories_and_limits_of_its_table(issuer: Issuer) -> None:
    more = '[callers.kim]\nroles = ["read"]\ndata = "k"\noutput = "o"\nrunning = 3\n'
    limits = CallerLimits(running=3)
    found = identified(issuer.registry(more=more), signed())
    assert found
    assert found.caller == Caller("kim", frozenset({Role.READ}), "k", "o", limits)
    # Where a claim has the roles, those of the table are none of the token's.
    with_claim = issuer.registry(TABLE + ROLES, more=more)
    found = identified(with_claim, signed(claims(myd_roles=["convert"])))
    assert found
    assert found.caller == Caller("kim", frozenset({Role.CONVERT}), "k", "o", limits)
    found = identified(with_claim, signed())
    assert found
    assert found.caller.roles == frozenset()


def test_the_caller_is_bound_as_its_table_says(issuer: Issuer) -> None:
    registry = issuer.registry(TABLE + ROLES, more='[callers.kim]\npresets = ["a"]\n')
    found = identified(registry, signed(claims(myd_roles=["convert", "preprocess"])))
    assert found
    assert found.caller.presets == ("a",)
    assert not found.caller.may(Role.PREPROCESS)


@pytest.mark.parametrize(
    ("value", "roles"),
    [
        (["read", "convert"], {Role.READ, Role.CONVERT}),
        ("openid read  preprocess", {Role.READ, Role.PREPROCESS}),
        (["READ", "reader", "read "], set()),
        ("", set()),
        ({"admin": True}, set()),
        ([["admin"], 1], set()),
        (1, set()),
        (True, set()),
    ],
)
def test_roles_come_from_the_claim(issuer: Issuer, value: Any, roles: set[Role]) -> None:
    found = identified(issuer.registry(TABLE + ROLES), signed(claims(myd_roles=value)))
    assert found
    assert found.caller.roles == roles


def test_another_claim_may_have_the_name(issuer: Issuer) -> None:
    registry = issuer.registry(TABLE + 'caller = "preferred_username"\n')
    found = identified(registry, signed(claims(preferred_username="이영희")))
    assert found
    assert found.caller.name == "이영희"
    assert not identified(registry, signed())


LATER, JUST_NOW = timedelta(minutes=10), timedelta(seconds=-1)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"exp": JUST_NOW},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"exp": [2**40]},
        {"iat": LATER},
        {"nbf": LATER},
        {"iss": None},
        {"iss": "https://login.example"},
        {"iss": [ISSUER]},
        {"aud": None},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": {AUDIENCE: 1}},
        {"sub": None},
        {"sub": ""},
        {"sub": 1},
        {"sub": ["kim"]},
        {"sub": " kim"},
        {"sub": "kim\0"},
        {"sub": "kim\n"},
        {"sub": "k\u202eim"},
        {"sub": "e\u0301"},
        {"sub": "\ud800"},
        {"sub": "k" * 129},
    ],
    ids=range(25),
)
def test_claims_that_are_not_taken(issuer: Issuer, changes: dict[str, Any]) -> None:
    registry = issuer.registry()
    assert identified(registry, signed())
    assert not identified(registry, signed(claims(**changes)))


def test_one_of_several_audiences_is_enough(issuer: Issuer) -> None:
    assert identified(issuer.registry(), signed(claims(aud=["other", AUDIENCE])))


def encoded(part: bytes | dict[str, Any]) -> str:
    data = json.dumps(part).encode() if isinstance(part, dict) else part
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: dict[str, Any], secret: bytes = b"", content: Any = None) -> str:
    """A token that somebody without the private keys can make."""
    text = f"{encoded(header)}.{encoded(content or claims())}"
    mac = hmac.digest(secret, text.encode(), hashlib.sha256) if secret else b""
    return f"{text}.{encoded(mac)}"


def forgeries() -> list[str]:
    pem = (
        KEYS["RS256"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    jwk = public("ES256", OTHER)
    good = signed()
    header, payload, signature = good.split(".")
    return [
        forged({"alg": "none"}),
        forged({"alg": "None", "kid": "ES256"}),
        forged({"alg": "", "kid": "ES256"}),
        forged({"kid": "ES256"}),
        forged({"alg": "HS256", "kid": "RS256"}, pem),
        forged({"alg": "HS256", "kid": "RS256"}, json.dumps(KEY_SET[0]).encode()),
        forged({"alg": "RS256", "kid": "RS256"}, pem),
        forged({"alg": ["ES256"], "kid": "ES256"}),
        forged({"alg": "ES256", "kid": ["ES256"]}),
        signed(key=OTHER),
        signed(key=OTHER, jwk=jwk),
        signed(key=OTHER, jku="https://evil.example/keys.json"),
        signed(kid="other"),
        signed(kid="RS256"),
        signed(kid="../../keys.json"),
        signed(crit=["unknown"], unknown=1),
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{header}.{encoded(claims(sub='admin'))}.{signature}",
        f"{good}.{signature}",
        f"{good}=",
        "..",
        "a.b.c",
        encoded(b"\xff") * 3,
        signed(claims(sub="k" * 100_000)),
    ]


@pytest.mark.parametrize("number", range(25))
def test_forged_tokens_lead_to_nobody(issuer: Issuer, number: int) -> None:
    assert not identified(issuer.registry(), forgeries()[number])


def test_a_token_without_a_kid_is_taken_where_there_is_one_key(issuer: Issuer) -> None:
    token = jwt.encode(claims(), KEYS["ES256"], "ES256")
    assert not identified(issuer.registry(), token)
    assert identified(issuer.registry(keys=[public("ES256", KEYS["ES256"])]), token)


def test_keys_for_other_uses_are_passed_over(issuer: Issuer) -> None:
    others = [
        public("RS256", KEYS["RS256"], kid="enc", use="enc"),
        public("RS256", KEYS["RS256"], kid="oaep", alg="RSA-OAEP"),
        public("RS256", KEYS["RS256"], kid="pss", alg="PS256"),
        public("RS256", SMALL, kid="small"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
        {"kty": "new", "kid": "new"},
        public("ES256", OTHER, kid=["list"]),
        public("ES256", OTHER, use=["list"]),
        public("ES256", ec.generate_private_key(ec.SECP384R1()), kid="p384"),
    ]
    registry = issuer.registry(keys=[*others, *KEY_SET])
    assert identified(registry, signed())
    for kid in ("enc", "oaep", "pss", "small"):
        assert not identified(registry, signed(None, "RS256", kid=kid))
    assert not identified(registry, forged({"alg": "HS256", "kid": "secret"}, b"secret"))
    with pytest.raises(CallersFileError, match="no key for signatures"):
        issuer.registry(keys=others)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "no JSON", '{"keys": {}}', '{"keys": []}', '{"keys": [1]}', "[" * 100_000],
    ids=range(8),
)
def test_files_that_hold_no_keys(issuer: Issuer, text: str) -> None:
    (issuer.home / "keys.json").write_text(text)
    path = write_callers(issuer.home / "callers.toml", TABLE)
    with pytest.raises(CallersFileError, match=r"keys\.json is no JWKS file|has no key"):
        Registry(path)


def test_a_private_key_is_refused(issuer: Issuer) -> None:
    private = json.loads(ECAlgorithm.to_jwk(OTHER))
    with pytest.raises(CallersFileError, match="has a private key") as caught:
        issuer.registry(keys=[private])
    assert private["d"] not in str(caught.value)


def test_two_keys_of_one_name_are_refused(issuer: Issuer) -> None:
    with pytest.raises(CallersFileError, match="two keys with the same kid"):
        issuer.registry(keys=[KEY_SET[1], public("ES256", OTHER)])


def test_keys_are_read_again_when_they_change(issuer: Issuer) -> None:
    registry = issuer.registry()
    token = signed()
    assert identified(registry, token)
    keys = issuer.home / "keys.json"
    keys.write_text("broken")
    registry.refresh()
    assert identified(registry, token)
    keys.write_text(json.dumps({"keys": [public("ES256", OTHER)]}))
    registry.refresh()
    assert not identified(registry, token)
    assert identified(registry, signed(key=OTHER))


def test_a_session_lasts_until_its_token_expires(issuer: Issuer) -> None:
    registry = issuer.registry()
    now = int(time.time())
    credentials = Credentials((f"Bearer {signed(claims(exp=now + 3600))}",))
    identity = registry.identify(credentials, now)
    session = Session(identity, credentials, registry.known)
    assert session.lasts(registry.known, now + 3599)
    assert not session.lasts(registry.known, now + 3600)
    # Also where the file was read again meanwhile.
    again = issuer.registry()
    assert session.lasts(again.known, now + 3599)
    assert not session.lasts(again.known, now + 3600)


def test_without_pyjwt_it_is_said_what_to_install(issuer: Issuer) -> None:
    issuer.registry()
    program = (
        "import sys; sys.modules['jwt'] = None\n"
        "from pathlib import Path; from myd_grpc.callers.registry import Registry\n"
        "Registry(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, issuer.home / "callers.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "which is not installed: pip install 'PyJWT[crypto]'" in done.stderr


def test_it_is_loaded_only_where_it_is_asked_for() -> None:
    program = "import sys, myd_grpc.app; assert not {'jwt', 'tomllib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
