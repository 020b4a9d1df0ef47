"""Every setting once: its type, unit, bound, default and meaning.

It must not read anything: `loading` brings the values, `knobs` lists them.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from exporter.config.addresses import checked_region
from exporter.config.api import ApiSettings
from exporter.config.filters import NameFilter
from exporter.config.kinds import (
    Count,
    Expected,
    FilePath,
    KubernetesName,
    LeaseDuration,
    ListenAddresses,
    NamespaceName,
    PositiveCount,
    PositiveDuration,
    Switch,
    TelemetryPath,
    WebConfigFile,
    faults,
    unique,
)
from exporter.config.plans import Objectives, Plans, PlanSettings
from exporter.config.section import Section

Family = Literal[
    "sync_lag", "sync_age", "last_sync", "problem", "consume", "fetch", "info"
]
_Families = Annotated[
    tuple[Family, ...],
    AfterValidator(unique),
    Expected("a list of sync_lag, sync_age, last_sync, problem, consume, fetch, info"),
]


class PollSettings(Section):
    """When the API is asked."""

    interval: PositiveDuration = Field(
        timedelta(minutes=1),
        description="Time between the starts of two polls of a route.",
    )
    timeout: PositiveDuration = Field(
        timedelta(minutes=1),
        description="Time for one whole poll, retries and waiting for the limiter "
        "included.",
    )
    stale_after: PositiveDuration = Field(
        timedelta(minutes=5),
        description="After this long without a complete poll a route's checkpoints "
        "are withdrawn. Several intervals, or series come and go.",
    )
    discovery_interval: PositiveDuration = Field(
        timedelta(minutes=10),
        description="Time between two looks for new plans, items and instances.",
    )

    @property
    def is_withdrawn_between_polls(self) -> bool:
        """Tell whether checkpoints come and go though every poll is complete."""
        return self.stale_after <= self.interval


class MetricsSettings(Section):
    """Which series are exported for each checkpoint."""

    families: _Families = Field(
        ("sync_lag", "sync_age", "last_sync", "problem"),
        description="Families of series per checkpoint; consume, fetch and info have "
        "to be asked for.",
    )
    max_checkpoints: Count = Field(
        200_000,
        description="Beyond it checkpoints are still counted and rolled up, but get "
        "no series of their own.",
    )


class WebSettings(Section):
    """How Prometheus reaches the exporter."""

    listen_address: ListenAddresses = Field(
        (":10063",), description="Addresses to serve on; no host is all interfaces."
    )
    telemetry_path: TelemetryPath = Field(
        "/metrics", description="Path that Prometheus scrapes."
    )
    config_file: WebConfigFile = Field(
        None,
        description="exporter-toolkit's web configuration: TLS, client certificates, "
        "basic auth, headers, rate limit. Empty is plain HTTP.",
        json_schema_extra={"flag": "--web.config.file"},
    )
    max_requests: Count = Field(
        40, description="Scrapes answered at once, the others get 503; 0 is no limit."
    )
    enable_lifecycle: Switch = Field(
        default=False,
        description="Allow /-/reload; SIGHUP reloads in any case.",
    )


class ShardSettings(Section):
    """Which share of the routes this process polls."""

    index: Count = Field(
        0, description="This process's share, from 0: routes that hash to it."
    )
    total: PositiveCount = Field(1, description="Number of processes that share.")

    @model_validator(mode="after")
    def _index_fits(self) -> Self:
        """Refuse a share that no route hashes to."""
        if self.index >= self.total:
            raise faults(("index", "expected a whole number below shard.total"))
        return self


class HaSettings(Section):
    """Which of several exporters with the same routes polls; see high-availability.md.

    None of it is needed by one that is alone.
    """

    lease: KubernetesName | None = Field(
        None,
        description="Name of a Kubernetes Lease: of all that name it only its holder "
        "polls. Each shard has its own, with -INDEX appended. Left out: everybody "
        "polls.",
    )
    namespace: NamespaceName | None = Field(
        None, description="Namespace of the Lease; left out: the pod's own."
    )
    lease_duration: LeaseDuration = Field(
        timedelta(seconds=10),
        description="After this long without a renewal another takes over; renewed "
        "five times as often.",
    )
    kubeconfig_file: FilePath | None = Field(
        None,
        description="File that says how to reach the Kubernetes API; left out: as a "
        "pod does.",
    )


class LogSettings(Section):
    """What is logged to stderr, and how."""

    level: Annotated[
        Literal["debug", "info", "warn", "error"],
        Expected("debug, info, warn or error"),
    ] = Field("info", description="Least level that is logged.")
    format: Annotated[
        Literal["logfmt", "json", "console"], Expected("logfmt, json or console")
    ] = Field("logfmt", description="Form of a line; console is for people.")


class Settings(BaseSettings):
    """The whole configuration of one process."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True
    )

    api: ApiSettings = ApiSettings()
    poll: PollSettings = PollSettings()
    plans: Plans = Field(
        (), description="Plans to export; left out: every RUNNING plan of the region."
    )
    objectives: Objectives = Objectives()
    groups: NameFilter = NameFilter()
    topics: NameFilter = NameFilter()
    metrics: MetricsSettings = MetricsSettings()
    web: WebSettings = WebSettings()
    shard: ShardSettings = ShardSettings()
    ha: HaSettings = HaSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing behind anybody's back: `load` brings all sources."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    def objectives_for(self, plan_id: str) -> Objectives:
        """Return what the plan promises, where it names nothing what all promise."""
        for plan in self.plans:
            if plan.id == plan_id:
                own = plan.objectives.model_dump(exclude_none=True)
                return self.objectives.model_copy(update=own)
        return self.objectives

    def region_of(self, plan: PlanSettings) -> str:
        """Return the region whose endpoint knows the plan."""
        return plan.region or self.api.region

    def endpoint_for(self, region: str) -> str:
        """Return the base URL of the region's API, without a slash at its end.

        Raises:
            ValueError: the region, which the API may have told, is no region name.
        """
        if self.api.endpoint is not None:
            return self.api.endpoint
        network = "-vpc" if self.api.network == "vpc" else ""
        return f"https://rocketmq{network}.{checked_region(region)}.aliyuncs.com"
