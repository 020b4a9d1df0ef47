"""What the process was told to do: every setting, and how it is read.

It must not know what the settings are used for.
"""

from exporter.config.addresses import is_loopback, split_address
from exporter.config.api import ApiSettings
from exporter.config.filters import NameFilter
from exporter.config.loading import ConfigurationError, Loaded, load
from exporter.config.plans import Objectives, PlanObjectives, PlanSettings
from exporter.config.settings import (
    Family,
    HaSettings,
    LogSettings,
    MetricsSettings,
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
