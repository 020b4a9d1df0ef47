"""Whether who asks is who they say: basic authentication with bcrypt hashes.

It must not tell an unknown user from a wrong password, not even by its time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import random
import secrets
from collections.abc import Callable, Mapping
from functools import partial

import bcrypt

from exporter.cloud.credentials import in_daemon_thread

# Of "fakepassword": what a user is compared with who is not known.
_NOBODY = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
CACHE_SIZE = 100
# Releases differ in what they do beyond: cut the password off, or raise.
_LONGEST = 72


class BasicAuth:
    """Compares one password at a time, and remembers the last answers."""

    def __init__(self, matches: Callable[[bytes, bytes], bool] | None = None) -> None:
        self._matches = matches or _matches
        self._answers: dict[bytes, bool] = {}
        self._turn = asyncio.Lock()
        # Passwords are remembered as digests that mean nothing elsewhere.
        self._pepper = secrets.token_bytes(32)

    async def admits(self, header: str | None, users: Mapping[str, str]) -> bool:
        """Return whether an Authorization header names a user and their password."""
        credentials = decoded(header)
        if credentials is None:
            return False
        user, password = credentials
        if len(password) > _LONGEST:
            return False
        known = {name.encode(): stored for name, stored in users.items()}
        stored = known.get(user, _NOBODY)
        key = self._key(user, stored.encode(), password)
        answer = self._answers.get(key)
        if answer is None:
            answer = await self._compared(key, password, stored)
        return answer and user in known

    async def _compared(self, key: bytes, password: bytes, stored: str) -> bool:
        async with self._turn:
            # Perhaps it was just compared, for another request with the same one.
            if key not in self._answers:
                compare = partial(self._matches, password, stored.encode())
                answer = await in_daemon_thread(compare)
                self._remember(key, answer=answer)
            return self._answers[key]

    def _remember(self, key: bytes, *, answer: bool) -> None:
        if len(self._answers) >= CACHE_SIZE:
            del self._answers[random.choice(list(self._answers))]  # noqa: S311 - no secret
        self._answers[key] = answer

    def _key(self, *parts: bytes) -> bytes:
        # In hex, so that no part can hold what stands between them.
        joined = ":".join(part.hex() for part in parts)
        return hashlib.blake2b(joined.encode(), key=self._pepper).digest()


def decoded(header: str | None) -> tuple[bytes, bytes] | None:
    """Return user and password of an Authorization header, None if it has none.

    >>> decoded("Basic ZGF2ZTpkYXZlMTIz")
    (b'dave', b'dave123')
    >>> decoded("Bearer x"), decoded("Basic !"), decoded("Basic ZGF2ZQ==")
    (None, None, None)
    """
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, password = text.partition(b":")
    return (user, password) if colon else None


def _matches(password: bytes, stored: bytes) -> bool:
    try:
        return bcrypt.checkpw(password, stored)
    except ValueError:
        # A salt that cannot be read, which only bcrypt knows: no password fits it.
        return False
