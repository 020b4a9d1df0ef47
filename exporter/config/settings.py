"""Every setting once: its type, unit, bound, default and meaning."""

from datetime import timedelta
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from exporter.config import fields
from exporter.config.fields import UNIQUE, Expected, fault
from exporter.model.types import Limits

Family = Literal[
    "sync_lag",
    "sync_age",
    "sync_delay",
    "problem",
    "last_sync",
    "consume",
    "fetch",
    "info",
]
_Families = Annotated[
    tuple[Family, ...],
    UNIQUE,
    Expected(f"a list of {', '.join(get_args(Family))}"),
]
_Expressions = Annotated[
    tuple[Annotated[str, AfterValidator(fields.valid_expression)], ...],
    Expected("a list of RE2 regular expressions"),
]
_ListenAddresses = Annotated[
    tuple[fields.ListenAddress, ...],
    UNIQUE,
    Field(min_length=1),
    Expected(f"a list of addresses, each {fields.LISTEN_ADDRESS}"),
]
_Ids = Annotated[
    tuple[fields.Id, ...], UNIQUE, Expected("a list of ids made of digits")
]
_Names = Annotated[tuple[fields.Text, ...], UNIQUE, Expected("a list of names")]


class Section(BaseModel):
    """A group of settings; unknown keys are errors and errors show no values."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ApiSettings(Section):
    """How the vendor's API is reached, and how gently.

    With access key and token left out, the standard Alibaba Cloud credential chain is
    used.
    """

    region: fields.Region = Field(
        "cn-hangzhou",
        description="Region whose plans are read, where a plan names none.",
    )
    regions: fields.Regions = Field(
        (), description="Regions whose plans are discovered; left out: `api.region`."
    )
    network: Annotated[
        Literal["public", "vpc"], fields.ANY_CASE, Expected("public or vpc")
    ] = Field(
        "public",
        description="Whether the endpoint is the public one or the one inside a VPC.",
    )
    endpoint: fields.Endpoint | None = Field(
        None,
        description="Host, host:port or URL used instead of the one that region and "
        "network name. Plain http:// is allowed to loopback only.",
    )
    access_key_id: fields.HeaderText | None = Field(
        None, repr=False, description="AccessKey id; needs a secret beside it."
    )
    access_key_id_file: fields.FilePath = Field(
        None,
        description="File that holds the AccessKey id; read again when it changes.",
    )
    access_key_secret: fields.Secret | None = Field(
        None, description="AccessKey secret. Prefer a file: environments leak."
    )
    access_key_secret_file: fields.FilePath = Field(
        None,
        description="File that holds the AccessKey secret; read again when it changes.",
    )
    security_token: fields.Secret | None = Field(
        None, description="STS token that belongs to the AccessKey."
    )
    security_token_file: fields.FilePath = Field(
        None, description="File that holds the STS token; read again when it changes."
    )
    page_size: fields.PageSize = Field(
        "auto",
        description="Rows asked for per page. auto asks for 1000, and for 100 where "
        "the API refuses that. It may send fewer; all pages are read in any case.",
    )
    timeout: fields.PositiveDuration = Field(
        timedelta(seconds=10), description="Time for one request, as a whole."
    )
    max_concurrency: fields.PositiveCount = Field(
        5, description="Requests in flight at once, over all routes."
    )
    requests_per_second: fields.Rate = Field(
        5.0,
        description="Requests per second for the account, retries included. Halved "
        "when the API throttles, won back with success.",
    )

    @model_validator(mode="after")
    def _credentials_fit(self) -> Self:
        """Refuse what is given in two ways, and half of a key pair."""
        given = [name for name in _CREDENTIALS if getattr(self, name) is not None]
        for name in given:
            if f"{name}_file" in given:
                expected = f"expected either this or api.{name}, not both"
                raise fault(expected, f"{name}_file")
        for name in ("access_key_id", "access_key_secret"):
            if given and not {name, f"{name}_file"} & set(given):
                expected = f"expected api.{name} or api.{name}_file beside it"
                raise fault(expected, given[0])
        return self


_CREDENTIALS = (
    *("access_key_id", "access_key_id_file"),
    *("access_key_secret", "access_key_secret_file"),
    *("security_token", "security_token_file"),
)


class PollSettings(Section):
    """When the API is asked."""

    interval: fields.PositiveDuration = Field(
        timedelta(minutes=1),
        description="Time between the starts of two polls of a route.",
    )
    timeout: fields.PositiveDuration = Field(
        timedelta(minutes=1),
        description="Time for one whole poll, retries and waiting for the limiter "
        "included.",
    )
    stale_after: fields.PositiveDuration = Field(
        timedelta(minutes=5),
        description="After this long without a complete poll a route's checkpoints "
        "are withdrawn. Several intervals, or series come and go.",
    )
    discovery_interval: fields.PositiveDuration = Field(
        timedelta(minutes=10),
        description="Time between two discoveries of plans, items and instances.",
    )


class Objectives(Section):
    """What plans promise; a plan's own objectives win over these."""

    lag: fields.Duration = Field(
        timedelta(minutes=5),
        description="Alert when the delay is above this. 0 disables it.",
    )
    age: fields.Duration = Field(
        timedelta(minutes=10),
        description="Alert when the age is above this. 0 disables it.",
    )
    share: fields.Share = Field(
        0.99,
        description="Of the plan's checkpoints that must be within both to be ready to "
        "fail over, from 0 to 1.",
    )


