"""Write docs/configuration.md and docs/example.yaml from the settings themselves."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, wrap

from exporter.config.catalogue import (
    PREFIX,
    SettingSpec,
    sections,
    setting_specs,
    written,
)

DOCS = Path(__file__).parent
_INTRODUCTION = f"""\
# Configuration

`docs/generate_configuration.py` writes this page and [example.yaml](example.yaml) from
`exporter/config/`. Change the settings there.

Every setting has a default. Without a configuration the exporter finds every RUNNING
plan of `cn-hangzhou`, with the [credentials](credentials.md) of the standard chain.

## Where settings come from

A flag wins over the environment, the environment over the file, the file over the
default. `rocketmq-dr-exporter check` validates all of them: it prints one line for each
fault and exits with 2.

- **File**: YAML. Name it by `--config.file` or `{PREFIX}CONFIG__FILE`. An unknown key
  and a key given twice are faults. `null` means left out.
- **Environment**: `{PREFIX}` and the path in capitals, levels joined by two
  underscores: `poll.stale_after` is `{PREFIX}POLL__STALE_AFTER`. A list is JSON, or
  entries separated by commas. `plans` is JSON. A variable with this prefix that names
  no setting is a warning at start and a fault for `check`; `{PREFIX}EXPORTER_…` is not,
  because Kubernetes injects it.
- **Flag**: `--` and the path, with dashes: `--poll.stale-after=5m`. Repeat the flag of
  a list. `--plans` takes JSON or YAML. The file of `web.config_file` is
  `--web.config.file`. A secret has no flag, because every user of a machine can read
  command lines.

## How values are written

- **Durations** as in Prometheus: `500ms`, `90s`, `1m30s`, `1h`, `7d`. A number without
  a unit is a fault.
- **Regular expressions** are [RE2](https://github.com/google/re2/wiki/Syntax) and must
  match the whole name.

## Reload

SIGHUP reads the configuration again. So does a POST to `/-/reload`, if
`web.enable_lifecycle` is on.

- A fault changes nothing. The log and the answer (status 500) name it, and
  `rocketmq_dr_exporter_config_last_reload_successful` is 0.
- Routes that stay keep their data. Removed routes disappear at once. Polls under way
  start again.
- **`web` and `ha` need a restart**, and so does `shard` with `ha.lease`. The log says
  `restart_needed` and applies the rest.
- Files of secrets need no reload: a change counts after a second.
"""
_PLAN_EXAMPLE = """\
plans: []
# plans:
#   - id: "1300000016"
#     region: cn-shanghai
#     objectives: {lag: 10m, age: 20m, share: 0.95}
"""


def configuration() -> str:
    """Return the text of configuration.md."""
    tables = [_section_table(name, text) for name, text in _titles().items()]
    return "\n".join([_INTRODUCTION, "## Settings\n", *tables]).rstrip("\n") + "\n"


def example() -> str:
    """Return a YAML file that holds every setting with its default."""
    head = "# Every setting with its default; leave out what you do not change.\n"
    return "\n".join([head, *(_section_yaml(name) for name in _titles())])


def _titles() -> dict[str, str]:
    """Return the parts of the configuration in the order of the model."""
    plans = "One entry for each plan; what an entry leaves out is discovered."
    order = dict.fromkeys(re.split(r"\W", path)[0] for path in setting_specs())
    return {name: sections().get(name, plans) for name in order}


def _of(name: str) -> list[SettingSpec]:
    """Return the settings of a part, in order."""
    specs = setting_specs().items()
    return [spec for path, spec in specs if re.split(r"\W", path)[0] == name]


def _section_table(name: str, text: str) -> str:
    """Return heading, sentence and table of a part."""
    rows = "\n".join(_row(spec) for spec in _of(name))
    return dedent("""\
        ### `{name}`

        {text}

        | setting | expected | default | meaning |
        |---|---|---|---|
        {rows}
        """).format(name=name, text=text, rows=rows)


def _row(spec: SettingSpec) -> str:
    """Return one setting as a row of the table."""
    default = None if spec.default is None else written(spec.default)
    cells = (
        _code(spec.path),
        spec.expected.replace(" such as 90s or 1m30s", ""),
        "required" if spec.is_required else _code(default),
        spec.description,
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _code(text: str | None) -> str:
    """Return the text as code, or a dash where there is none."""
    return "-" if text is None else f"`{text}`"


def _section_yaml(name: str) -> str:
    """Return one part of the example file."""
    if name == "plans":
        return "\n".join([*_comment(_of(name)[0], ""), _PLAN_EXAMPLE])
    lines = [f"{name}:"]
    for spec in _of(name):
        key = spec.path.rpartition(".")[2]
        text = written(spec.default)
        is_text = isinstance(spec.default, str) and not text.isalnum()
        lines += _comment(spec, "  ")
        lines.append(f"  {key}: {f'{chr(34)}{text}{chr(34)}' if is_text else text}")
    return "\n".join(lines) + "\n"


def _comment(spec: SettingSpec, indent: str) -> Iterator[str]:
    """Yield the meaning of a setting as comment lines."""
    for text in (spec.description, f"Expected: {spec.expected}."):
        for line in wrap(text, 84 - len(indent), break_on_hyphens=False):
            yield f"{indent}# {line}"


def main(arguments: list[str]) -> int:
    """Write both files, or with --check tell which is not up to date."""
    files = {"configuration.md": configuration(), "example.yaml": example()}
    if "--check" not in arguments:
        for name, text in files.items():
            (DOCS / name).write_text(text, encoding="utf-8")
        return 0
    stale = [n for n, text in files.items() if (DOCS / n).read_text("utf-8") != text]
    for name in stale:
        print(f"docs/{name} is not up to date, run `make docs`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
