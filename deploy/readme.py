"""Writes the chart's README.md: how it is used, and what values.yaml says of values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from deploy.values import Value

_INTRODUCTION = """\
# rocketmq-dr-exporter

Written by `deploy/build.py` from [values.yaml](values.yaml): change it there.

A Helm chart of the [exporter](../../../README.md). It installs one exporter and a
Service; whatever needs more of a cluster is off until it is asked for.

```sh
cd deploy/helm
helm install dr rocketmq-dr-exporter --set simulator.enabled=true    # no account needed

kubectl create secret generic dr-key \\
  --from-literal=access-key-id=LTAI… --from-file=access-key-secret=FILE
helm install dr rocketmq-dr-exporter --set credentials.existingSecret=dr-key \\
  --set config.api.region=cn-hangzhou --set serviceMonitor.enabled=true

helm test dr    # is /metrics answered?
```

A value that the chart does not have is refused, and so is a setting in `config` that
the exporter does not have. [docs/deploy.md](../../../docs/deploy.md#helm) has more, and
[ci/](ci) an example of each way to use it.

## What is made

| values | |
|---|---|
| by default | a Deployment of one, a Service, a ConfigMap, a ServiceAccount |
| `shards: 4` | a StatefulSet of 4 instead; each polls its share of the routes |
| `ha.enabled` | two replicas of which one polls, and a Role for their Lease |
| both | two StatefulSets, `-a` and `-b`: each shard is a pair |
| `serviceMonitor`, `prometheusRule` | what the Prometheus Operator looks for |
| `dashboards` | ConfigMaps for Grafana's sidecar |
| `podDisruptionBudget`, `networkPolicy` | the same as everywhere |

## Upgrading

Names and selectors depend on nothing but the release's name, `nameOverride` and
`fullnameOverride`. From `shards: 1` to more, or back, and to or from pairs of shards,
one kind replaces the other: for a moment both poll. Both sets of pairs of shards are
rolled out at once, so each shard is away while its two start again.

`--reuse-values` keeps the old chart's defaults too, and so has none for a new value:
take `--reset-then-reuse-values`.

`helm uninstall` leaves the Leases of `ha`, which the exporters made.
"""


def readme(values: Iterable[Value]) -> str:
    """Return the text of the README."""
    return "\n".join([_INTRODUCTION, *_tables(values)])


def _tables(values: Iterable[Value]) -> Iterator[str]:
    """Yield a table of the values for each run of them that belong together."""
    yield "## Values\n"
    yield "| value | default | meaning |\n|---|---|---|"
    for _, group in groupby(values, lambda value: value.path[0]):
        yield from (
            f"| `{'.'.join(value.path)}` | `{_written(value.default)}` | "
            f"{value.description} |"
            for value in group
        )
    yield ""


def _written(default: Any) -> str:
    """Return a default as one line of YAML."""
    return json.dumps(default, ensure_ascii=False)
