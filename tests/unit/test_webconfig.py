"""Which web configurations are accepted, which are refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest
from certificates import Authority
from web_config_cases import CASES, Case, hashed, tls, write_folder

from exporter.app import logs
from exporter.app.cli import main
from exporter.config.load import ConfigurationError, load
from exporter.web.watch import WatchedConfig

CANARY = "canary-5b1e-secret"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the certificates that the cases name."""
    folder = tmp_path_factory.mktemp("web")
    write_folder(folder, Authority())
    return folder


def faults_of(file: Path) -> tuple[str, ...]:
    """Return what a file is refused with, nothing if it is not."""
    try:
        WatchedConfig(file).current()
    except ConfigurationError as error:
        return error.faults
    return ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_file_is_accepted_or_refused_in_the_words_that_operators_know(
    folder: Path, case: Case
) -> None:
    """Every fault is one line that names the file."""
    file = folder / f"{case.name}.yml"
    file.write_text(case.text)

    faults = faults_of(file)

    assert all(each.startswith(f"{file}: ") and "\n" not in each for each in faults)
    if case.refused is None:
        assert faults == ()
    else:
        assert any(case.refused in each for each in faults), faults


def test_certificates_may_stand_in_the_file_itself(folder: Path) -> None:
    """PEM is taken where a file's name would be; the file wins where both are."""
    assert faults_of(folder / "inline.yml") == ()

    both = folder / "both.yml"
    both.write_text(tls("cert: junk, key: junk"))
    assert faults_of(both) == ()


@pytest.mark.parametrize(
    "text",
    [
        f"basic_auth_users: {{dave: {CANARY}}}",
        f"basic_auth_users: {{'$2y$10${CANARY}': x}}",
        f"basic_auth_users: ['{CANARY}']",
        f"tls_server_config: {{cert_file: server.crt, key: '{CANARY}'}}",
        f"tls_server_config: {{key: ['{CANARY}']}}",
        f"tls_server_config: {{min_version: '-----BEGIN {CANARY}'}}",
        f"tls_server_config: {{'a {CANARY}': 1}}",
        f"basic_auth_users: {{dave: '{CANARY}",
        f"http_server_config: {{headers: {{'{CANARY} a': x}}}}",
        f"rate_limit: {{interval: {CANARY}}}",
    ],
)
def test_no_fault_shows_what_may_be_a_secret(folder: Path, text: str) -> None:
    """Hashes and keys are not repeated, wherever they were put by mistake."""
    file = folder / "canary.yml"
    file.write_text(text)

    faults = faults_of(file)

    assert faults
    assert CANARY not in "\n".join(faults)


def test_nothing_that_is_read_shows_a_secret_by_its_repr(folder: Path) -> None:
    """A traceback with locals prints no key and no hash."""
    secret = hashed("x")
    file = folder / "users.yml"
    file.write_text(f"basic_auth_users: {{dave: '{secret}'}}")

    assert secret not in repr(WatchedConfig(file).current())
    assert "PRIVATE KEY" not in repr(WatchedConfig(folder / "inline.yml").current())


def test_check_tells_every_fault_and_exits_with_2(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`check` looks into the web configuration too, one line per fault."""
    file = folder / "two_faults.yml"
    file.write_text("rate_limit: {burst: x}\nhttp_server_config: {http2: 2}")
    flag = f"--web.config.file={file}"

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HOME", str(folder))
        status = main(["check", flag])
    logs.configure("info", "logfmt")

    assert status == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{file}: http_server_config.http2: expected true or false",
        f"{file}: rate_limit.burst: expected a whole number",
    ]


@pytest.mark.parametrize("source", ["flags", "environ", "nothing"])
def test_without_a_file_or_with_an_empty_name_there_is_plain_http(source: str) -> None:
    """The empty name switches off what a weaker source has set."""
    flags = {"web.config_file": ""} if source == "flags" else {}
    name = "ROCKETMQ_DR_WEB__CONFIG_FILE"
    environ = {"flags": {name: "web.yml"}, "environ": {name: ""}}.get(source, {})

    settings = load(flags=flags, environ=environ, file=None)

    assert settings.web.config_file is None
