"""What configurations mean, and that a bad one is told in lines without values."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies
from paths import ROOT, TESTDATA
from pydantic import ValidationError

from exporter.config import (
    ConfigurationError,
    Loaded,
    NameFilter,
    Settings,
    format_duration,
    load,
    parse_duration,
    split_address,
)
from exporter.config.addresses import endpoint_url
from exporter.config.catalogue import knobs

CANARY = "hunter2-canary"


def table(name: str) -> list[tuple[str, str]]:
    """Return the configurations of a table, and the fault each has."""
    text = (TESTDATA / name).read_text(encoding="utf-8")
    rows = [line.split("  =>  ") for line in text.splitlines() if line[0] != "#"]
    return [(document, fault) for document, fault in rows]


def loaded(
    tmp_path: Path,
    text: str | bytes | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Loaded:
    """Load a file of this text, variables and flags."""
    file = None
    if text is not None:
        file = tmp_path / "exporter.yml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(flags=flags or {}, environ=environ or {}, file=file)


def faults(tmp_path: Path, text: str | bytes | None = None, **told: Any) -> list[str]:
    """Return the faults of a configuration, without the folder of its file."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text, **told)
    lines = [line.replace(f"{tmp_path}/", "") for line in caught.value.faults]
    assert all(line.isprintable() for line in lines)
    return lines


class TestDefaults:
    """What holds when nothing is said."""

    def test_nothing_said_is_the_contracts_defaults(self, tmp_path: Path) -> None:
        """No file, no variable and no flag give what contract.md lists."""
        found = loaded(tmp_path)

        assert found.warnings == ()
        assert found.settings == Settings()
        dumped = found.settings.model_dump(mode="json")
        assert dumped["api"] == {
            "region": "cn-hangzhou",
            "network": "public",
            "endpoint": None,
            "access_key_id": None,
            "access_key_secret": None,
            "access_key_secret_file": None,
            "security_token": None,
            "security_token_file": None,
            "page_size": 100,
            "timeout": "PT10S",
            "max_concurrency": 5,
            "requests_per_second": 5.0,
        }
        assert dumped["poll"] == {
            "interval": "PT1M",
            "timeout": "PT1M",
            "stale_after": "PT5M",
            "discovery_interval": "PT10M",
        }
        assert dumped["plans"] == []
        assert dumped["objectives"] == {"lag": "PT5M", "age": "PT10M"}
        assert dumped["groups"] == {"include": [".*"], "exclude": []}
        assert dumped["topics"] == {"include": [".*"], "exclude": []}
        assert dumped["metrics"] == {
            "families": ["sync_lag", "sync_age", "last_sync", "problem"],
            "max_checkpoints": 200_000,
        }
        assert dumped["web"] == {
            "listen_address": [":10063"],
            "telemetry_path": "/metrics",
            "config_file": None,
            "max_requests": 40,
            "enable_lifecycle": False,
        }
        assert dumped["shard"] == {"index": 0, "total": 1}
        assert dumped["ha"] == {
            "lease": None,
            "namespace": None,
            "lease_duration": "PT10S",
            "kubeconfig_file": None,
        }
        assert dumped["log"] == {"level": "info", "format": "logfmt"}

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("", id="empty"),
            pytest.param("# a comment\n", id="comment"),
            pytest.param("---\n", id="document"),
            pytest.param("\ufeff", id="byte order mark"),
            pytest.param("api:\npoll: {interval: null}\nplans:\n", id="nulls"),
        ],
    )
    def test_a_file_that_says_nothing_is_all_defaults(
        self, tmp_path: Path, text: str
    ) -> None:
        """Empty files, comments and keys without a value leave the defaults."""
        assert loaded(tmp_path, text).settings == Settings()

    @pytest.mark.parametrize(("text", "expected"), [("TRUE", True), ("false", False)])
    def test_switches_are_true_or_false_as_text(
        self,
        text: str,
        expected: bool,  # noqa: FBT001 - the value is the test
    ) -> None:
        """Environments write truth values in any case."""
        found = Settings.model_validate({"web": {"enable_lifecycle": text}})

        assert found.web.enable_lifecycle is expected

    def test_code_may_give_durations_as_they_are(self) -> None:
        """A timedelta needs no text."""
        found = Settings.model_validate({"poll": {"interval": timedelta(seconds=7)}})

        assert found.poll.interval == timedelta(seconds=7)

    def test_settings_cannot_be_changed(self) -> None:
        """Settings are frozen: a reload makes new ones."""
        with pytest.raises(ValidationError, match="frozen"):
            Settings().api.page_size = 7  # type: ignore[misc]  # what is tested


