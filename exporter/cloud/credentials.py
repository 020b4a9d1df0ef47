"""Which access key signs the next request, and where it comes from."""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from stat import S_ISFIFO
from threading import Thread
from typing import Any, Final, TypeVar

from pydantic import Secret

from exporter.cloud.signing import Credentials
from exporter.config.settings import ApiSettings
from exporter.model.errors import CredentialsError

KEPT_SECONDS: Final = 60.0
# Without it each of a thousand routes would try the whole chain again.
FAILURE_KEPT_SECONDS: Final = 10.0
# The vendor gives the first two a handler each time a module of it is imported;
# urllib3 tells the whole URL, and that is where STS wants its tokens.
VENDOR_LOGGERS: Final = ("credentials", "alibabacloud-tea", "urllib3")
THREAD_NAME: Final = "daemon-call"

T = TypeVar("T")
Ask = Callable[[], Credentials]
"""A chain, ready to be asked. It blocks, and raises what the vendor's code meets."""


class _DaemonThreads(ThreadPoolExecutor):
    """Runs each call in a thread that the program's exit does not wait for.

    Other threads are joined at exit: a call that hangs would hold up SIGTERM.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        result: Future[T] = Future()
        # A running future cannot be cancelled, so a late result has a place to go.
        result.set_running_or_notify_cancel()

        def run() -> None:
            try:
                result.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - raised where it is awaited
                result.set_exception(error)

        Thread(target=run, name=THREAD_NAME, daemon=True).start()
        return result


DAEMON_THREADS: Final = _DaemonThreads()
"""An executor for blocking calls: keys, files, names."""


async def in_daemon_thread(call: Callable[[], T]) -> T:
    """Return what a blocking call returns, or raise what it raises."""
    return await asyncio.get_running_loop().run_in_executor(DAEMON_THREADS, call)


class StaticCredentials:
    """The key of the configuration.

    A file is read again when it changes, so a rotated secret needs no reload. A pipe,
    which gives what it holds only once, is read once.
    """

    def __init__(self, api: ApiSettings) -> None:
        self._api = api
        self._state: list[object] = []
        self._key: Credentials | None = None

    async def get(self) -> Credentials:
        """Return the key, with what its files hold now.

        Raises:
            CredentialsError: a file is unreadable, empty, or more than one line.
        """
        files = self._api.access_key_secret_file, self._api.security_token_file
        # Taken first: a file that changes while it is read is read again.
        state = [_state_of(file) for file in files if file is not None]
        if self._key is None or state != self._state:
            self._key = await in_daemon_thread(self._read)
            self._state = state
        return self._key

    def reject(self, rejected: Credentials) -> None:
        """Do nothing: a file that changes is read again in any case."""

    def _read(self) -> Credentials:
        api = self._api
        secret = _value(api.access_key_secret, api.access_key_secret_file)
        token = _value(api.security_token, api.security_token_file)
        # The settings have no id without a secret.
        return Credentials(api.access_key_id or "", secret or "", token)


def _state_of(file: Path) -> object:
    """Return what changes with the content of a file; None for a pipe."""
    try:
        found = file.stat()
    except OSError:
        return None  # reading it says why
    if S_ISFIFO(found.st_mode):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def why_unreadable(file: Path) -> str | None:
    """Return why a file cannot be read, None where it can.

    A pipe is not opened: it gives what it holds but once, and may keep us waiting.
    """
    try:
        if not file.is_fifo():
            file.open().close()
    except OSError as error:
        return error.strerror
    return None


def _value(secret: Secret[str] | None, file: Path | None) -> str | None:
    if file is None:
        return None if secret is None else secret.get_secret_value()
    try:
        lines = file.read_text(encoding="utf-8").rstrip("\r\n").splitlines()
    except OSError as error:
        # Not `FILE: why`: a file is likely named `…secret`, and the log would mask it.
        why = f"{file} cannot be read ({error.strerror})"
        raise CredentialsError(why) from error
    except UnicodeDecodeError:
        # Its cause would carry the whole content of the file.
        raise CredentialsError(f"{file}: expected one line of text") from None
    if len(lines) != 1 or not lines[0].strip():
        found = "several lines" if len(lines) > 1 else "nothing"
        raise CredentialsError(f"{file}: expected one line of text, found {found}")
    return lines[0]


def vendor_chain() -> Ask:
    """Return a new default chain of the vendor, silenced and without its threads.

    The first call imports the vendor's package, which reads the environment once.
    """
    from alibabacloud_credentials.provider import (  # noqa: PLC0415 - 0.1 s and 8 MB
        DefaultCredentialsProvider,
        EcsRamRoleCredentialsProvider,
    )

    for name in VENDOR_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # By default each such provider starts an APScheduler thread that never ends, and
    # neither the chain nor a profile in it takes an argument against that. Without
    # one the caller renews the metadata. Drop this when the vendor's
    # DefaultCredentialsProvider can be told.
    defaults = EcsRamRoleCredentialsProvider.__init__.__kwdefaults__
    defaults["async_update_enabled"] = False
    chain = DefaultCredentialsProvider()

    def ask() -> Credentials:
        given = chain.get_credentials()
        return Credentials(
            given.get_access_key_id(),
            given.get_access_key_secret(),
            given.get_security_token() or None,
            given.get_provider_name().removeprefix("default/"),
        )

    return ask


class ChainCredentials:
    """The vendor's chain, asked by one thread at a time, each answer kept for a minute.

    The chain itself caches temporary keys, and renews them 15 minutes before they end;
    profile files it reads once. So once the API refused its key, a new chain is made,
    which reads the files and asks STS or the metadata again. The
    environment of a process never changes: a key from there is good until a restart.
    """

    def __init__(
        self,
        *,
        open_chain: Callable[[], Ask] = vendor_chain,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_chain = open_chain
        self._clock = clock
        self._ask: Ask | None = None
        # What the chain said, or will; a str says why there is no key.
        self._answer: asyncio.Task[Credentials | str] | None = None
        self._kept_until = 0.0

    async def get(self) -> Credentials:
        """Return the chain's key; all who ask during a refresh wait for that one.

        Raises:
            CredentialsError: no step of the chain has a key.
        """
        answer = self._answer
        if answer is None or (answer.done() and self._clock() >= self._kept_until):
            # A task and not a lock around the call: a thread cannot be cancelled, so a
            # caller that is must leave the refresh to those who still wait for it.
            answer = self._answer = asyncio.create_task(self._refresh())
        found = await asyncio.shield(answer)
        if isinstance(found, str):
            raise CredentialsError(
                f"the Alibaba Cloud credential chain gave no key ({found}); set "
                "api.access_key_id and api.access_key_secret_file, or repair a step of "
                "the chain"
            )
        return found

    def reject(self, rejected: Credentials) -> None:
        """Ask a new chain before the next use, unless a newer key is here already."""
        answer = self._answer
        if answer is not None and answer.done() and rejected == answer.result():
            self._ask = self._answer = None

    async def _refresh(self) -> Credentials | str:
        found = await in_daemon_thread(self._ask_chain)
        kept = FAILURE_KEPT_SECONDS if isinstance(found, str) else KEPT_SECONDS
        self._kept_until = self._clock() + kept
        return found

    def _ask_chain(self) -> Credentials | str:
        try:
            ask = self._ask = self._ask or self._open_chain()
            credentials = ask()
        except Exception as error:  # noqa: BLE001 - the vendor lets any error through
            return told(error)
        if not (credentials.access_key_id and credentials.access_key_secret):
            return f"{credentials.provider}: answered without a whole key"
        return credentials


CredentialSource = StaticCredentials | ChainCredentials
"""Where the client takes its key from, before each request."""


def credential_source(api: ApiSettings) -> CredentialSource:
    """Return the configured key, else the vendor's chain; neither is read yet."""
    return ChainCredentials() if api.access_key_id is None else StaticCredentials(api)


