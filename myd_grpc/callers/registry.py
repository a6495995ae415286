"""Who calls: the callers of the file, and how a credential leads to one of them.

A token is looked up by its digest. How long that takes may depend on the digest, but tells nothing
about a token, as nobody can make one for a digest, or a part of it; and it does not depend on how
many tokens there are. So there is no text to be compared in constant time.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from myd_grpc.bounded_files import Version, version_of
from myd_grpc.callers import file
from myd_grpc.callers.file import CallersFile, CallersFileError, alternative_name
from myd_grpc.callers.identity import Credentials, Identity
from myd_grpc.callers.jwt_tokens import JwtVerifier
from myd_grpc.errors import UnauthenticatedError
from myd_grpc.token import digest

logger = logging.getLogger(__name__)

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known at a time; whoever has the same one, knows the same."""

    file: CallersFile
    jwt: JwtVerifier | None

    def identify(self, credentials: Credentials, now: float) -> Identity:
        """Who comes with these credentials. Raises UnauthenticatedError.

        A token that is sent decides alone, be it wrong: the gateway sends those of its callers
        with a certificate of its own.
        """
        if credentials.authorization:
            found = self._by_token(credentials.authorization, now)
        else:
            found = self._by_certificate(credentials.certificate)
        if found is None:
            raise UnauthenticatedError
        return found

    def _by_token(self, values: tuple[str, ...], now: float) -> Identity | None:
        match = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
        token = match[1] if match else ""
        caller = self.file.tokens.get(digest(token))
        if caller:
            return Identity(caller)
        return self.jwt.identify(token, now) if self.jwt else None

    def _by_certificate(self, names: tuple[str, ...]) -> Identity | None:
        """The caller that one of the names belongs to; nobody, if they belong to several."""
        known = self.file.certificates
        found = {alternative_name(name) for name in names} & known.keys()
        callers = {known[name].name: known[name] for name in found}
        return Identity(next(iter(callers.values()))) if len(callers) == 1 else None


class Registry:
    """The callers that the file names, also after it has changed. Safe to share among threads."""

    def __init__(self, path: Path) -> None:
        """Reads the file. Raises CallersFileError."""
        self._path = path
        self._seen: dict[Path, Version] = {}
        self._known = self._read()

    @property
    def known(self) -> Known:
        """What is known at the moment: another object when the file was read again."""
        return self._known

    def identify(self, credentials: Credentials, now: float) -> Identity:
        """Who comes with these credentials at this time. Raises UnauthenticatedError."""
        return self._known.identify(credentials, now)

    def refresh(self) -> None:
        """Read the files again if they have changed; what cannot be used changes nothing."""
        if all(version_of(path) == seen for path, seen in self._seen.items()):
            return
        try:
            self._known = self._read()
        except CallersFileError as error:
            logger.error("the callers stay as they were: %s", error)  # noqa: TRY400 - says it all
        else:
            logger.info("callers: %s was read again", self._path)
            self.tell()

    def tell(self) -> None:
        """Log how many may call, and what looks like a mistake."""
        found = self._known.file
        tokens = " and whoever brings a JSON Web Token" if found.jwt else ""
        logger.info("callers: %d in %s%s", len(found.callers), self._path, tokens)
        for doubt in found.doubts:
            logger.warning("callers: %s", doubt)

    def _read(self) -> Known:
        # Looked at before they are read: what changes meanwhile is read the next time.
        self._seen = {self._path: version_of(self._path)}
        content = file.read(self._path)
        if content.jwt is None:
            return Known(content, None)
        self._seen[content.jwt.keys] = version_of(content.jwt.keys)
        return Known(content, JwtVerifier(content.jwt, content.callers))