class TestPrecedence:
    """Which of several sources holds."""

    def test_flag_beats_environment_beats_file_beats_default(
        self, tmp_path: Path
    ) -> None:
        """Each of four settings is told by one source more than the one before."""
        found = loaded(
            tmp_path,
            "api: {page_size: 1, max_concurrency: 1, requests_per_second: 1}",
            environ={
                "ROCKETMQ_DR_API__MAX_CONCURRENCY": "2",
                "ROCKETMQ_DR_API__REQUESTS_PER_SECOND": "2",
            },
            flags={"api.requests_per_second": "3"},
        ).settings.api

        assert found.page_size == 1
        assert found.max_concurrency == 2
        assert found.requests_per_second == 3
        assert found.timeout == timedelta(seconds=10)

    def test_a_list_is_replaced_not_joined(self, tmp_path: Path) -> None:
        """A variable's list stands in the place of the file's."""
        found = loaded(
            tmp_path,
            "groups: {include: [a, b], exclude: [c]}",
            environ={"ROCKETMQ_DR_GROUPS__INCLUDE": "d"},
        )

        assert found.settings.groups == NameFilter(include=("d",), exclude=("c",))

    def test_the_environment_may_name_the_file(self, tmp_path: Path) -> None:
        """ROCKETMQ_DR_CONFIG__FILE is used where no flag names a file."""
        by_variable, by_flag = tmp_path / "variable.yml", tmp_path / "flag.yml"
        by_variable.write_text("api: {region: variable}")
        by_flag.write_text("api: {region: flag}")
        environ = {"ROCKETMQ_DR_CONFIG__FILE": str(by_variable)}

        first = load(flags={}, environ=environ, file=None)
        second = load(flags={}, environ=environ, file=by_flag)

        assert (first.settings.api.region, first.warnings) == ("variable", ())
        assert second.settings.api.region == "flag"


