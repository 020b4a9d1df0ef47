"""What a command line means, and that a bad one is told in one line."""

from pathlib import Path

import pytest

from exporter import __version__
from exporter.app.flags import build_parser, setting_flags
from exporter.config import ConfigurationError, Settings, load
from exporter.config.catalogue import SettingSpec, setting_specs

PARSER = build_parser()
CANARY = "hunter2-canary"
COMMANDS = ("serve", "poll", "check", "simulate", "demo")
WITH_FLAG = [spec for spec in setting_specs().values() if spec.flag]


def given(*arguments: str) -> dict[str, object]:
    """Return the settings that these arguments tell."""
    return setting_flags(PARSER.parse_args(arguments))


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line that a bad command line is answered with."""
    with pytest.raises(SystemExit) as caught:
        PARSER.parse_args(arguments)
    printed = capsys.readouterr()
    assert caught.value.code == 2
    assert printed.out == ""
    assert printed.err.startswith("rocketmq-dr-exporter: ")
    assert printed.err.count("\n") == 1
    return printed.err.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("serve",),
        ("--log.level=debug",),
        ("serve", "--log.level=debug"),
        ("--config.file", "a.yml", "--log.level", "debug"),
    ],
)
def test_serve_is_what_happens_without_a_command(arguments: tuple[str, ...]) -> None:
    """The word serve may be left out, with flags and without."""
    assert PARSER.parse_args(arguments).command == "serve"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_known(command: str) -> None:
    """Each command parses by itself and says which one it is."""
    assert PARSER.parse_args([command]).command == command


@pytest.mark.parametrize("spec", WITH_FLAG, ids=lambda spec: spec.path)
@pytest.mark.parametrize("command", [(), ("serve",), ("poll",), ("check",)], ids=str)
def test_every_setting_has_a_flag_that_is_passed_on(
    spec: SettingSpec, command: tuple[str, ...]
) -> None:
    """A flag is told under its setting's path, as it was typed."""
    if spec.shape == "switch":
        assert given(*command, f"{spec.flag}") == {spec.path: True}
    else:
        value = given(*command, f"{spec.flag}=x")[spec.path]
        assert value == (["x"] if spec.shape == "list" else "x")


def test_secrets_have_no_flag(capsys: pytest.CaptureFixture[str]) -> None:
    """A secret on a command line is refused, told where it belongs, and not shown."""
    without = {
        k.path: k for k in setting_specs().values() if "[]" not in k.path and not k.flag
    }

    assert set(without) == {"api.access_key_secret", "api.security_token"}
    for flag, form in (
        ("--api.access-key-secret", f"={CANARY}"),
        ("--api.security-token", f"={CANARY}"),
    ):
        line = complaint(capsys, f"{flag}{form}")
        assert f"{flag}: a secret has no flag, set ROCKETMQ_DR_API__" in line
        assert CANARY not in line


def test_names_of_flags_are_those_users_of_prometheus_know() -> None:
    """Dotted, with dashes, and the web configuration as exporter-toolkit has it."""
    flags = {spec.path: spec.flag for spec in setting_specs().values()}

    assert flags["api.requests_per_second"] == "--api.requests-per-second"
    assert flags["web.listen_address"] == "--web.listen-address"
    assert flags["web.config_file"] == "--web.config.file"


def test_nothing_given_is_nothing_told() -> None:
    """A flag's default never hides what environment or file say."""
    for command in COMMANDS:
        assert given(command) == {}


def test_lists_repeat_and_are_not_split() -> None:
    """Each use of the flag is one entry, commas and all."""
    told = given("--groups.include=a{1,2}", "--groups.include", "b")

    assert told == {"groups.include": ["a{1,2}", "b"]}
    settings = load(flags=told, environ={}, file=None).settings
    assert settings.groups.include == ("a{1,2}", "b")


def test_plans_are_json_or_yaml() -> None:
    """All plans stand in one flag."""
    for text in ('[{"id": "13"}]', "[{id: 13}]", "- id: 13"):
        settings = load(flags=given("--plans", text), environ={}, file=None).settings
        assert [plan.id for plan in settings.plans] == ["13"]


def test_a_switch_can_be_turned_off() -> None:
    """The --no- form overrides the file, and the last one given holds."""
    assert given("--no-web.enable-lifecycle") == {"web.enable_lifecycle": False}
    assert given("--no-web.enable-lifecycle", "--web.enable-lifecycle") == {
        "web.enable_lifecycle": True
    }


def test_flags_reach_the_settings() -> None:
    """What is typed is what holds, and a bad value is told by its flag."""
    told = given("--web.listen-address=:0", "--web.max-requests", "7")

    settings = load(flags=told, environ={}, file=None).settings

    assert settings.web.listen_address == (":0",)
    assert settings.web.max_requests == 7
    with pytest.raises(ConfigurationError, match=r"^--web.max-requests: expected a wh"):
        load(flags=given("--web.max-requests=-1"), environ={}, file=None)


