"""Which access key signs the next request, and where it comes from."""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any, Final, TypeVar

from pydantic import Secret

from exporter.cloud.signing import Credentials
from exporter.config.settings import ApiSettings
from exporter.model.errors import CredentialsError, NoAccessKeyError

# Without it each of a thousand routes would ask the chain, whole or broken, again.
CHAIN_KEPT_SECONDS: Final = 10.0
# A rotated secret counts after so long; reading its file costs nothing.
FILES_KEPT_SECONDS: Final = 1.0
# The vendor gives the first two a handler each time a module of it is imported;
# urllib3 tells the whole URL, and that is where STS wants its tokens.
VENDOR_LOGGERS: Final = ("credentials", "alibabacloud-tea", "urllib3")
THREAD_NAME: Final = "daemon-call"

T = TypeVar("T")
Ask = Callable[[], Credentials]
"""Gives a key. It blocks, and raises `CredentialsError` or what the vendor meets."""


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


def configured(api: ApiSettings) -> Ask:
    """Return what reads the key of the configuration and its files."""
    from_pipes: dict[Path, str] = {}  # which give what they hold only once

    def value(secret: Secret[str] | None, file: Path | None) -> str | None:
        if file is None:
            return None if secret is None else secret.get_secret_value()
        if file in from_pipes:
            return from_pipes[file]
        line = _line_of(file)
        if file.is_fifo():
            from_pipes[file] = line
        return line

    def ask() -> Credentials:
        key_id = api.access_key_id or value(None, api.access_key_id_file)
        secret = value(api.access_key_secret, api.access_key_secret_file)
        token = value(api.security_token, api.security_token_file)
        # The settings have no id without a secret.
        return Credentials(key_id or "", secret or "", token)

    return ask


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


def _line_of(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8").rstrip("\r\n").splitlines()
    except OSError as error:
        # Not `FILE: why`: a file is likely named `…secret`, and the log would mask it.
        why = f"{file} cannot be read ({error.strerror})"
        raise CredentialsError(why) from None
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


class CredentialSource:
    """Where the client takes its key from, before each request.

    One thread at a time asks for the key, and each answer is kept for `kept_seconds`: a
    secret that is rotated in its file needs no reload. The vendor's chain itself caches
    temporary keys, and renews them 15 minutes before they end; profile files it reads
    once. So once the API refused its key, the source is opened again: a new chain reads
    the files, and asks STS or the metadata. The environment of a process never changes:
    a key from there is good until a restart.
    """

    def __init__(
        self,
        open_source: Callable[[], Ask] = vendor_chain,
        *,
        kept_seconds: float = CHAIN_KEPT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open = open_source
        self._kept_seconds = kept_seconds
        self._clock = clock
        self._ask: Ask | None = None
        # What was answered, or will be.
        self._answer: asyncio.Task[Credentials | CredentialsError] | None = None
        self._kept_until = 0.0

    async def get(self) -> Credentials:
        """Return the key; all who ask during a refresh wait for that one.

        Raises:
            CredentialsError: a file holds no key, or no step of the chain has one.
        """
        answer = self._answer
        if answer is None or (answer.done() and self._clock() >= self._kept_until):
            # A task and not a lock around the call: a thread cannot be cancelled, so a
            # caller that is must leave the refresh to those who still wait for it.
            answer = self._answer = asyncio.create_task(self._refresh())
        found = await asyncio.shield(answer)
        if isinstance(found, CredentialsError):
            # Another one for each caller: it collects where it was raised.
            raise type(found)(str(found))
        return found

    def reject(self, rejected: Credentials) -> None:
        """Open the source again before the next use, unless a newer key is here."""
        answer = self._answer
        if answer is not None and answer.done() and rejected == answer.result():
            self._ask = self._answer = None

    async def _refresh(self) -> Credentials | CredentialsError:
        found = await in_daemon_thread(self._found)
        self._kept_until = self._clock() + self._kept_seconds
        return found

    def _found(self) -> Credentials | CredentialsError:
        try:
            ask = self._ask = self._ask or self._open()
            key = ask()
        except CredentialsError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the vendor lets any error through
            why = told(error)
        else:
            if key.access_key_id and key.access_key_secret:
                return key
            why = f"{key.provider}: answered without a whole key"
        return NoAccessKeyError("no access key found" + (why and f" ({why})"))


def credential_source(api: ApiSettings) -> CredentialSource:
    """Return where the configured key is, else the vendor's chain; nothing is read."""
    if api.access_key_id is None and api.access_key_id_file is None:
        return CredentialSource()
    ask = configured(api)
    return CredentialSource(lambda: ask, kept_seconds=FILES_KEPT_SECONDS)


_STEP: Final = re.compile(r"(\w+)CredentialsProvider: ")
# A step that nobody has configured is no news.
_UNUSED: Final = re.compile(
    r"""EnvironmentVariable:.*accessKeyId\ cannot\ be\ empty
      | CLIProfile:.*(?:disabled | unable\ to\ open.*/\.aliyun/config\.json)
      | Profile:\ failed\ to\ get.*/\.alibabacloud/credentials\.ini
      | EcsRamRole:.*100\.100\.100\.200(?!.*http_?code)""",
    re.IGNORECASE | re.VERBOSE,
)
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
    """Return what may be shown of an error of the chain, for each step in use."""
    text, *steps = _STEP.split(str(error))
    steps = steps or [type(error).__name__, text]
    pairs = zip(steps[::2], steps[1::2], strict=True)
    lines = [f"{name}: {_safe(said)}" for name, said in pairs]
    return "; ".join(line for line in lines if not _UNUSED.match(line))


def _safe(text: str) -> str:
    shown = [re.sub(r"[\\'$]", "", match.group()) for match in _SAFE.finditer(text)]
    return ", ".join(dict.fromkeys(shown)) or "failed"
