"""Web configurations and what becomes of each, after exporter-toolkit's own table.

`promtool` is what release 2.42 says of the same file: True accepts, False refuses.
Where that differs from what is expected here, `reason` says why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import bcrypt
from certificates import Authority, encrypted

PAIR = "cert_file: server.crt, key_file: server.key"
OLD_FORMAT = "2.42 does not know this field yet"


@dataclass(frozen=True, slots=True)
class Case:
    """A file: refused with these words, or None: accepted."""

    name: str
    text: str
    refused: str | None = None
    promtool: bool | None = None
    reason: str = ""

    @property
    def is_accepted_by_promtool(self) -> bool:
        """Whether promtool accepts it, by default as we do."""
        return self.refused is None if self.promtool is None else self.promtool


def tls(more: str = "", pair: str = PAIR) -> str:
    """Return a file with a TLS section in YAML's flow style."""
    return f"tls_server_config: {{{', '.join(each for each in (pair, more) if each)}}}"


def hashed(password: str) -> str:
    """Return the quickest bcrypt hash of a password."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def write_folder(folder: Path, authority: Authority) -> None:
    """Write the files that the cases name."""
    pair = authority.issue("server")
    pair.write(folder, "server")
    authority.issue("another").write(folder, "other")
    encrypted(pair, b"password").write(folder, "encrypted")
    (folder / "ca.crt").write_text(authority.cert)
    (folder / "empty.crt").write_text("")
    inline = {"cert": pair.cert, "key": pair.key, "client_ca": authority.cert}
    inline["client_auth_type"] = "RequireAnyClientCert"
    (folder / "inline.yml").write_text(json.dumps({"tls_server_config": inline}))


_GO_SUITES = (
    *("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"),
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
)
_NO_CERT, _NO_KEY = "missing one of cert or cert_file", "missing one of key or key_file"
_NO_FILE = "no such file"
_CA = "client_ca_file: ca.crt"
_STRICTER = "stricter than Go: see docs/web-configuration.md"

CASES = (
    Case("empty", ""),
    Case("junk", "hahahah", "expected a mapping"),
    Case("junk_key", tls("cert_filse: x"), "cert_filse: unknown setting"),
    Case("unknown_section", "web: {}", "web: unknown setting"),
    Case("duplicate", f"{tls()}\n{tls()}", "is set twice"),
    Case(
        "cert_path_empty",
        "tls_server_config: {cert_file: '', key_file: server.key}",
        _NO_CERT,
    ),
    Case("only_policy", "tls_server_config: {client_auth_type: x}", _NO_CERT),
    Case("key_path_empty", tls(pair="cert_file: server.crt, key_file: ''"), _NO_KEY),
    Case("cert_path_wrong", tls(pair="cert_file: a, key_file: server.key"), _NO_FILE),
    Case(
        "key_of_another",
        tls(pair="cert_file: server.crt, key_file: other.key"),
        "failed to load X509KeyPair",
    ),
    Case(
        "encrypted_key",
        tls(pair="cert_file: server.crt, key_file: encrypted.key"),
        "failed to load X509KeyPair: the key is encrypted",
    ),
    Case(
        "cert_is_empty",
        tls(pair="cert_file: empty.crt, key_file: server.key"),
        "failed to load X509KeyPair",
    ),
    Case(
        "ca_without_policy",
        tls("client_ca_file: /dev/null"),
        "client CA's have been configured without a Client Auth Policy",
    ),
    Case(
        "ca_without_policy_by_name",
        tls(f"{_CA}, client_auth_type: NoClientCert"),
        "client CA's have been configured without a Client Auth Policy",
    ),
    Case(
        "ca_wrong",
        tls("client_ca_file: a, client_auth_type: RequireAndVerifyClientCert"),
        _NO_FILE,
    ),
    Case("ca_missing", tls("client_auth_type: RequireAndVerifyClientCert")),
    Case(
        "ca_of_nobody",
        tls("client_ca_file: empty.crt, client_auth_type: VerifyClientCertIfGiven"),
        "client_ca: expected certificates in PEM",
        promtool=True,
        reason=_STRICTER,
    ),
    Case(
        "user_list_invalid",
        "basic_auth_users: {john: doe}",
        "hashedSecret too short to be a bcrypted password",
    ),
    Case("invented_ciphers", tls("cipher_suites: [TLS_RSA_X]"), "unknown cipher: TLS_"),
    Case("invented_curves", tls("curve_preferences: [CurveP1]"), "unknown curve: Cur"),
    Case("wrong_version", tls("min_version: TLS111"), "unknown TLS version: TLS111"),
    Case("wrong_policy", tls("client_auth_type: x"), "invalid ClientAuth: x"),
    Case("verify_if_given", tls(f"{_CA}, client_auth_type: VerifyClientCertIfGiven")),
    Case("request", tls("client_auth_type: RequestClientCert")),
    Case(
        "require_alias",
        tls(f"{_CA}, client_auth_type: RequireClientCert"),
    ),
    Case(
        "require_any_without_ca",
        tls("client_auth_type: RequireAnyClientCert"),
        "RequireAnyClientCert needs client_ca_file",
        promtool=True,
        reason=_STRICTER,
    ),
    Case(
        "require_and_verify",
        tls(f"{_CA}, client_auth_type: RequireAndVerifyClientCert"),
    ),
    Case(
        "sans",
        tls(
            f"{_CA}, client_auth_type: RequireAndVerifyClientCert, "
            "client_allowed_sans: [one, test3]"
        ),
        promtool=False,
        reason=OLD_FORMAT,
    ),
    Case(
        "sans_of_nobody",
        tls("client_allowed_sans: [one]"),
        "client_allowed_sans needs a client_auth_type",
    ),
    Case("some_ciphers", tls(f"cipher_suites: [{', '.join(_GO_SUITES)}]")),
    Case("ciphers_of_1_3", tls("cipher_suites: [TLS_AES_128_GCM_SHA256]")),
    Case(
        "no_cipher_left",
        tls("cipher_suites: [TLS_AES_128_GCM_SHA256], max_version: TLS12"),
        "cipher_suites has none",
        promtool=True,
        reason="Go finds out at the first handshake",
    ),
    Case(
        "weak_cipher",
        tls("cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]"),
        "unknown cipher",
        promtool=True,
        reason="no longer among Go's secure suites since 1.22",
    ),
    Case(
        "no_order",
        tls(f"cipher_suites: [{_GO_SUITES[2]}], prefer_server_cipher_suites: false"),
    ),
    Case(
        "all_curves",
        tls("curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]"),
    ),
    Case("versions", tls("min_version: TLS10, max_version: TLS12")),
    Case(
        "versions_crossed",
        tls("min_version: TLS13, max_version: TLS12"),
        "min_version is above max_version",
        promtool=True,
        reason="Go finds out at the first handshake",
    ),
    Case("only_min_version", "tls_server_config: {min_version: TLS13}"),
    Case("no_http2", f"{tls()}\nhttp_server_config: {{http2: false}}"),
    Case("http2_number", "http_server_config: {http2: 1}", "expected true or false"),
    Case(
        "headers",
        "http_server_config: {headers: {X-Frame-Options: deny, "
        "X-Content-Type-Options: nosniff, X-XSS-Protection: '1', "
        "Strict-Transport-Security: max-age=1, Content-Security-Policy: x}}",
    ),
    Case(
        "header_number",
        "http_server_config: {headers: {X-XSS-Protection: 0}}",
    ),
    Case(
        "header_frame_options",
        "http_server_config: {headers: {X-Frame-Options: forbidden}}",
        'invalid value for X-Frame-Options. Expected one of: ["deny" "sameorigin"], '
        'but got: "forbidden"',
    ),
    Case(
        "header_of_two_lines",
        'http_server_config: {headers: {X-XSS-Protection: "1\\r\\nSet-Cookie: a"}}',
        "Expected one line of text",
        promtool=True,
        reason="Go cleans it when it is sent",
    ),
    Case(
        "header_extra",
        "http_server_config: {headers: {Content-Type: x}}",
        'HTTP header "Content-Type" can not be configured',
    ),
    Case(
        "rate_limit",
        "rate_limit: {interval: 1s, burst: 0}",
        promtool=False,
        reason=OLD_FORMAT,
    ),
    Case(
        "rate_limit_off",
        "rate_limit: {interval: 0, burst: 0}",
        promtool=False,
        reason=OLD_FORMAT,
    ),
    Case("rate_limit_negative", "rate_limit: {burst: -1}", "at least 0"),
    Case("rate_limit_unit", "rate_limit: {interval: 1d}", "expected a duration"),
    Case("users", f"basic_auth_users: {{dave: '{hashed('dave123')}'}}"),
    Case("users_null", "basic_auth_users:\n"),
    Case(
        "users_cost",
        f"basic_auth_users: {{dave: '$2y$99${'a' * 53}'}}",
        "expected a bcrypt hash",
    ),
)
