"""What a command line means, and that a bad one is answered with one line."""

import re
from pathlib import Path

import pytest

from exporter import __version__
from exporter.app.flags import parse_command_line, setting_flags
from exporter.config.catalogue import setting_specs
from exporter.config.load import ConfigurationError, load

CANARY = "hunter2-canary"
COMMANDS = ("serve", "poll", "check", "simulate", "demo")
WITH_FLAG = {path: spec for path, spec in setting_specs().items() if spec.flag}


def given(*words: str) -> dict[str, object]:
    """Return the settings that a command line gives."""
    return setting_flags(parse_command_line(words))


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the one line that a bad command line is answered with."""
    with pytest.raises(SystemExit) as caught:
        parse_command_line(words)
    printed = capsys.readouterr()
    assert caught.value.code == 2
    assert printed.out == ""
    assert printed.err.startswith("rocketmq-dr-exporter: ")
    assert printed.err.count("\n") == 1
    return printed.err.strip()


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ((), "serve"),
        (("--log.level=debug",), "serve"),
        (("--config.file", "a.yml", "--log.level", "debug"), "serve"),
        *(((command,), command) for command in COMMANDS),
    ],
)
def test_serve_is_what_happens_without_a_command(
    words: tuple[str, ...], command: str
) -> None:
    """The word serve may be left out, with flags and without."""
    assert parse_command_line(words).command == command


@pytest.mark.parametrize("command", [(), ("serve",), ("poll",), ("check",)], ids=str)
def test_every_setting_has_a_flag_that_is_passed_on(command: tuple[str, ...]) -> None:
    """A flag arrives under its setting's path, as typed; otherwise not at all."""
    forms = {"switch": "{}", "list": "{}=x", "text": "{}=x", "document": "{}=x"}
    values = {"switch": True, "list": ["x"], "text": "x", "document": "x"}
    words = [forms[each.shape].format(each.flag) for each in WITH_FLAG.values()]

    told = given(*command, *words)

    assert told == {path: values[each.shape] for path, each in WITH_FLAG.items()}
    assert given(*command) == {}


def test_names_of_flags_are_those_users_of_prometheus_know() -> None:
    """Dotted, with dashes, and the web configuration as exporter-toolkit has it."""
    assert WITH_FLAG["api.requests_per_second"].flag == "--api.requests-per-second"
    assert WITH_FLAG["web.listen_address"].flag == "--web.listen-address"
    assert WITH_FLAG["web.config_file"].flag == "--web.config.file"


def test_lists_repeat_and_are_not_split() -> None:
    """Each use of the flag is one entry, commas and all."""
    flags = given("--groups.include=a{1,2}", "--groups.include", "b")

    settings = load(flags=flags, environ={}, file=None)

    assert settings.groups.include == ("a{1,2}", "b")


@pytest.mark.parametrize("text", ['[{"id": "13"}]', "[{id: 13}]", "- id: 13"])
def test_plans_are_json_or_yaml(text: str) -> None:
    """All plans stand in one flag."""
    settings = load(flags=given("--plans", text), environ={}, file=None)

    assert [plan.id for plan in settings.plans] == ["13"]


def test_a_switch_can_be_turned_off() -> None:
    """The --no- form overrides the file, and the last one given holds."""
    off, on = "--no-web.enable-lifecycle", "--web.enable-lifecycle"

    found = load(flags=given(off), environ={}, file=None)

    assert found.web.enable_lifecycle is False
    assert given(off, on) == {"web.enable_lifecycle": True}


def test_a_bad_value_is_reported_by_its_flag() -> None:
    """As it was typed."""
    with pytest.raises(ConfigurationError, match=r"^--web.max-requests: expected a wh"):
        load(flags=given("--web.max-requests=-1"), environ={}, file=None)


