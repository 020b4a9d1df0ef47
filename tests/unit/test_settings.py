"""What configurations mean, and that a bad one is told in lines without values."""

from collections.abc import Mapping
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import yaml
from paths import ROOT, TESTDATA
from pydantic import ValidationError

from exporter.config.catalogue import setting_specs
from exporter.config.load import ConfigurationError, load, unknown_variables
from exporter.config.settings import NameFilter, Settings
from exporter.model.types import Limits

CANARY = "hunter2-canary"
DOCS = ROOT / "docs"


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
) -> Settings:
    """Load a file of this text, variables without our prefix, and flags."""
    file = None
    if text is not None:
        file = tmp_path / "exporter.yml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    variables = {f"ROCKETMQ_DR_{k}": v for k, v in (environ or {}).items()}
    return load(flags=flags or {}, environ=variables, file=file)


def faults(tmp_path: Path, text: str | bytes | None = None, **given: Any) -> list[str]:
    """Return the faults of a configuration, without the folder of its file."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text, **given)
    assert CANARY not in f"{caught.value} {caught.value!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    lines = [line.replace(f"{tmp_path}/", "") for line in caught.value.faults]
    assert all(line.isprintable() for line in lines)
    return lines


def test_the_example_holds_every_setting_with_its_default(tmp_path: Path) -> None:
    """docs/example.yaml loads to the defaults, and so does its commented plan."""
    file = DOCS / "example.yaml"
    text = file.read_text(encoding="utf-8")
    plan = text.split("plans: []")[1].replace("\n# ", "\n")

    assert load(flags={}, environ={}, file=file) == Settings()
    for path in setting_specs():
        assert "[]" in path or f"{path.rpartition('.')[2]}:" in text
    assert loaded(tmp_path, plan).plans[0].objectives.age == timedelta(minutes=20)


@pytest.mark.parametrize(
    "text",
    ["", "# a comment\n", "---\n", "\ufeff", "api:\npoll: {interval: null}\nplans:\n"],
)
def test_a_file_that_says_nothing_leaves_the_defaults(
    tmp_path: Path, text: str
) -> None:
    """Empty files, comments and keys without a value."""
    assert loaded(tmp_path, text) == Settings()


def test_settings_cannot_be_changed() -> None:
    """Settings are frozen: a reload makes new ones."""
    with pytest.raises(ValidationError, match="frozen"):
        Settings().api.page_size = 7  # type: ignore[misc]  # what is tested


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    """Each of four settings is given by one source more than the one before."""
    found = loaded(
        tmp_path,
        "api: {page_size: 50, max_concurrency: 1, requests_per_second: 1}",
        environ={"API__MAX_CONCURRENCY": "2", "API__REQUESTS_PER_SECOND": "2"},
        flags={"api.requests_per_second": "3"},
    ).api

    assert found.page_size == 50
    assert found.max_concurrency == 2
    assert found.requests_per_second == 3
    assert found.timeout == timedelta(seconds=10)


def test_the_regions_in_use_are_those_of_the_plans_else_of_discovery(
    tmp_path: Path,
) -> None:
    """One plan may be elsewhere; a region that is named twice is asked once."""
    regions = {
        "": ("cn-hangzhou",),
        "api: {region: cn-x, regions: []}": ("cn-x",),
        "api: {regions: [cn-b, cn-a, cn-b]}": ("cn-b", "cn-a"),
        "plans: [{id: 1, region: cn-y}, {id: 2}, {id: 3}]": ("cn-y", "cn-hangzhou"),
    }

    assert {text: loaded(tmp_path, text).regions for text in regions} == regions


def test_a_flag_changes_one_of_two_sections_that_share_an_alias(tmp_path: Path) -> None:
    """YAML gives both names the same mapping."""
    found = loaded(
        tmp_path,
        "groups: &same {exclude: [a]}\ntopics: *same",
        flags={"groups.exclude": "b"},
    )

    assert (found.groups.exclude, found.topics.exclude) == (("b",), ("a",))


def test_only_load_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's own variables count where the caller hands them over."""
    monkeypatch.setenv("ROCKETMQ_DR_API__REGION", "cn-x")

    assert load(flags={}, environ={}, file=None) == Settings()


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    """ROCKETMQ_DR_CONFIG__FILE is used where no flag names a file."""
    by_variable, by_flag = tmp_path / "variable.yml", tmp_path / "flag.yml"
    by_variable.write_text("api: {region: variable}")
    by_flag.write_text("api: {region: flag}")
    environ = {"ROCKETMQ_DR_CONFIG__FILE": str(by_variable)}

    first = load(flags={}, environ=environ, file=None)
    second = load(flags={}, environ=environ, file=by_flag)

    assert first.api.region == "variable"
    assert second.api.region == "flag"


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        # A list is JSON or separated by commas, has each entry once, and replaces all.
        ("WEB__LISTEN_ADDRESS", ":1", (":1",)),
        ("WEB__LISTEN_ADDRESS", ":1, :2 ,", (":1", ":2")),
        ("WEB__LISTEN_ADDRESS", '[":1",":2",":1"]', (":1", ":2")),
        ("WEB__LISTEN_ADDRESS", " [':1'] ", (":1",)),
        ("GROUPS__EXCLUDE", "b", ("b",)),
        ("GROUPS__EXCLUDE", "", ()),
        ("PLANS", "[]", ()),
        ("PLANS", "", ()),
        # As in exporter-toolkit, where the flag without a value switches it off.
        ("WEB__CONFIG_FILE", "", None),
        ("WEB__TELEMETRY_PATH", "/a/b.c_d-e~", "/a/b.c_d-e~"),
        ("WEB__TELEMETRY_PATH", "/-/metrics/", "/-/metrics/"),
        ("WEB__ENABLE_LIFECYCLE", "TRUE", True),
        ("WEB__ENABLE_LIFECYCLE", "false", False),
    ],
)
def test_the_text_of_a_variable_is_read_as_it_is_meant(
    tmp_path: Path, variable: str, text: str, expected: object
) -> None:
    """It takes the place of what the file says, and leaves the rest of the file."""
    file = """
        plans: [{id: 1}]
        groups: {include: [a], exclude: [c, d]}
        web: {config_file: web.yml, enable_lifecycle: true}
        """

    found = loaded(tmp_path, file, environ={variable: text})

    path = variable.lower().replace("__", ".")
    assert attrgetter(path)(found) == expected
    assert found.groups.include == ("a",)