class PlanSettings(Section):
    """One disaster-recovery plan; what is left out is discovered."""

    id: fields.Id = Field(description="Id of the plan.")
    region: fields.Region | None = Field(
        None, description="Region of the plan; left out: `api.region`."
    )
    items: _Ids = Field((), description="Ids of the items; left out: all of the plan.")
    source_instances: _Names = Field(
        (), description="Source instance ids; left out: those the plan names."
    )
    filter: fields.Text | None = Field(
        None, description="Passed to the API as it is, to narrow the checkpoints."
    )
    objectives: Objectives = Field(
        Objectives(), description="What this plan promises; left out: `objectives`."
    )

    @property
    def is_complete(self) -> bool:
        """Tell whether the plan can be polled before it is looked up."""
        return bool(self.items and self.source_instances)


def _no_plan_twice(plans: tuple[PlanSettings, ...]) -> tuple[PlanSettings, ...]:
    """Refuse a plan id that is listed twice: which entry holds would be a guess."""
    first: dict[str, int] = {}
    for index, plan in enumerate(plans):
        if first.setdefault(plan.id, index) != index:
            raise fault(
                f"expected an id once, but [{index}] repeats [{first[plan.id]}]"
            )
    return plans


_Plans = Annotated[
    tuple[PlanSettings, ...],
    AfterValidator(_no_plan_twice),
    Expected("a list of plans"),
]


class NameFilter(Section):
    """Names that an expression of `include` and none of `exclude` matches whole."""

    include: _Expressions = Field(
        (".*",), description="Names to export: one of these matches the whole name."
    )
    exclude: _Expressions = Field(
        (), description="Names to leave out, even where `include` matches them."
    )

    def accepts(self, name: str) -> bool:
        """Tell whether the name is wanted."""
        include, exclude = (
            any(fields.compiled(each).fullmatch(name) for each in expressions)
            for expressions in (self.include, self.exclude)
        )
        return include and not exclude


class MetricsSettings(Section):
    """Which series are exported for each checkpoint."""

    families: _Families = Field(
        ("sync_lag", "sync_age", "sync_delay", "problem"),
        description="Families of series per checkpoint; last_sync, consume, fetch and "
        "info have to be asked for.",
    )
    max_checkpoints: fields.Count = Field(
        200_000,
        description="Beyond it checkpoints are still counted and rolled up, but get "
        "no series of their own.",
    )


