"""What the process was told to do: every setting, and how it is read."""

from exporter.config.fields import is_loopback, split_address
from exporter.config.load import ConfigurationError, Loaded, load
from exporter.config.settings import (
    ApiSettings,
    Family,
    HaSettings,
    NameFilter,
    Objectives,
    PlanSettings,
    PollSettings,
    Settings,
    ShardSettings,
)
from exporter.model.durations import parse_duration

__all__ = [
    "ApiSettings",
    "ConfigurationError",
    "Family",
    "HaSettings",
    "Loaded",
    "NameFilter",
    "Objectives",
    "PlanSettings",
    "PollSettings",
    "Settings",
    "ShardSettings",
    "is_loopback",
    "load",
    "parse_duration",
    "split_address",
]