def test_unknown_variables_are_told_with_the_nearest_name() -> None:
    """A section's own variable is unknown too; what Kubernetes injects is not told."""
    environ = {
        "API__REGOIN": CANARY,
        "API": "{}",
        "EXPORTER_PORT": "tcp://10.0.0.1:10063",
        "EXPORTER_SERVICE_HOST": "10.0.0.1",
        "ZZZ__YYYYYYYYYYYYYYYYYYYY": "1",
    }

    told = unknown_variables({f"ROCKETMQ_DR_{k}": v for k, v in environ.items()})

    unknown, region = "unknown variable", "ROCKETMQ_DR_API__REGION"
    assert [line.partition(",")[0] for line in told] == [
        f"ROCKETMQ_DR_API: {unknown}",
        f"ROCKETMQ_DR_API__REGOIN: {unknown}",
        f"ROCKETMQ_DR_ZZZ__YYYYYYYYYYYYYYYYYYYY: {unknown}",
    ]
    assert told[1].endswith(f", did you mean {region}?")
    assert told[2].endswith(unknown)


@pytest.mark.parametrize(("text", "expected"), table("setting_faults.txt"))
def test_a_fault_names_file_setting_and_what_fits(
    tmp_path: Path, text: str, expected: str
) -> None:
    """Each bad value is one line, and the only one."""
    assert faults(tmp_path, text) == [f"exporter.yml: {expected}"]


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("PLANS", "{id: 1}", "a list of plans, as JSON or separated by commas"),
        ("PLANS", "1", "a list of plans, as JSON or separated by commas"),
        ("PLANS", "[" * 1000, "a list of plans, as JSON or separated by commas"),
        (
            "GROUPS__INCLUDE",
            "[a-z]+",
            "a list of RE2 regular expressions, as JSON or separated by commas",
        ),
        ("GROUPS__INCLUDE", "\udc80", "an RE2 regular expression: not Unicode text"),
        ("API__REGION", "\udc80", "a region name such as cn-hangzhou"),
        ("API__REGION", "", "a region name such as cn-hangzhou"),
        ("API__PAGE_SIZE", "9" * 5000, "auto or a whole number from 10 to 10000"),
        ("API__REQUESTS_PER_SECOND", "nan", "a number above 0"),
        ("WEB__ENABLE_LIFECYCLE", "maybe", "true or false"),
        # More replicas than shards, and a Kubernetes that labels no ordinals.
        ("SHARD__INDEX", "8", "a whole number below shard.total"),
        ("SHARD__INDEX", "", "a whole number of at least 0"),
    ],
)
def test_a_bad_variable_is_told(
    tmp_path: Path, variable: str, text: str, expected: str
) -> None:
    """Text that is no Unicode, empty or too long is no crash."""
    (line,) = faults(tmp_path, environ={variable: text})

    assert line.startswith(f"ROCKETMQ_DR_{variable}: ")
    assert line.endswith(f": expected {expected}")