def test_commands_have_flags_of_their_own() -> None:
    """By default poll prints a table and check makes no call."""
    assert parse_command_line(["--config.file=a.yml"]).config_file == Path("a.yml")
    assert parse_command_line(["check"]).config_file is None
    assert parse_command_line(["poll"]).output == "table"
    assert parse_command_line(["poll", "--output=json"]).output == "json"
    assert parse_command_line(["check"]).live is False
    assert parse_command_line(["check", "--live"]).live is True


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_the_simulated_cloud_has_its_flags(command: str) -> None:
    """In demo --plans counts plans; the other settings are settings."""
    words = ("--plans=3", "--items=4", "--groups=5", "--scenario=churn", "--seed=6")

    default = parse_command_line([command])
    told = parse_command_line([command, *words])

    ports = {"simulate": 10064, "demo": 0}  # a free one, for the demo's own cloud
    assert default.listen_address == f"127.0.0.1:{ports[command]}"
    assert (default.scenario, default.seed) == ("mixed", 1)
    assert (told.plans, told.items, told.groups) == (3, 4, 5)
    assert (told.scenario, told.seed) == ("churn", 6)
    assert given("demo", "--plans=3", "--web.listen-address=:0") == {
        "web.listen_address": [":0"]
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--api.regoin=x", "unknown flag --api.regoin, did you mean --api.region?"),
        ("--api.reg=x", "unknown flag --api.reg, did you mean --api.region?"),
        ("simulate --log.level=x", "unknown flag --log.level, see --help"),
        ("demo --config.file=x", "unknown flag --config.file, "),
        ("serv", "unknown command, did you mean serve?"),
        ("xyz", "unknown command: expected serve, poll, check, simulate, demo"),
        ("demo --api.region=x", "unknown flag --api.region, "),
        ("poll --limit=0", "argument --limit: expected a whole number of at least 1"),
        ("poll --confirm=5", "argument --confirm: expected a duration such as 90s"),
        ("--log.level=info poll", "an argument was not expected, see --help"),
        ("--api.region", "argument --api.region: expected one argument"),
        ("poll --output=xml", "argument --output: expected one of table, json, "),
        ("demo --scenario=x", "argument --scenario: expected one of mixed, "),
        ("demo --plans=0", "argument --plans: expected a whole number of at least 1"),
        ("demo --seed=-1", "argument --seed: expected a whole number of at least 0"),
        ("demo --listen-address=x", "argument --listen-address: expected an address"),
        (
            "--web.enable-lifecycle=no",
            "argument --web.enable-lifecycle/--no-web.enable-",
        ),
        ("--api.access-key-secret=x", "--api.access-key-secret: a secret has no flag"),
        ("--api.security-token=x", "--api.security-token: a secret has no flag, set R"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], line: str, expected: str
) -> None:
    """No usage text buries the complaint."""
    told = complaint(capsys, *line.split()).replace("'", "")
    assert told.startswith(f"rocketmq-dr-exporter: {expected}")


@pytest.mark.parametrize(
    "words",
    [
        [CANARY],
        ["serve", CANARY],
        [f"--{CANARY}"],
        [f"--x={CANARY}"],
        [f"-x{CANARY}"],
        [f"--api.access-key-secret={CANARY}"],
        [f"--web.enable-lifecycle={CANARY}"],
        ["poll", f"--output={CANARY}\nx"],
        ["check", f"--live={CANARY}\nx"],
        ["simulate", f"--seed={CANARY}"],
        ["demo", f"--scenario={CANARY}"],
        ["demo", f"--listen-address={CANARY}"],
    ],
)
def test_bad_usage_repeats_no_value(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """A secret may have been typed in the wrong place."""
    assert CANARY not in complaint(capsys, *words)


@pytest.mark.parametrize("command", [(), *((each,) for each in COMMANDS)], ids=str)
def test_help_and_version_are_answered_everywhere(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    """Both print to stdout and exit with 0, and so does the help of all flags."""
    for flag, expected in (
        ("--help", f"usage: rocketmq-dr-exporter {' '.join(command) or '[command]'} "),
        ("--help-all", "usage: "),
        ("--version", __version__),
    ):
        with pytest.raises(SystemExit) as caught:
            parse_command_line([*command, flag])
        assert caught.value.code == 0
        text = " ".join(capsys.readouterr().out.split())
        assert expected in text
        assert ">>>" not in text
        has_settings = not {"simulate", "demo"} & set(command)
        if flag == "--help":
            assert len(re.findall(r" --(?:api|poll|web|log)\.", text)) <= 10
            assert ("--api.region REGION" in text) is has_settings
        if flag == "--help-all" and has_settings:
            assert all(f" {spec.flag}" in text for spec in WITH_FLAG.values())
            assert "--api.timeout DURATION Time for one request, as a whole." in text
            assert "default: 10s)" in text
