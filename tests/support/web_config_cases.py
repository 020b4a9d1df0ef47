"""Web configurations, each accepted or refused, after exporter-toolkit's own table.

Where release 2.42 of `promtool` decides otherwise, `reason` says why.
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
    reason: str = ""

    @property
    def is_accepted_by_promtool(self) -> bool:
        """Whether promtool accepts it: as we do, but where there is a reason."""
        return (self.refused is None) != bool(self.reason)


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
    (folder / "ca.crt").write_text(f"# Autorität\n{authority.cert}", encoding="utf-8")
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
        tls("client_ca_file: /dev/null, client_auth_type: NoClientCert"),
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
        reason=_STRICTER,
    ),
    Case(
        "user_list_invalid", "basic_auth_users: {john: doe}", "expected a bcrypt hash"
    ),
    Case(
        "invented_ciphers",
        tls("cipher_suites: [TLS_RSA_X]"),
        "expected one of TLS_AES_",
    ),
    Case("invented_curves", tls("curve_preferences: [CurveP1]"), "one of CurveP256, "),
    Case("wrong_version", tls("min_version: TLS111"), "expected one of TLS10, TLS11, "),
    Case("wrong_policy", tls("client_auth_type: x"), "expected one of NoClientCert, "),
    Case("verify_if_given", tls(f"{_CA}, client_auth_type: VerifyClientCertIfGiven")),
    Case("request", tls("client_auth_type: RequestClientCert")),
    Case(
        "require_any_without_ca",
        tls("client_auth_type: RequireClientCert"),
        "RequireClientCert needs client_ca_file",
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
        reason="Go finds out at the first handshake",
    ),
    Case(
        "weak_cipher",
        tls("cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]"),
        "expected one of TLS_AES_",
        reason="no longer among Go's secure suites since 1.22",
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
        "header_frame_options",
        "http_server_config: {headers: {X-Frame-Options: forbidden}}",
        "X-Frame-Options: expected 'deny' or 'sameorigin'",
    ),
    Case(
        "header_of_two_lines",
        'http_server_config: {headers: {X-XSS-Protection: "1\\r\\nSet-Cookie: a"}}',
        "expected one line of text",
        reason="Go cleans it when it is sent",
    ),
    Case(
        "header_extra",
        "http_server_config: {headers: {Content-Type: x}}",
        "headers.Content-Type: unknown setting",
    ),
    Case("rate_limit", "rate_limit: {interval: 1s, burst: 0}", reason=OLD_FORMAT),
    Case("rate_limit_off", "rate_limit: {interval: 0, burst: 0}", reason=OLD_FORMAT),
    Case("rate_limit_negative", "rate_limit: {burst: -1}", "at least 0"),
    Case("rate_limit_unit", "rate_limit: {interval: 1d}", "expected a duration"),
    Case("users", f"basic_auth_users: {{dave: '{hashed('dave123')}'}}"),
    Case(
        "users_cheap", f"basic_auth_users: {{a: '$2y$03${'a' * 53}'}}", "a bcrypt hash"
    ),
    Case("users_null", "basic_auth_users:\n"),
    Case(
        "users_cost",
        f"basic_auth_users: {{dave: '$2y$99${'a' * 53}'}}",
        "expected a bcrypt hash",
    ),
)
