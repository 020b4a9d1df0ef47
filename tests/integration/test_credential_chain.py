"""The vendor's real chain, each source of it, against a stand-in.

Each case runs in a process of its own, because the vendor reads the environment when it
is imported; see credential_chain_cases.py.
"""

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import credential_chain_cases as cases
import pytest
from paths import ROOT, SUPPORT

SECRETS: Final = ("temporary-secret", "temporary-token", "oidc-token", "file-secret")


@dataclass
class Home:
    """A scratch home and environment, with the metadata service disabled."""

    path: Path
    environment: dict[str, str]

    def run(self, case: Callable[[], Awaitable[cases.Report]]) -> cases.Report:
        """Run a case here; it must say nothing but its report."""
        script = (
            f"import credential_chain_cases as cases; cases.main({case.__name__!r})"
        )
        done = self.python(script)
        assert done.stderr == ""
        report: cases.Report = json.loads(done.stdout)
        return report

    def python(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script here."""
        return subprocess.run(
            [sys.executable, "-c", script],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=180,
        )

    def write(self, name: str, text: str) -> Path:
        """Write a file below the home."""
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return an empty home whose processes reach no network: their proxy refuses."""
    coverage = {k: v for k, v in os.environ.items() if k.startswith("COVERAGE_")}
    environment = coverage | {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}{os.pathsep}{SUPPORT}",
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "DEBUG": "sdk",  # the vendor then logs its requests
    }
    return Home(tmp_path, environment)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a throwaway certificate for STS, with its key in the same file."""
    file = tmp_path_factory.mktemp("tls") / "sts.pem"
    subject = f"-subj /CN=sts -addext subjectAltName=DNS:{cases.STS_HOST}"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        f"-days 2 {subject} -keyout {file.name} -out {file.name}".split(),
        cwd=file.parent,
        check=True,
        capture_output=True,
    )
    return file


@pytest.fixture
def oidc_home(home: Home, certificate: Path) -> Home:
    """Return a home with a role for its OIDC token, which trusts our STS alone."""
    home.environment |= {
        "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1:role/exporter",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1:oidc-provider/cluster",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(home.write("token", "oidc-token")),
        "ALIBABA_CLOUD_STS_REGION": "cn-test",
        "SSL_CERT_FILE": str(certificate),
        cases.CERTIFICATE: str(certificate),
    }
    return home


@pytest.fixture
def ecs_home(home: Home) -> Home:
    """Return a home on a machine with a metadata service."""
    home.environment["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "false"
    return home


def test_environment(home: Home) -> None:
    """A temporary key in the environment comes first."""
    home.environment |= {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "env-id",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "env-secret",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "env-token",
    }

    report = home.run(cases.get_once)

    assert report == {"key": ["env-id", "env-secret", "env-token"], "provider": "env"}


def test_profile_of_the_command_line_tool(home: Home) -> None:
    """The current profile of `aliyun configure` is used, and read again if rejected."""
    profile = {
        "name": "dr",
        "mode": "AK",
        "access_key_id": "file-id",
        "access_key_secret": "file-secret",
    }
    home.write(
        ".aliyun/config.json", json.dumps({"current": "dr", "profiles": [profile]})
    )

    report = home.run(cases.get_from_a_file_that_changes)

    assert report["key"] == ["file-id", "file-secret", None]
    assert report["provider"] == "cli_profile/static_ak"
    assert report["then"]["key"] == ["file-id", "new-secret", None]


def test_profile_of_the_sdk(home: Home) -> None:
    """The default section of credentials.ini is used."""
    keys = "access_key_id = ini-id\naccess_key_secret = ini-secret\n"
    home.write(".alibabacloud/credentials.ini", f"[default]\ntype = access_key\n{keys}")

    report = home.run(cases.get_once)

    assert report["key"] == ["ini-id", "ini-secret", None]
    assert report["provider"] == "profile/static_ak"


def test_oidc_role(oidc_home: Home) -> None:
    """A pod's OIDC token is exchanged once for all callers, and again when rejected."""
    report = oidc_home.run(cases.get_by_twenty)

    assert report["key"] == ["STS.1", "temporary-secret", "temporary-token"]
    assert report["provider"] == "oidc_role_arn"
    (request,) = report["asked"]
    assert request.startswith(f"GET {cases.STS}?")
    query = parse_qs(urlsplit(request).query)
    assert query["Action"] == ["AssumeRoleWithOIDC"]
    assert query["RoleArn"] == ["acs:ram::1:role/exporter"]
    assert query["OIDCToken"] == ["oidc-token"]
    assert report["then"]["key"][0] == "STS.2"


