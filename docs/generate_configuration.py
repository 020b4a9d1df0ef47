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

Written by `docs/generate_configuration.py` from `exporter/config/`: change it there.

Everything has a default: without any configuration the exporter finds every RUNNING
plan of `cn-hangzhou` with the credentials of the standard Alibaba Cloud chain.

## Where settings come from

A flag wins over the environment, the environment over the file, the file over the
default. `--config.file` or `{PREFIX}CONFIG__FILE` names the file, which is YAML in
UTF-8; [example.yaml](example.yaml) shows all of it. `rocketmq-dr-exporter check` reads
the configuration, prints one line for each fault, and exits with 2 if there is one.

- **File.** An unknown key, or a key that stands twice, is a fault. A key without a
  value (`null`) counts as left out.
- **Environment.** The variable of a setting is `{PREFIX}` and its path in capitals,
  levels joined by two underscores. A list is JSON (`["a", "b"]`) or its entries
  separated by commas; entries that hold a comma or begin with `[` need JSON. `plans` is
  JSON. A variable of our prefix that names no setting is a warning at start and a fault
  for `check`, except `{PREFIX}EXPORTER_…`, which Kubernetes injects for a Service of
  that name.
- **Flags.** The flag of a setting is its path with dashes. A flag of a list may be
  given several times, one entry each, and `--plans` takes JSON or YAML. The secrets
  have no flag, as every user of a machine can read its command lines.

## Reloading

SIGHUP reads the file again, and so does a POST or PUT to `/-/reload` where
`web.enable_lifecycle` is on. Flags and environment still win over it.

- All of it is checked first and applied as a whole. With a fault nothing changes: each
  fault is a line of the log, and of the answer, which is a 500;
  `rocketmq_dr_exporter_config_last_reload_successful` is 0 until a reload succeeds.
- Routes that stay keep their snapshots; the others go at once. New ones come as soon
  as the API has answered for them. Another `region` or `filter` of a plan makes other
  routes of it.
- Polls under way begin again, which is no failure, and every route is polled soon
  after. Only then do other values of `metrics.max_checkpoints`, `groups` and `topics`
  show.
- A rate that throttling had lowered starts at `api.requests_per_second` again.
- **`web` and `ha` need a restart**, and so does `shard` where `ha.lease` is set. A
  reload that would change them logs `restart_needed` with their names and applies the
  rest.

Secrets that are given as files need no reload.

## How values are written

- **Durations** as Prometheus writes them: `500ms`, `90s`, `1m30s`, `1h`, `7d`, with
  the units y, w, d, h, m, s and ms in this order. A number without a unit is refused.
- **Regular expressions** are [RE2](https://github.com/google/re2/wiki/Syntax) and must
  match the whole name.
- **Secrets** are best kept in files: a change counts after a second. A file that
  cannot be read ends the start; later it is a failure of each poll, until it can. No
  message, log, metric or page shows a secret.
"""
_EXAMPLE = """\
## A small configuration

```yaml
api:
  region: cn-hangzhou
  access_key_id: LTAI-your-key-id
  access_key_secret_file: /run/secrets/access-key-secret
poll:
  interval: 30s
plans:
  - id: "1300000016"
    objectives: {lag: 10m}
groups:
  exclude: [".*_test"]
```

The same region from elsewhere: `ROCKETMQ_DR_API__REGION=cn-hangzhou` or
`--api.region=cn-hangzhou`.
"""
_PLAN_EXAMPLE = """\
plans: []
# plans:
#   - id: "1300000016"
#     region: cn-shanghai
#     items: ["100070284"]
#     source_instances: [rmq-cn-7e22ody0001]
#     filter: topic_test
#     objectives: {lag: 10m, age: 20m, share: 0.95}
"""


def configuration() -> str:
    """Return the text of configuration.md."""
    tables = [_section_table(name, text) for name, text in _titles().items()]
    return "\n".join([_INTRODUCTION, "## Settings\n", *tables, _EXAMPLE])


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

        | setting | expected | default | flag | environment | meaning |
        |---|---|---|---|---|---|
        {rows}
        """).format(name=name, text=text, rows=rows)


def _row(spec: SettingSpec) -> str:
    """Return one setting as a row of the table."""
    default = None if spec.default is None else written(spec.default)
    cells = (
        _code(spec.path),
        spec.expected,
        "required" if spec.is_required else _code(default),
        _code(spec.flag),
        _code(spec.environment),
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
