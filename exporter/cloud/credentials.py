"""Answer which access key signs the next request, and where it comes from.

It must not keep a key that its file no longer holds, nor put a secret in an error.
"""

import errno
import os
from pathlib import Path
from stat import S_ISDIR
from typing import Protocol

from exporter.cloud.credential_chain import ChainCredentials
from exporter.cloud.daemon_threads import in_daemon_thread
from exporter.cloud.signing import Credentials
from exporter.model.errors import CredentialsError

FileState = tuple[int, int, int]


class CredentialSource(Protocol):
    """Where the client takes its key from, before each request."""

    async def get(self) -> Credentials:
        """Return the key to sign with.

        Raises:
            CredentialsError: there is none; the message says what was tried.
        """
        ...

    def reject(self, rejected: Credentials) -> None:
        """Note that the API refused this key: it is fetched anew before next use."""
        ...


class StaticCredentials:
    """The key of the configuration; what is given as a path is a file, read again.

    A file is read when its time, size or inode changes, so a rotated secret needs no
    reload, also where Kubernetes swaps a symbolic link.
    """

    def __init__(
        self,
        access_key_id: str,
        access_key_secret: str | Path,
        security_token: str | Path | None = None,
    ) -> None:
        self._access_key_id = access_key_id
        self._access_key_secret = access_key_secret
        self._security_token = security_token
        self._states: list[FileState] | None = None
        self._kept: Credentials | None = None

    async def get(self) -> Credentials:
        """Return the key, read anew if a file of it has changed.

        Raises:
            CredentialsError: a file is unreadable, empty, or more than one line.
        """
        # Taken before the files are read: should they change meanwhile, or between
        # one file and the other, the next call sees another state and reads again.
        states = self._file_states()
        if self._kept is None or states != self._states:
            self._kept = await in_daemon_thread(self._read)
            self._states = states
        return self._kept

    def reject(self, rejected: Credentials) -> None:
        """Read the files again at the next call, whatever their state."""
        if rejected == self._kept:
            self._states = None

    def _file_states(self) -> list[FileState]:
        # One stat a file and request, on the loop: microseconds on any local disk.
        given = (self._access_key_secret, self._security_token)
        return [_file_state(path) for path in given if isinstance(path, Path)]

    def _read(self) -> Credentials:
        token = self._security_token
        return Credentials(
            self._access_key_id,
            _value(self._access_key_secret),
            None if token is None else _value(token),
        )


def credential_source(
    *,
    access_key_id: str | None = None,
    access_key_secret: str | None = None,
    access_key_secret_file: Path | None = None,
    security_token: str | None = None,
    security_token_file: Path | None = None,
) -> CredentialSource:
    """Return the configured key, or the vendor's credential chain if none is given.

    Raises:
        CredentialsError: the settings do not add up to one key.
    """
    secrets = [v for v in (access_key_secret, access_key_secret_file) if v is not None]
    tokens = [v for v in (security_token, security_token_file) if v is not None]
    if access_key_id is None and not secrets and not tokens:
        return ChainCredentials()
    if access_key_id is None or len(secrets) != 1:
        raise CredentialsError(
            "api: access_key_id goes with one of access_key_secret and "
            "access_key_secret_file; leave all out for the credential chain"
        )
    if len(tokens) > 1:
        raise CredentialsError(
            "api: give security_token or security_token_file, not both"
        )
    return StaticCredentials(access_key_id, secrets[0], *tokens)


def why_unreadable(file: Path) -> str | None:
    """Return why a file cannot be read, None where it can.

    It is not opened: a pipe gives what it holds but once, and may keep us waiting.
    """
    try:
        is_folder = S_ISDIR(file.stat().st_mode)
    except OSError as error:
        return error.strerror
    if is_folder:
        return os.strerror(errno.EISDIR)
    return None if os.access(file, os.R_OK) else os.strerror(errno.EACCES)


def _unreadable(file: Path, error: OSError) -> CredentialsError:
    # Not `FILE: why`: a file is likely named `…secret`, and the log would mask the why.
    return CredentialsError(f"{file} cannot be read ({error.strerror})")


def _file_state(path: Path) -> FileState:
    try:
        state = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return state.st_mtime_ns, state.st_size, state.st_ino


def _value(given: str | Path) -> str:
    if isinstance(given, str):
        return given
    try:
        lines = given.read_text(encoding="utf-8").rstrip("\r\n").splitlines()
    except OSError as error:
        raise _unreadable(given, error) from error
    except UnicodeDecodeError:
        # Its cause would carry the whole content of the file.
        raise CredentialsError(f"{given}: expected one line of text") from None
    if len(lines) != 1 or not lines[0].strip():
        found = "several lines" if len(lines) > 1 else "nothing"
        raise CredentialsError(f"{given}: expected one line of text, found {found}")
    return lines[0]