_STEP: Final = re.compile(r"(\w+)CredentialsProvider: ")
# The vendor's messages quote URLs with OIDC tokens, answers with keys, lines of profile
# files. A list of what to hide would be one release behind; so this lists what to show.
_SAFE: Final = re.compile(
    r"""environment\ variable\ \w+\ cannot\ be\ empty
      | cli\ credentials\ file\ is\ disabled
      | [a-z ]+\ credentials\ file:\ \$?/[^\s'",]+
      | unable\ to\ get\ profile | invalid\ profile\ name
      | unsupported\ (?:profile\ mode|credential\ type)
      | failed\ to\ get\ (?:RAM\ session\ credentials|token)\ from\ ECS\ metadata
      | failed\ to\ execute\ external\ command | timed\ out\ after\ \d+\ milliseconds
      | http_?code[=:]\ ?\d{3} | "Code"\s*:\s*"[\w.]+"
      | (?:no\ such\ file\ or\ directory|permission\ denied)(?::\ \\?'/[^\s'\\]+)?
      | host=\\?'[\w.:-]+ | connection\ refused | connection\ reset | timed\ out
      | name\ or\ service\ not\ known | name\ resolution | network\ is\ unreachable
      | no\ route\ to\ host | certificate_verify_failed | cannot\ connect\ to\ proxy""",
    re.IGNORECASE | re.VERBOSE,
)


def told(error: Exception) -> str:
    """Return what may be shown of an error of the chain, step by step.

    >>> told(OSError("OIDCRoleArnCredentialsProvider: http_code: 400, result: ey..."))
    'OIDCRoleArn: http_code: 400'
    """
    text, *steps = _STEP.split(str(error))
    if not steps:
        return f"{type(error).__name__}: {_safe(text)}"
    pairs = zip(steps[::2], steps[1::2], strict=True)
    return "; ".join(f"{name}: {_safe(said)}" for name, said in pairs)


def _safe(text: str) -> str:
    shown = [re.sub(r"[\\'$]", "", match.group()) for match in _SAFE.finditer(text)]
    return ", ".join(dict.fromkeys(shown)) or "failed"