class TestEnvironment:
    """How variables are read."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (":1", (":1",)),
            (":1, :2 ,", (":1", ":2")),
            ('[":1",":2"]', (":1", ":2")),
            (" [':1'] ", (":1",)),
        ],
    )
    def test_lists_are_json_or_separated_by_commas(
        self, tmp_path: Path, text: str, expected: tuple[str, ...]
    ) -> None:
        """Both forms give the same tuple."""
        environ = {"ROCKETMQ_DR_WEB__LISTEN_ADDRESS": text}

        found = loaded(tmp_path, environ=environ).settings

        assert found.web.listen_address == expected

    def test_plans_are_json(self, tmp_path: Path) -> None:
        """A variable holds all plans, with what the file could say of them."""
        plans = [
            {"id": 13, "items": ["7"], "objectives": {"lag": "2m"}, "filter": None}
        ]
        environ = {"ROCKETMQ_DR_PLANS": json.dumps(plans)}

        (plan,) = loaded(tmp_path, environ=environ).settings.plans

        assert (plan.id, plan.items, plan.filter) == ("13", ("7",), None)
        assert plan.objectives.lag == timedelta(minutes=2)

    def test_empty_plans_mean_discovery(self, tmp_path: Path) -> None:
        """An empty variable empties the file's list of plans."""
        environ = {"ROCKETMQ_DR_PLANS": ""}

        assert (
            loaded(tmp_path, "plans: [{id: 1}]", environ=environ).settings.plans == ()
        )

    def test_unknown_variables_are_warnings_by_name(self, tmp_path: Path) -> None:
        """A mistyped variable is told; Kubernetes' and other programs' are not."""
        environ = {
            "ROCKETMQ_DR_API__REGOIN": CANARY,
            "ROCKETMQ_DR_EXPORTER_PORT": "tcp://10.0.0.1:10063",
            "ROCKETMQ_DR_EXPORTER_SERVICE_HOST": "10.0.0.1",
            "ROCKETMQ_DR_PLANS__ID": "1",
            "ROCKETMQ_HOME": "/",
        }

        warnings = loaded(tmp_path, environ=environ).warnings

        assert warnings == ("ROCKETMQ_DR_API__REGOIN", "ROCKETMQ_DR_PLANS__ID")

    def test_warnings_survive_a_fault(self) -> None:
        """A mistyped variable may be the reason of the fault, so both are told."""
        environ = {
            "ROCKETMQ_DR_API__ACCESS_KEY_SECRET": CANARY,
            "ROCKETMQ_DR_API__ACCES_KEY_ID": "x",
        }

        with pytest.raises(ConfigurationError) as caught:
            load(flags={}, environ=environ, file=None)

        assert caught.value.warnings == ("ROCKETMQ_DR_API__ACCES_KEY_ID",)

    @pytest.mark.parametrize(
        ("ordinal", "expected"),
        [
            # More replicas than shards, and a Kubernetes that labels no ordinals.
            ("8", "expected a whole number below shard.total"),
            ("", "expected a whole number of at least 0"),
        ],
    )
    def test_an_ordinal_that_is_no_shard_is_told_by_its_variable(
        self, tmp_path: Path, ordinal: str, expected: str
    ) -> None:
        """A StatefulSet sets it, so that nobody has seen it written."""
        index = "ROCKETMQ_DR_SHARD__INDEX"
        environ = {index: ordinal, "ROCKETMQ_DR_SHARD__TOTAL": "8"}

        assert faults(tmp_path, environ=environ) == [f"{index}: {expected}"]

    @pytest.mark.parametrize(
        "variable",
        [
            knob.environment
            for knob in knobs()
            if knob.environment and not knob.path.endswith("_file")
        ],
    )
    def test_every_variable_is_read(self, tmp_path: Path, variable: str) -> None:
        """A value that fits nothing but a path is a fault that names the variable."""
        told = faults(tmp_path, environ={variable: "[ {"})

        assert any(line.startswith(f"{variable}: ") for line in told)


