"""What is shown of the vendor's errors, and what never is."""

from collections.abc import Sequence

import pytest

from exporter.cloud.credential_failure import told


def step(name: str, said: str) -> str:
    """Return one step's part of the vendor's message."""
    return f"{name}CredentialsProvider: {said}"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            'oidc_role_arn, http_code: 400, {"Code":"A.Token","Token":"HIDDEN"}',
            'http_code: 400, "Code":"A.Token"',
        ),
        (
            "Pool(host='sts.aliyuncs.com'): url: /?Token=HIDDEN (Connection refused)",
            "host=sts.aliyuncs.com, Connection refused",
        ),
        ("[Errno 2] No such file or directory: '/run/token'", "/run/token"),
        (
            "File contains no section headers.\nfile: 'x', line: 1\n'secret = HIDDEN'",
            "failed",
        ),
        ("failed to execute external command: stderr: HIDDEN", "external command"),
        (
            "failed to get credential from credentials file: $/home/x/credentials.ini",
            "failed to get credential from credentials file: /home/x/credentials.ini",
        ),
    ],
)
def test_a_vendor_error_is_told_without_what_it_quotes(said: str, shown: str) -> None:
    """Host, file, status and code are kept; tokens, keys and lines of files are not."""
    steps: Sequence[str] = [step("A", said), step("EnvironmentVariable", "HIDDEN")]

    alone, among = told(OSError(said)), told(ValueError(f"the chain: {steps}"))

    assert alone.startswith("OSError: ")
    assert shown in alone
    assert among.startswith("A: ")
    assert among.endswith(f"{shown}; EnvironmentVariable: failed")
    assert "HIDDEN" not in alone + among