def test_the_file_is_named_by_a_flag() -> None:
    """The flag gives a path, and none when it is left out."""
    assert PARSER.parse_args(["--config.file=a.yml"]).config_file == Path("a.yml")
    assert PARSER.parse_args(["check"]).config_file is None


def test_poll_and_check_have_flags_of_their_own() -> None:
    """Unless told otherwise, poll prints a table and check makes no call."""
    assert PARSER.parse_args(["poll"]).output == "table"
    assert PARSER.parse_args(["poll", "--output=json"]).output == "json"
    assert PARSER.parse_args(["check"]).live is False
    assert PARSER.parse_args(["check", "--live"]).live is True


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_the_simulated_cloud_has_its_flags(command: str) -> None:
    """Sizes, scenario, seed and address have defaults and can be told."""
    default = PARSER.parse_args([command])
    told = PARSER.parse_args(
        [
            command,
            "--plans=3",
            "--items=4",
            "--groups=5",
            "--scenario=churn",
            "--seed=6",
        ]
    )

    assert default.listen_address == "127.0.0.1:10064"
    assert (default.scenario, default.seed) == ("mixed", 1)
    assert (told.plans, told.items, told.groups) == (3, 4, 5)
    assert (told.scenario, told.seed) == ("churn", 6)


def test_demo_takes_settings_beside_the_simulators_flags() -> None:
    """In demo --plans counts plans; the other settings are settings."""
    found = PARSER.parse_args(["demo", "--plans=3", "--web.listen-address=:0"])

    assert found.plans == 3
    assert setting_flags(found) == {"web.listen_address": [":0"]}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--api.regoin=x"], "unknown flag --api.regoin, did you mean --api.region?"),
        (["--api.reg=x"], "unknown flag --api.reg, did you mean --api.region?"),
        (["simulate", "--log.level=x"], "unknown flag --log.level, see --help"),
        (["demo", "--config.file=x"], "unknown flag --config.file, "),
        (
            ["serv"],
            "unknown command, expected one of serve, poll, check, simulate, demo",
        ),
        (["--log.level=info", "poll"], "an argument was not expected, see --help"),
        (["--api.region"], "argument --api.region: expected one argument"),
        (["poll", "--output=xml"], "argument --output: expected one of table, json, "),
        (["demo", "--scenario=x"], "argument --scenario: expected one of mixed, "),
        (
            ["demo", "--plans=0"],
            "argument --plans: expected a whole number of at least 1",
        ),
        (
            ["demo", "--seed=-1"],
            "argument --seed: expected a whole number of at least 0",
        ),
        (
            ["simulate", "--listen-address=x"],
            "argument --listen-address: expected an ad",
        ),
        (
            ["--web.enable-lifecycle=no"],
            "argument --web.enable-lifecycle: takes no valu",
        ),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    """No usage text buries the complaint."""
    assert f"rocketmq-dr-exporter: {expected}" in complaint(capsys, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        [CANARY],
        ["serve", CANARY],
        [f"--{CANARY}"],
        [f"--x={CANARY}"],
        [f"-{CANARY}"],
        ["--web.enable-lifecycle=" + CANARY],
        ["poll", f"--output={CANARY}\nx"],
        ["check", f"--live={CANARY}\nx"],
        ["simulate", f"--seed={CANARY}"],
        ["demo", f"--scenario={CANARY}"],
        ["demo", f"--listen-address={CANARY}"],
    ],
)
def test_bad_usage_repeats_no_value(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """A secret may have been typed in the wrong place."""
    assert CANARY not in complaint(capsys, *arguments)


@pytest.mark.parametrize(
    "command", [(), *((command,) for command in COMMANDS)], ids=str
)
def test_help_and_version_are_answered_everywhere(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    """Both print to stdout and exit with 0."""
    for flag, expected in (("--help", "usage: "), ("--version", __version__)):
        with pytest.raises(SystemExit) as caught:
            PARSER.parse_args([*command, flag])
        assert caught.value.code == 0
        assert expected in capsys.readouterr().out


def test_help_tells_every_flag_with_meaning_and_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The program's own help lists commands and settings."""
    with pytest.raises(SystemExit):
        PARSER.parse_args(["--help"])

    text = " ".join(capsys.readouterr().out.split())

    assert all(f" {command} " in text for command in COMMANDS)
    assert all(f" {spec.flag} " in text for spec in WITH_FLAG)
    assert "Time for one request, as a whole." in text
    assert "default: 10s)" in text
    assert ">>>" not in text


def test_settings_know_nothing_of_an_environment() -> None:
    """Defaults are the same whoever asks: only `load` reads variables."""
    assert Settings() == load(flags={}, environ={}, file=None).settings