class TestFaults:
    """What is told of a bad configuration."""

    @pytest.mark.parametrize(("text", "expected"), table("setting_faults.txt"))
    def test_a_fault_names_file_setting_and_what_fits(
        self, tmp_path: Path, text: str, expected: str
    ) -> None:
        """Each bad value is one line, and the only one."""
        assert faults(tmp_path, text) == [f"exporter.yml: {expected}"]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (
                "api:\n  a: b: c\n",
                "line 2, column 7: mapping values are not allowed here",
            ),
            (
                "a: [1\n",
                "line 2, column 1: expected ',' or ']', but got '<stream end>'",
            ),
            ("a: {b: 1, b: 2}", "line 1, column 11: b is set twice"),
            ("a: *secret", "line 1, column 4: found undefined alias"),
            ("a: !secret", "line 1, column 4: could not determine a constructor"),
            ("a: 2026-99-99", "a date or number is out of range"),
            ("a: \x01", "a character is not allowed"),
            ("[" * 1000, "expected YAML that is nested less deeply"),
            (b"a: \xff", "expected text in UTF-8"),
        ],
    )
    def test_what_is_no_yaml_is_one_fault_with_its_place(
        self, tmp_path: Path, text: str | bytes, expected: str
    ) -> None:
        """Syntax errors have line and column, and quote nothing of the file."""
        (line,) = faults(tmp_path, text)

        assert line.replace("expected YAML: ", "").startswith(
            f"exporter.yml: {expected}"
        )
        assert "secret" not in line

    def test_a_file_that_cannot_be_read_is_one_fault(self, tmp_path: Path) -> None:
        """A missing file and a folder are told in the system's words."""
        missing, folder = tmp_path / "missing.yml", tmp_path

        for file, reason in ((missing, "No such file"), (folder, "Is a directory")):
            with pytest.raises(ConfigurationError, match=reason) as caught:
                load(flags={}, environ={}, file=file)
            assert len(caught.value.faults) == 1
            assert caught.value.faults[0].startswith(f"{file}: cannot be read: ")

    @pytest.mark.parametrize("name", ["a\0b", "", "a\nb"])
    def test_a_file_that_cannot_be_is_one_line(self, name: str) -> None:
        """A name that no file can have, or that breaks a line, is told all the same."""
        with pytest.raises(ConfigurationError) as caught:
            load(flags={}, environ={"ROCKETMQ_DR_CONFIG__FILE": name}, file=None)

        (line,) = caught.value.faults
        assert line.isprintable()
        assert "expected the path" in line or "cannot be read" in line

    @pytest.mark.parametrize(
        ("variable", "text", "expected"),
        [
            ("PLANS", "{id: 1}", "a list of plans"),
            ("PLANS", "1", "a list of plans"),
            (
                "GROUPS__INCLUDE",
                "\udc80",
                "an RE2 regular expression: not Unicode text",
            ),
            ("API__REGION", "\udc80", "a region name such as cn-hangzhou"),
            ("API__REGION", "", "a region name such as cn-hangzhou"),
            ("API__PAGE_SIZE", "1_0", "a whole number from 1 to 1000"),
            ("API__PAGE_SIZE", "9" * 5000, "a whole number from 1 to 1000"),
            ("API__REQUESTS_PER_SECOND", "nan", "a number above 0"),
            ("WEB__ENABLE_LIFECYCLE", "1", "true or false"),
        ],
    )
    def test_a_bad_variable_is_told(
        self, tmp_path: Path, variable: str, text: str, expected: str
    ) -> None:
        """Text that is no Unicode, empty or too long is no crash."""
        (line,) = faults(tmp_path, environ={f"ROCKETMQ_DR_{variable}": text})

        assert line.startswith(f"ROCKETMQ_DR_{variable}: ")
        assert line.endswith(f": expected {expected}")

    def test_all_faults_are_told_each_with_its_origin(self, tmp_path: Path) -> None:
        """File, variable and flag each get the line of what they said."""
        told = faults(
            tmp_path,
            "api: {page_size: x}\nlog: 1",
            environ={
                "ROCKETMQ_DR_POLL__INTERVAL": "90",
                "ROCKETMQ_DR_PLANS": "[{id: x}]",
                "ROCKETMQ_DR_GROUPS__INCLUDE": "[a-z]+",
            },
            flags={"web.max_requests": "-1"},
        )

        assert sorted(told) == [
            "--web.max-requests: expected a whole number of at least 0",
            (
                "ROCKETMQ_DR_GROUPS__INCLUDE: expected a list of RE2 regular "
                "expressions, as JSON or separated by commas"
            ),
            "ROCKETMQ_DR_PLANS: plans[0].id: expected an id made of digits",
            (
                "ROCKETMQ_DR_POLL__INTERVAL: expected a duration such as 90s or 1m30s, "
                "above 0"
            ),
            "exporter.yml: api.page_size: expected a whole number from 1 to 1000",
            "exporter.yml: log: expected a mapping of settings",
        ]

    @pytest.mark.parametrize(
        "text",
        [
            f"api: {{access_key_secret: [{CANARY}]}}",
            f"api: {{access_key_secret: *{CANARY}}}",
            f"api: {{access_key_secret: !{CANARY} x}}",
            f"api: {{access_key_secret: {CANARY}}}",
            f"api: {{access_key_id: 1, access_key_secret: '{CANARY} '}}",
            f"api:\n access_key_secret:{CANARY}\n page_size: 1",
            f"api: {{endpoint: 'https://user:{CANARY}@host'}}",
            f"api: {{page_size: {CANARY}}}",
            f"api: {CANARY}",
            f"plans: [{{id: {CANARY}}}]",
            f"{{'{CANARY}: 1': 2}}",
        ],
    )
    def test_no_fault_shows_a_value_of_the_file(
        self, tmp_path: Path, text: str
    ) -> None:
        """A secret in any place, the wrong one too, is in no line."""
        assert CANARY not in str(faults(tmp_path, text))

    @pytest.mark.parametrize("knob", knobs(), ids=lambda knob: knob.path)
    def test_no_fault_shows_a_variable_or_flag(self, tmp_path: Path, knob: Any) -> None:
        """No setting repeats what it was told, whether it fits or not."""
        bad = f"[{CANARY}: [{{"
        environ = {knob.environment: bad} if knob.environment else {}
        flags = {knob.path: bad} if knob.flag else {}
        broken = "log: {level: x}"

        with pytest.raises(ConfigurationError) as caught:
            loaded(tmp_path, broken, environ=environ, flags=flags)

        assert CANARY not in f"{caught.value} {caught.value!r}"
        assert caught.value.__suppress_context__ or caught.value.__context__ is None

    @settings(deadline=None)
    @given(
        document=strategies.recursive(
            strategies.none()
            | strategies.booleans()
            | strategies.integers()
            | strategies.floats()
            | strategies.text(),
            lambda inner: (
                strategies.lists(inner, max_size=3)
                | strategies.dictionaries(
                    strategies.sampled_from(
                        ["api", "plans", "web", "id", "region", "x"]
                    ),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        )
    )
    def test_any_document_is_settings_or_lines(
        self, tmp_path_factory: pytest.TempPathFactory, document: object
    ) -> None:
        """Whatever the file holds, `load` ends in settings or in single lines."""
        file = tmp_path_factory.getbasetemp() / "any.yml"
        file.write_text(json.dumps(document))

        outcome: Settings | tuple[str, ...]
        try:
            outcome = load(flags={}, environ={}, file=file).settings
        except ConfigurationError as error:
            outcome = error.faults

        assert isinstance(outcome, Settings) or all(map(str.isprintable, outcome))
        assert outcome


class TestCredentials:
    """Which credentials go together."""

    @pytest.mark.parametrize(
        ("text", "alone"),
        [
            ("access_key_secret: s", "access_key_secret"),
            ("access_key_secret_file: s", "access_key_secret_file"),
            ("security_token: s", "security_token"),
            ("security_token_file: s", "security_token_file"),
        ],
    )
    def test_a_secret_needs_its_id(self, tmp_path: Path, text: str, alone: str) -> None:
        """What no key id goes with cannot be used."""
        told = faults(tmp_path, f"api: {{{text}}}")

        assert told == [
            f"exporter.yml: api.{alone}: expected api.access_key_id beside it"
        ]

    @pytest.mark.parametrize("token", ["", ", security_token: t"])
    def test_an_id_needs_its_secret(self, tmp_path: Path, token: str) -> None:
        """An id alone, or with a token alone, signs nothing."""
        told = faults(tmp_path, f"api: {{access_key_id: a{token}}}")

        assert told == [
            (
                "exporter.yml: api.access_key_id: expected api.access_key_secret or "
                "api.access_key_secret_file beside it"
            )
        ]

    def test_a_secret_told_twice_is_a_fault(self, tmp_path: Path) -> None:
        """Text and file cannot both hold, though they come from two sources."""
        told = faults(
            tmp_path,
            "api: {access_key_id: a, access_key_secret: s, security_token: t}",
            environ={"ROCKETMQ_DR_API__ACCESS_KEY_SECRET_FILE": "f"},
            flags={"api.security_token_file": "f"},
        )

        assert told == [
            (
                "ROCKETMQ_DR_API__ACCESS_KEY_SECRET_FILE: expected either this or "
                "api.access_key_secret, not both"
            ),
            (
                "--api.security-token-file: expected either this or "
                "api.security_token, not both"
            ),
        ]

    def test_secrets_are_kept_and_not_shown(self, tmp_path: Path) -> None:
        """The program gets at the secret; no text of the settings shows any of it."""
        environ = {
            "ROCKETMQ_DR_API__ACCESS_KEY_ID": f"id-{CANARY}",
            "ROCKETMQ_DR_API__ACCESS_KEY_SECRET": f"secret-{CANARY}",
            "ROCKETMQ_DR_API__SECURITY_TOKEN": f"token-{CANARY}",
        }

        found = loaded(tmp_path, environ=environ)

        api = found.settings.api
        assert api.access_key_id == f"id-{CANARY}"
        assert api.access_key_secret is not None
        assert api.access_key_secret.get_secret_value() == f"secret-{CANARY}"
        assert CANARY not in repr(found)
        assert CANARY not in str(found.settings)


class TestPlans:
    """What is told of single plans."""

    def test_a_plan_falls_back_on_what_holds_for_all(self) -> None:
        """Region and each objective are the plan's, else everyone's."""
        found = Settings.model_validate(
            {
                "api": {"region": "cn-beijing"},
                "objectives": {"lag": "1m", "age": "2m"},
                "plans": [
                    {"id": 1, "region": "cn-shanghai", "objectives": {"lag": "0"}},
                    {"id": 2, "items": [7, "7", "8"]},
                ],
            }
        )

        first, second = found.plans
        assert found.region_of(first) == "cn-shanghai"
        assert found.region_of(second) == "cn-beijing"
        assert second.items == ("7", "8")
        assert found.objectives_for("1").lag == timedelta()
        assert found.objectives_for("1").age == timedelta(minutes=2)
        assert found.objectives_for("2") == found.objectives
        assert found.objectives_for("discovered") == found.objectives


class TestAddresses:
    """Where requests go and where we listen."""

    @pytest.mark.parametrize(
        ("api", "expected"),
        [
            ({}, "https://rocketmq.cn-x.aliyuncs.com"),
            ({"network": "vpc"}, "https://rocketmq-vpc.cn-x.aliyuncs.com"),
            ({"endpoint": "api.example"}, "https://api.example"),
            ({"endpoint": "api.example:8443"}, "https://api.example:8443"),
            ({"endpoint": "https://API.example/"}, "https://api.example"),
            ({"endpoint": "http://localhost:80"}, "http://localhost:80"),
            ({"endpoint": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
            ({"endpoint": "http://[::1]:1"}, "http://[::1]:1"),
        ],
    )
    def test_the_endpoint_is_the_regions_or_the_override(
        self, api: dict[str, str], expected: str
    ) -> None:
        """Region and network make the host unless an endpoint is given."""
        found = Settings.model_validate({"api": api})

        assert found.endpoint_for("cn-x") == expected

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "http://example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://0.0.0.0",
            "ftp://localhost",
            "https://user@example.com",
            "https://user:password@example.com",
            "https://example.com/path",
            "https://example.com?query",
            "https://example.com#fragment",
            "https://example.com\t",
            "https://exam ple.com",
            "https://example.com:x",
            "https://example.com:99999",
            "https://[::1",
            "//example.com",
        ],
    )
    def test_endpoints_that_could_leak_are_refused(self, text: str) -> None:
        """Plain http beyond loopback, and anything but scheme, host and port."""
        with pytest.raises(ValueError, match=r"^(expected|Port|Invalid)"):
            endpoint_url(text)
        with pytest.raises(ValidationError):
            Settings.model_validate({"api": {"endpoint": text}})

    def test_a_region_from_the_api_cannot_choose_the_host(self) -> None:
        """A region is checked again where it enters a host name."""
        with pytest.raises(ValueError, match="expected a region name"):
            Settings().endpoint_for("evil.example/#")

    @pytest.mark.parametrize(
        "text",
        ["", "10063", "host", ":65536", "[::1:1", "[127.0.0.1]:1", "a b:1", ":-1"],
    )
    def test_what_cannot_be_listened_on_is_refused(self, text: str) -> None:
        """An address needs a port that exists."""
        with pytest.raises(ValueError, match="expected an address"):
            split_address(text)

    @pytest.mark.parametrize(
        "path",
        ["/", "", "metrics", "//evil", "/a/../b", "/{x}", "/a b", "/a?b", "/-/healthy",
         "/-/ready", "/-/reload", "/-/reload/"],
    )  # fmt: skip
    def test_the_telemetry_path_is_a_path_of_its_own(self, path: str) -> None:
        """It cannot hide another page, nor be a pattern or another host."""
        with pytest.raises(ValidationError):
            Settings.model_validate({"web": {"telemetry_path": path}})

    @pytest.mark.parametrize("path", ["/metrics", "/a/b.c_d-e~", "/-/metrics", "/m/"])
    def test_other_telemetry_paths_are_welcome(self, path: str) -> None:
        """Nested paths and a slash at the end are fine."""
        found = Settings.model_validate({"web": {"telemetry_path": path}})

        assert found.web.telemetry_path == path


class TestNameFilter:
    """Which names are wanted."""

    def test_expressions_match_whole_names(self) -> None:
        """An expression is anchored at both ends, whatever alternatives it has."""
        orders = NameFilter(include=("order|pay",))

        assert orders.admits("order")
        assert orders.admits("pay")
        assert not orders.admits("orders")
        assert not orders.admits("repay")

    def test_a_dot_matches_a_line_break(self) -> None:
        """As in Prometheus: the default leaves out no name that the API may send."""
        assert NameFilter().admits("a\nb")

    def test_exclusion_wins(self) -> None:
        """What both match is left out, and no expression admits nothing."""
        assert not NameFilter(include=("a.*",), exclude=("ab",)).admits("ab")
        assert not NameFilter(include=()).admits("a")

    @given(name=strategies.text())
    @settings(deadline=None)
    def test_the_default_admits_any_name(self, name: str) -> None:
        """Line breaks and any script are matched by a dot."""
        assert NameFilter().admits(name)

    def test_a_bad_expression_prints_nothing(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """RE2 does not write the expression to stderr on its own."""
        with pytest.raises(ValidationError):
            NameFilter(include=("(",))

        assert capfd.readouterr() == ("", "")


class TestDurations:
    """Durations as Prometheus writes them."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("500ms", timedelta(milliseconds=500)),
            ("1h", timedelta(hours=1)),
            ("1y2w3d4h5m6s7ms", timedelta(365 + 14 + 3, 6, 0, 7, 5, 4)),
            ("292y", timedelta(292 * 365)),
            ("0", timedelta()),
            ("0s", timedelta()),
        ],
    )
    def test_units_add_up(self, text: str, expected: timedelta) -> None:
        """Each unit counts, in its order."""
        assert parse_duration(text) == expected

    @pytest.mark.parametrize(
        "text",
        ["", "1", "-1s", "+1s", "1.5s", " 1s", "1s ", "1s\n", "1S", "1s1m", "1m1m", "s",
         "1us", "\u0661s", "293y", "9" * 19 + "y", "9" * 5000 + "s"],
    )  # fmt: skip
    def test_what_prometheus_refuses_is_refused(self, text: str) -> None:
        """Bare numbers, fractions, other orders and other units are no durations."""
        with pytest.raises(ValueError, match=r"^expected a duration"):
            parse_duration(text)

    @given(milliseconds=strategies.integers(min_value=0, max_value=10**12))
    def test_formatting_is_undone_by_parsing(self, milliseconds: int) -> None:
        """What is shown can be written into a file."""
        duration = timedelta(milliseconds=milliseconds)

        assert parse_duration(format_duration(duration)) == duration


class TestDocumentation:
    """What docs/ says of the settings."""

    def test_the_example_is_every_setting_with_its_default(self) -> None:
        """docs/example.yaml loads, to the defaults."""
        file = ROOT / "docs" / "example.yaml"
        text = file.read_text(encoding="utf-8")

        assert load(flags={}, environ={}, file=file).settings == Settings()
        for knob in knobs():
            if "[]" not in knob.path:
                assert f"{knob.path.rpartition('.')[2]}:" in text

    def test_the_plan_of_the_example_loads(self, tmp_path: Path) -> None:
        """The commented plan is one that could be used."""
        file = ROOT / "docs" / "example.yaml"
        lines = file.read_text(encoding="utf-8").split("plans: []\n")[1].splitlines()
        commented = [line[2:] for line in lines if line.startswith("# ")]
        plan = "\n".join(commented[:7])

        (found,) = loaded(tmp_path, plan).settings.plans

        assert found.source_instances == ("rmq-cn-7e22ody0001",)
        assert found.objectives.age == timedelta(minutes=10)

    def test_every_setting_is_documented(self) -> None:
        """docs/configuration.md has a row for each, with flag and variable."""
        file = ROOT / "docs" / "configuration.md"
        text = file.read_text(encoding="utf-8")

        for knob in knobs():
            row = next(
                x for x in text.splitlines() if x.startswith(f"| `{knob.path}` |")
            )
            assert (knob.flag or "| - |") in row
            assert (knob.environment or "| - |") in row
            assert knob.description in row