def test_all_faults_are_told_each_with_its_origin(tmp_path: Path) -> None:
    """File, variable and flag each get the line of what they said."""
    found = faults(
        tmp_path,
        "api: {page_size: x}\nlog: 1",
        environ={
            "POLL__INTERVAL": "x",
            "PLANS": "[{id: x}]",
            "GROUPS__INCLUDE": "[a-z]+",
            "LOG__LEVEL": "info",
        },
        flags={"web.max_requests": "-1"},
    )

    assert sorted(line.partition(": expected")[0] for line in found) == [
        "--web.max-requests",
        "ROCKETMQ_DR_GROUPS__INCLUDE",
        "ROCKETMQ_DR_PLANS: plans[0].id",
        "ROCKETMQ_DR_POLL__INTERVAL",
        "exporter.yml: api.page_size",
        "exporter.yml: log",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api:\n  a: b: c\n", "line 2, column 7: expected YAML: mapping values are"),
        ("a: [1\n", "line 2, column 1: expected YAML: expected ',' or ']', but got '<"),
        ("a: {b: 1, b: 2}", "line 1, column 11: expected YAML: b is set twice"),
        (f"a: *{CANARY}", "line 1, column 4: expected YAML: found undefined alias"),
        (f"a: !{CANARY}", "line 1, column 4: expected YAML: could not determine"),
        ("a: 2026-99-99", "cannot be read as YAML in UTF-8 (ValueError)"),
        ("a: \x01", "cannot be read as YAML in UTF-8 (ReaderError)"),
        ("[" * 1000, "cannot be read as YAML in UTF-8 (RecursionError)"),
        (b"a: \xff", "cannot be read as YAML in UTF-8 (UnicodeDecodeError)"),
    ],
)
def test_what_is_no_yaml_is_one_fault_with_its_place(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    """Syntax errors have line and column, and quote nothing of the file."""
    (line,) = faults(tmp_path, text)

    assert line.startswith(f"exporter.yml: {expected}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing.yml", "missing.yml: cannot be read: No such file or directory"),
        (".", ".: cannot be read: Is a directory"),
        ("", ".: cannot be read: Is a directory"),
        ("a\0b", "a?b: cannot be read as YAML in UTF-8 (ValueError)"),
        ("a\nb\n", "a?b?: cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(
    name: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the system's words; a name that breaks a line does not."""
    monkeypatch.chdir(tmp_path)

    assert faults(tmp_path, environ={"CONFIG__FILE": name}) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        f"api: {{access_key_secret: [{CANARY}]}}",
        f"api: {{access_key_secret: {CANARY}, access_key_id: ''}}",
        f"api: {{access_key_id: 1, access_key_secret: '{CANARY} '}}",
        f"api:\n access_key_secret:{CANARY}\n page_size: 1",
        f"api: {{endpoint: 'https://user:{CANARY}@host'}}",
        f"api: {{page_size: {CANARY}}}",
        f"api: {CANARY}",
        f"plans: [{{id: {CANARY}}}]",
        f"{{'{CANARY}: 1': 2}}",
    ],
)
def test_no_fault_shows_a_value_of_the_file(tmp_path: Path, text: str) -> None:
    """A secret in any place, the wrong one too, is in no line."""
    assert faults(tmp_path, text)


