"""Which key signs next: the configured values, or what their files hold now."""

import os
from pathlib import Path

import pytest

from exporter.app.redaction import redacted_text
from exporter.cloud.credential_chain import ChainCredentials
from exporter.cloud.credentials import StaticCredentials, credential_source
from exporter.cloud.signing import Credentials
from exporter.model.errors import CredentialsError, Reason


async def test_configured_values_are_the_key() -> None:
    """Id, secret and token arrive as they stand in the configuration."""
    source = credential_source(
        access_key_id="id", access_key_secret="secret", security_token="token"
    )

    assert await source.get() == Credentials("id", "secret", "token", "static")


async def test_without_a_token_there_is_none() -> None:
    """A long-lived key has no token, rather than an empty one."""
    source = credential_source(access_key_id="id", access_key_secret="secret")

    assert (await source.get()).security_token is None


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
async def test_secret_files_lose_their_line_end(tmp_path: Path, ending: str) -> None:
    """Editors end a file with a newline, which is no part of the secret."""
    secret, token = tmp_path / "secret", tmp_path / "token"
    secret.write_text(f"s3cret{ending}", newline="")
    token.write_text(f"t0ken{ending}", newline="")

    source = credential_source(
        access_key_id="id", access_key_secret_file=secret, security_token_file=token
    )

    assert await source.get() == Credentials("id", "s3cret", "t0ken", "static")


async def test_a_rotated_file_is_read_at_the_next_request(tmp_path: Path) -> None:
    """Neither a reload nor a rejection is needed."""
    secret = tmp_path / "secret"
    secret.write_text("old")
    source = StaticCredentials("id", secret)
    assert (await source.get()).access_key_secret == "old"

    secret.write_text("newer")

    assert (await source.get()).access_key_secret == "newer"


async def test_a_swapped_link_is_seen_by_its_inode_alone(tmp_path: Path) -> None:
    """Kubernetes swaps a link: the new file may have the old one's time and size."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"is-{name}")
        os.utime(tmp_path / name, ns=(0, 0))
    link, swap = tmp_path / "secret", tmp_path / "swap"
    link.symlink_to("one")
    swap.symlink_to("two")
    source = StaticCredentials("id", link)
    assert (await source.get()).access_key_secret == "is-one"

    swap.replace(link)

    assert (await source.get()).access_key_secret == "is-two"


async def test_an_unchanged_file_is_read_again_only_after_a_rejection(
    tmp_path: Path,
) -> None:
    """A rejection distrusts the file's time; one of an older key changes nothing."""
    secret = tmp_path / "secret"
    secret.write_text("first")
    os.utime(secret, ns=(0, 0))
    source = StaticCredentials("id", secret)
    first = await source.get()
    secret.write_text("other")
    os.utime(secret, ns=(0, 0))

    source.reject(Credentials("id", "older"))
    assert await source.get() == first
    source.reject(first)
    assert (await source.get()).access_key_secret == "other"


async def test_a_file_that_comes_back_is_read(tmp_path: Path) -> None:
    """A missing file is an error that names it, for as long as it is missing."""
    secret = tmp_path / "secret"
    source = StaticCredentials("id", secret)
    with pytest.raises(CredentialsError, match=f"^{secret} cannot be read") as caught:
        await source.get()
    assert caught.value.reason is Reason.CREDENTIALS
    # Not `secret: No`, which a log line would mask.
    told = redacted_text(str(caught.value))
    assert told == f"{secret} cannot be read (No such file or directory)"

    secret.write_text("here")

    assert (await source.get()).access_key_secret == "here"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "found nothing"),
        (b"  \n", "found nothing"),
        (b"HIDDEN\nHIDDEN\n", "found several lines"),
        (b"HIDDEN\xff", "expected one line of text"),
    ],
)
async def test_a_bad_file_is_named_and_not_quoted(
    tmp_path: Path, content: bytes, found: str
) -> None:
    """The error names the file and what was expected, never what is in it."""
    secret = tmp_path / "secret"
    secret.write_bytes(content)

    with pytest.raises(CredentialsError, match=f"^{secret}: .*{found}") as caught:
        await StaticCredentials("id", secret).get()

    assert "HIDDEN" not in str(caught.value)


async def test_a_directory_is_no_secret(tmp_path: Path) -> None:
    """What can be seen but not read is an error that names it, too."""
    with pytest.raises(CredentialsError, match=f"^{tmp_path} cannot be read"):
        await StaticCredentials("id", tmp_path).get()


@pytest.mark.parametrize(
    ("key_id", "secret", "secret_file", "token", "token_file"),
    [
        ("id", None, None, None, None),
        (None, "HIDDEN", None, None, None),
        (None, None, None, "HIDDEN", None),
        ("id", "HIDDEN", Path("secret"), None, None),
        ("id", "HIDDEN", None, "HIDDEN", Path("token")),
    ],
)
def test_settings_that_are_no_key_are_refused(
    *,
    key_id: str | None,
    secret: str | None,
    secret_file: Path | None,
    token: str | None,
    token_file: Path | None,
) -> None:
    """Half a key, or one given twice, is an error and never the chain's turn."""
    with pytest.raises(CredentialsError, match=r"^api: ") as caught:
        credential_source(
            access_key_id=key_id,
            access_key_secret=secret,
            access_key_secret_file=secret_file,
            security_token=token,
            security_token_file=token_file,
        )

    assert "HIDDEN" not in str(caught.value)


def test_nothing_configured_is_the_chain() -> None:
    """All left out means the standard credential chain."""
    assert isinstance(credential_source(), ChainCredentials)
