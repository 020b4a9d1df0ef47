"""What the process was told to do: every setting, and how it is read."""

from exporter.config.fields import is_loopback, split_address
from exporter.config.load import ConfigurationError, Loaded, load
from exporter.config.settings import (
    ApiSettings,
    Family,
    HaSettings,
    LogSettings,
    MetricsSettings,
    NameFilter,
    Objectives,
    PlanObjectives,
    PlanSettings,
    PollSettings,
    Settings,
    ShardSettings,
    WebSettings,
)
from exporter.model.durations import format_duration, parse_duration

__all__ = [
    "ApiSettings",
    "ConfigurationError",
    "Family",
    "HaSettings",
    "Loaded",
    "LogSettings",
    "MetricsSettings",
    "NameFilter",
    "Objectives",
    "PlanObjectives",
    "PlanSettings",
    "PollSettings",
    "Settings",
    "ShardSettings",
    "WebSettings",
    "format_duration",
    "is_loopback",
    "load",
    "parse_duration",
    "split_address",
]