@pytest.mark.parametrize("path", [p for p in setting_specs() if "[]" not in p])
def test_every_variable_and_flag_is_read_and_not_shown(
    tmp_path: Path, path: str
) -> None:
    """A bad value is a fault that names where it stands and does not repeat it."""
    spec = setting_specs()[path]
    broken = "log: {level: x}"
    bad = f"[{CANARY}: [{{"
    variable = str(spec.environment).removeprefix("ROCKETMQ_DR_")

    by_variable = faults(tmp_path, broken, environ={variable: bad})
    by_flag = faults(tmp_path, broken, flags={path: bad})

    accepts_any = path in {"web.config_file", "ha.kubeconfig_file"}
    for origin, lines in ((spec.environment, by_variable), (spec.flag, by_flag)):
        is_told = any(line.startswith(f"{origin or path}: ") for line in lines)
        assert is_told is not accepts_any


ID_BESIDE = "expected api.access_key_id or api.access_key_id_file beside it"
SECRET_BESIDE = "expected api.access_key_secret or api.access_key_secret_file beside it"
NOT_BOTH = "expected either this or api.{}, not both"
KEY_ID, SECRET, TOKEN = "access_key_id", "access_key_secret", "security_token"


@pytest.mark.parametrize(
    ("names", "wrong", "expected"),
    [
        ([SECRET], SECRET, ID_BESIDE),
        ([f"{SECRET}_file"], f"{SECRET}_file", ID_BESIDE),
        ([TOKEN], TOKEN, ID_BESIDE),
        ([f"{TOKEN}_file"], f"{TOKEN}_file", ID_BESIDE),
        ([KEY_ID], KEY_ID, SECRET_BESIDE),
        ([f"{KEY_ID}_file", TOKEN], f"{KEY_ID}_file", SECRET_BESIDE),
        ([KEY_ID, f"{KEY_ID}_file"], f"{KEY_ID}_file", NOT_BOTH.format(KEY_ID)),
        ([SECRET, f"{SECRET}_file"], f"{SECRET}_file", NOT_BOTH.format(SECRET)),
        ([TOKEN, f"{TOKEN}_file"], f"{TOKEN}_file", NOT_BOTH.format(TOKEN)),
    ],
)
def test_half_of_a_key_pair_and_a_secret_given_twice_are_faults(
    tmp_path: Path, names: list[str], wrong: str, expected: str
) -> None:
    """They sign nothing, and must not fall back on another credential."""
    found = faults(tmp_path, yaml.safe_dump({"api": dict.fromkeys(names, "x")}))

    assert found == [f"exporter.yml: api.{wrong}: {expected}"]


