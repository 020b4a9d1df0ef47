"""Every incident, and the rules that it is played under: those that are shipped.

A new incident goes into the module of its kind; it must not share its name.
"""

from __future__ import annotations

from alerting import RULE_FILES

from incidents.incident import Incident
from incidents.library import harmless, monitor, sync
from incidents.promtool import Rules

# Recording rules first: promtool evaluates the groups in this order.
RULES = Rules(RULE_FILES)

LIBRARY: tuple[Incident, ...] = (
    *sync.INCIDENTS,
    *monitor.INCIDENTS,
    *harmless.INCIDENTS,
)

# What no incident proves yet, by `proofs.variant`: none may be added.
UNPROVEN = frozenset(
    {
        "RocketMQDRCheckpointsDropped warning monitor",
        "RocketMQDRCheckpointsVanished warning inventory",
        "RocketMQDRClockSkew warning monitor",
        "RocketMQDRConfigReloadFailed warning monitor",
        "RocketMQDRConfiguredMissing warning inventory",
        "RocketMQDRCredentialsRejected critical monitor",
        "RocketMQDRExporterDown critical monitor",
        "RocketMQDRItemStopped critical inventory",
        "RocketMQDRItemStopped info inventory",
        "RocketMQDRNeverSynced warning sync",
        "RocketMQDRObjectiveBurn critical sync 1h 5m",
        "RocketMQDRObjectiveBurn critical sync 6h 30m",
        "RocketMQDRObjectiveBurn warning sync 1d 2h",
        "RocketMQDRObjectiveBurn warning sync 3d 6h",
        "RocketMQDRPermissionDenied critical monitor",
        "RocketMQDRPlanNotRunning warning inventory",
        "RocketMQDRPollsSkipped warning monitor",
        "RocketMQDRTargetMissing warning sync",
    }
)
# What no incident yet looks like without being it.
NOT_SILENT_ALIKE = frozenset(
    {
        "RocketMQDRAPIThrottled",
        "RocketMQDRCheckpointsDropped",
        "RocketMQDRClockSkew",
        "RocketMQDRConfigReloadFailed",
        "RocketMQDRConfiguredMissing",
        "RocketMQDRCredentialsRejected",
        "RocketMQDRExporterDown",
        "RocketMQDRNeverSynced",
        "RocketMQDRPermissionDenied",
        "RocketMQDRPlanNotRunning",
        "RocketMQDRSyncLagCritical",
        "RocketMQDRSyncLagHigh",
        "RocketMQDRTargetMissing",
        "RocketMQDRWalkFailing",
    }
)