def test_metadata_role(ecs_home: Home) -> None:
    """Twenty callers share one round of the metadata, and no thread is left behind."""
    report = ecs_home.run(cases.get_by_twenty)

    assert report["key"] == ["STS.4", "temporary-secret", "temporary-token"]
    assert report["provider"] == "ecs_ram_role"
    assert report["asked"] == [
        f"PUT {cases.METADATA}/api/token",
        f"GET {cases.ROLES}",
        f"PUT {cases.METADATA}/api/token",
        f"GET {cases.ROLES}exporter-role",
    ]
    assert report["then"]["key"][0] == "STS.8"
    assert report["threads"] == ["MainThread"]


def test_metadata_role_of_a_profile(ecs_home: Home) -> None:
    """A profile that names the machine's role leaves no thread behind either."""
    role = {"name": "dr", "mode": "EcsRamRole", "ram_role_name": "exporter-role"}
    config = {"current": "dr", "profiles": [role]}
    ecs_home.write(".aliyun/config.json", json.dumps(config))

    report = ecs_home.run(cases.get_by_twenty)

    assert report["key"] == ["STS.2", "temporary-secret", "temporary-token"]
    assert report["provider"] == "cli_profile/ecs_ram_role"
    assert report["threads"] == ["MainThread"]


def test_credentials_uri(home: Home) -> None:
    """A key server is the last resort."""
    home.environment["ALIBABA_CLOUD_CREDENTIALS_URI"] = "http://keys.example:80/mine"

    report = home.run(cases.get_by_twenty)

    assert report["key"] == ["STS.1", "temporary-secret", "temporary-token"]
    assert report["provider"] == "credential_uri"


def test_nothing_configured(home: Home) -> None:
    """Steps that nobody configured are no news; what to do is its remedy."""
    assert home.run(cases.get_once) == {"failure": "no access key found"}


def test_sts_refuses(oidc_home: Home) -> None:
    """Status and code of STS are told; its answer and our token are not."""
    failure = oidc_home.run(cases.get_refused)["failure"]

    assert 'OIDCRoleArn: http_code: 400, "Code": "AuthenticationFail")' in failure
    assert not any(secret in failure for secret in SECRETS)


def test_a_broken_profile_is_not_quoted(home: Home) -> None:
    """The parser's error repeats the line that it stumbles over: a secret, perhaps."""
    home.write(".alibabacloud/credentials.ini", "access_key_secret = file-secret\n")

    failure = home.run(cases.get_once)["failure"]

    assert failure == "no access key found (Profile: failed)"
    assert "file-secret" not in failure


def test_a_chain_that_hangs_does_not_hold_up_the_exit(home: Home) -> None:
    """The program ends while the vendor still waits for somebody's answer."""
    assert home.run(cases.leave_while_the_chain_hangs) == {"is_done": False}


def test_the_vendor_is_imported_only_when_its_chain_is_asked(home: Home) -> None:
    """A configured key does not pay 0.1 s and 8 MB for a chain it never asks."""
    script = (
        "import sys, exporter.cloud.credentials as c;"
        "c.CredentialSource();"
        "print([m for m in sys.modules if m.startswith(('alibabacloud', 'Tea'))])"
    )

    assert home.python(script).stdout == "[]\n"