def test_secrets_are_kept_and_not_shown(tmp_path: Path) -> None:
    """The program gets at the secret; no text of the settings shows any of it."""
    environ = {
        "API__ACCESS_KEY_ID": f"id-{CANARY}",
        "API__ACCESS_KEY_SECRET": f"secret-{CANARY}",
        "API__SECURITY_TOKEN": f"token-{CANARY}",
    }

    found = loaded(tmp_path, environ=environ)

    api = found.api
    assert api.access_key_id == f"id-{CANARY}"
    assert api.access_key_secret is not None
    assert api.access_key_secret.get_secret_value() == f"secret-{CANARY}"
    assert CANARY not in f"{found!r} {found}"


def test_a_plan_falls_back_on_what_holds_for_all() -> None:
    """Region and each objective are the plan's, else everyone's; 0 switches one off."""
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
    assert found.limits_for("1", is_auto_synced=True) == Limits(
        0.0, 120.0, 0.99, is_auto_synced=True
    )
    for plan_id in ("2", "discovered"):
        limits = found.limits_for(plan_id, is_auto_synced=False)
        assert limits == Limits(60.0, 120.0, 0.99)


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
    api: dict[str, str], expected: str
) -> None:
    """Region and network make the host unless an endpoint is given."""
    assert Settings.model_validate({"api": api}).endpoint_for("cn-x") == expected


def test_a_region_from_the_api_cannot_choose_the_host() -> None:
    """A region is checked again where it enters a host name."""
    with pytest.raises(ValueError, match="expected a region name"):
        Settings().endpoint_for("evil.example/#")


REFUSED = {
    # Plain http beyond this machine, and anything but scheme, host and port.
    "api.endpoint": [
        *("", "http://example.com", "http://127.0.0.1.example.com", "//example.com"),
        *("http://localhost.example.com", "http://0.0.0.0", "ftp://localhost"),
        *("https://user@example.com", "https://user:password@example.com"),
        *("https://example.com/path", "https://example.com?query", "https://[::1"),
        *("https://example.com#fragment", "https://example.com\t"),
        *("https://exam ple.com", "https://example.com:x", "https://example.com:99999"),
    ],
    # An address needs a port that exists.
    "web.listen_address": [
        *("10063", "host", ":65536", "[::1:1", "[127.0.0.1]:1", "a b:1", ":-1"),
    ],
    # The page is no other page, no pattern and on no other host.
    "web.telemetry_path": [
        *("/", "", "metrics", "//evil", "/a/../b", "/{x}", "/a b", "/a?b"),
        *("/-/healthy", "/-/ready", "/-/reload", "/-/reload/"),
    ],
}


@pytest.mark.parametrize(
    ("path", "text"), [(path, text) for path in REFUSED for text in REFUSED[path]]
)
def test_what_could_leak_or_hide_something_is_refused(
    tmp_path: Path, path: str, text: str
) -> None:
    """One fault, and it is that of the setting."""
    is_list = setting_specs()[path].shape == "list"

    (line,) = faults(tmp_path, flags={path: [text] if is_list else text})

    assert line.startswith(str(setting_specs()[path].flag))


@pytest.mark.parametrize(
    ("include", "exclude", "accepted", "refused"),
    [
        (("order|pay",), (), "pay", "orders"),
        (("order|pay",), (), "order", "repay"),
        (("a.*",), ("ab",), "abc", "ab"),
        ((".*",), ("a",), "a\nb", "a"),
    ],
)
def test_expressions_match_whole_names_and_exclusion_wins(
    include: tuple[str, ...], exclude: tuple[str, ...], accepted: str, refused: str
) -> None:
    """A dot matches a line break too, so the default leaves out no name."""
    names = NameFilter(include=include, exclude=exclude)

    assert names.accepts(accepted)
    assert not names.accepts(refused)
    assert not NameFilter(include=()).accepts(accepted)


def test_a_bad_expression_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """RE2 does not write the expression to stderr on its own."""
    with pytest.raises(ValidationError):
        NameFilter(include=("(",))

    assert capfd.readouterr() == ("", "")
