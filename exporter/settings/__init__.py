"""What the process was told to do: every setting, and how it is read.

It must not know what the settings are used for.
"""

from exporter.settings.addresses import is_loopback, split_address
from exporter.settings.api import ApiSettings
from exporter.settings.durations import format_duration, parse_duration
from exporter.settings.filters import NameFilter
from exporter.settings.loading import ConfigurationError, Loaded, load
from exporter.settings.model import (
    Family,
    HaSettings,
    LogSettings,
    MetricsSettings,
    PollSettings,
    Settings,
    ShardSettings,
    WebSettings,
)
from exporter.settings.plans import Objectives, PlanObjectives, PlanSettings

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
