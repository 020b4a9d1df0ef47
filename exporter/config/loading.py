"""From flags, environment and file to settings, or to one line per fault.

It must not repeat a value in a fault: it may be a secret in the wrong place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import InitSettingsSource

from exporter.config.catalogue import knobs_by_path, sections
from exporter.config.faults import Origins, faults_of, one_line
from exporter.config.settings import Settings
from exporter.config.sources import (
    FILE_VARIABLE,
    SourceError,
    decoded,
    read_file,
    unknown_variables,
)


class ConfigurationError(Exception):
    """The configuration cannot be used; each fault is one line without values."""

    def __init__(self, faults: tuple[str, ...], warnings: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
        self.warnings = warnings


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and the variables under our prefix that name no setting."""

    settings: Settings
    warnings: tuple[str, ...]


def load(
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
) -> Loaded:
    """Return the settings: a flag wins over the environment, that over the file.

    `flags` are by path (``api.region``), as `exporter.app.flags.setting_flags` returns
    them. Without `file`, ROCKETMQ_DR_CONFIG__FILE may name one.

    Raises:
        ConfigurationError: all faults that were found, in one go.
    """
    faults: list[str] = []
    named = environ.get(FILE_VARIABLE)
    file = file if file is not None or named is None else Path(named)
    tree = _file_tree(file, faults)
    given = _given(flags, environ, faults)
    origins = Origins(file, {path: origin for path, (origin, _) in given.items()})
    warnings = unknown_variables(environ)
    try:
        settings = Settings(_build_sources=(_sources(_tree(given), tree), {}))
    except ValidationError as error:
        found = (*faults, *faults_of(error, origins))
        raise ConfigurationError(found, warnings) from None
    if faults:
        raise ConfigurationError(tuple(faults), warnings)
    return Loaded(settings, warnings)


def _file_tree(file: Path | None, faults: list[str]) -> dict[Any, Any]:
    """Return the sections of the file; what is null in it counts as left out."""
    try:
        value = None if file is None else read_file(file)
    except SourceError as error:
        faults.extend(one_line(f"{file}: {each}") for each in error.faults)
        return {}
    tree = _without_nulls({} if value is None else value)
    if not isinstance(tree, dict):
        faults.append(one_line(f"{file}: expected a mapping of settings"))
        return {}
    for key in [key for key in tree if not isinstance(key, str)]:
        del tree[key]
        faults.append(one_line(f"{file}: unknown setting"))
    for name in sections():
        if not isinstance(tree.get(name, {}), dict):
            del tree[name]
            faults.append(one_line(f"{file}: {name}: expected a mapping of settings"))
    return tree


def _without_nulls(value: object) -> object:
    """Drop keys without a value: a section whose lines are all commented is null."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def _given(
    flags: Mapping[str, object], environ: Mapping[str, str], faults: list[str]
) -> dict[str, tuple[str, object]]:
    """Return origin and value of each setting that a flag or a variable tells."""
    catalogue = knobs_by_path()
    told: dict[str, tuple[str, object]] = {
        path: (name, environ[name])
        for path, knob in catalogue.items()
        if (name := knob.environment) is not None and name in environ
    }
    for path, raw in flags.items():
        told[path] = (catalogue[path].flag or path, raw)
    given = {}
    for path, (origin, raw) in told.items():
        try:
            value = decoded(catalogue[path], raw) if isinstance(raw, str) else raw
        except SourceError as error:
            faults.extend(one_line(f"{origin}: {each}") for each in error.faults)
        else:
            given[path] = (origin, _without_nulls(value))
    return given


def _tree(given: Mapping[str, tuple[str, object]]) -> dict[str, Any]:
    """Return values by path as sections that hold them, as in the file."""
    tree: dict[str, Any] = {}
    for path, (_, value) in given.items():
        section, _, name = path.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = value
    return tree


def _sources(*trees: dict[Any, Any]) -> tuple[InitSettingsSource, ...]:
    """Return trees of settings as pydantic-settings merges them, the stronger first."""
    return tuple(InitSettingsSource(Settings, tree) for tree in trees)
