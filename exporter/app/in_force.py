"""What is in force, as `check` prints it and `serve` logs it at start; no secret."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from yarl import URL

from exporter.cloud.http import proxy_for
from exporter.config.settings import Settings
from exporter.model.durations import brief_duration

CHAIN_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID"


def in_force(
    settings: Settings, file: Path | None, given_by: Callable[[str], str]
) -> Mapping[str, str]:
    """Return each thing that a user may have got wrong, by its name.

    `given_by` names what gives a setting.
    """
    plans = settings.plans
    own = [plan.id for plan in plans if plan.objectives.model_fields_set]
    endpoints = dict.fromkeys(map(settings.endpoint_for, settings.regions))
    proxies = {proxy for each in endpoints if (proxy := proxy_for(URL(each)))}
    objectives = [_objectives(settings, ""), *(_objectives(settings, i) for i in own)]
    key = CHAIN_ID if os.environ.get(CHAIN_ID) else "the credential chain"
    for name in ("access_key_id_file", "access_key_id"):
        if getattr(settings.api, name) is not None:
            key = given_by(f"api.{name}")
    return {
        "config_file": str(file or "none"),
        "plans": ", ".join(plan.id for plan in plans) or "every RUNNING plan",
        "regions": ", ".join(settings.regions),
        "endpoints": ", ".join(endpoints),
        # Without user and password.
        "proxy": ", ".join(str(URL(p).with_user(None)) for p in proxies) or "none",
        "objectives": "; ".join(objectives),
        "credentials": f"from {key}",
    }


def _objectives(settings: Settings, plan_id: str) -> str:
    """Return what a plan promises, or else what all do that promise nothing else."""
    limits = settings.limits_for(plan_id, is_auto_synced=True)
    lag, age = brief_duration(limits.most_delay), brief_duration(limits.most_age)
    whose = f"plan {plan_id}: " if plan_id else ""
    return f"{whose}lag {lag}, age {age}, share {limits.share:g}"