class WebSettings(Section):
    """How Prometheus reaches the exporter."""

    listen_address: _ListenAddresses = Field(
        (":10063",), description="Addresses to serve on; no host is all interfaces."
    )
    telemetry_path: fields.TelemetryPath = Field(
        "/metrics", description="Path that Prometheus scrapes."
    )
    config_file: fields.FilePath = Field(
        None,
        description="exporter-toolkit's web configuration: TLS, client certificates, "
        "basic auth, headers, rate limit. Empty is plain HTTP.",
    )
    max_requests: fields.Count = Field(
        40, description="Scrapes answered at once, the others get 503; 0 is no limit."
    )
    enable_lifecycle: fields.Switch = Field(
        default=False,
        description="Allow /-/reload; SIGHUP reloads in any case.",
    )


class ShardSettings(Section):
    """Which share of the routes this process polls."""

    index: fields.Count = Field(
        0, description="This process's share, from 0: routes that hash to it."
    )
    total: fields.PositiveCount = Field(
        1, description="Number of processes that share the routes."
    )

    @model_validator(mode="after")
    def _index_fits(self) -> Self:
        """Refuse a share that no route hashes to."""
        if self.index >= self.total:
            raise fault("expected a whole number below shard.total", "index")
        return self


class HaSettings(Section):
    """Which of several exporters with the same routes polls; see high-availability.md.

    A single exporter needs none of it.
    """

    lease: fields.LeaseName | None = Field(
        None,
        description="Name of a Kubernetes Lease: of all exporters that name it, only "
        "its holder polls. Each shard has its own, with -INDEX appended. Left out: "
        "every exporter polls.",
    )
    namespace: fields.NamespaceName | None = Field(
        None, description="Namespace of the Lease; left out: the pod's own."
    )
    lease_duration: fields.LeaseDuration = Field(
        timedelta(seconds=10),
        description="After this long without a renewal another exporter takes over. "
        "The holder renews five times as often.",
    )
    kubeconfig_file: fields.FilePath = Field(
        None,
        description="File that says how to reach the Kubernetes API; left out: as a "
        "pod does.",
    )


class LogSettings(Section):
    """What is logged to stderr, and how."""

    level: Annotated[
        Literal["debug", "info", "warn", "error"],
        fields.ANY_CASE,
        Expected("debug, info, warn or error"),
    ] = Field("info", description="Least level that is logged.")
    format: Annotated[
        Literal["logfmt", "json", "console"],
        fields.ANY_CASE,
        Expected("logfmt, json or console"),
    ] = Field("logfmt", description="Form of a line; console is for people.")


class Settings(Section):
    """The whole configuration of one process."""

    api: ApiSettings = ApiSettings()
    poll: PollSettings = PollSettings()
    plans: _Plans = Field(
        (), description="Plans to export; left out: every RUNNING plan of the regions."
    )
    objectives: Objectives = Objectives()
    groups: NameFilter = NameFilter()
    topics: NameFilter = NameFilter()
    metrics: MetricsSettings = MetricsSettings()
    web: WebSettings = WebSettings()
    shard: ShardSettings = ShardSettings()
    ha: HaSettings = HaSettings()
    log: LogSettings = LogSettings()

    def limits_for(self, plan_id: str, *, is_auto_synced: bool) -> Limits:
        """Return a plan's objectives; what it leaves out is as for all plans."""
        objectives = self.objectives
        for plan in self.plans:
            if plan.id == plan_id:
                own = plan.objectives.model_dump(exclude_unset=True)
                objectives = objectives.model_copy(update=own)
        return Limits(
            lag=objectives.lag.total_seconds(),
            age=objectives.age.total_seconds(),
            share=objectives.share,
            is_auto_synced=is_auto_synced,
        )

    @property
    def regions(self) -> tuple[str, ...]:
        """Return the regions in use: of the configured plans, else of discovery."""
        own = (self.region_of(plan) for plan in self.plans)
        return tuple(dict.fromkeys(own)) or self.api.regions or (self.api.region,)

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
        return f"https://rocketmq{network}.{fields.checked_region(region)}.aliyuncs.com"
