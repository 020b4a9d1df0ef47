"""The service account of a pair, as the overlay `ha` makes it in a real cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import replicas
from cluster import Cluster
from eventually import eventually
from manifests import kustomized, only, variables

ACCOUNT = "rocketmq-dr-exporter"
"""What the service account is called, and what allows it the Lease."""

OVERLAY = "ha"
VERBS = ("get", "create", "update")
NOWHERE = "http://127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Account:
    """What a pod of a pair has: a namespace, and a token for the Lease there."""

    cluster: Cluster
    namespace: str
    lease: str
    kubeconfig: Path

    def settings(self, cloud: str = NOWHERE) -> dict[str, str]:
        """Return the environment of an exporter."""
        home = self.kubeconfig.parent
        return replicas.environment(
            home, cloud, self.kubeconfig, lease=self.lease, namespace=self.namespace
        )

    def spec(self) -> dict[str, Any]:
        """Return what stands in the Lease."""
        where = ("lease", self.lease, f"--namespace={self.namespace}")
        spec: dict[str, Any] = self.cluster.got(*where)["spec"]
        return spec

    def holder(self) -> str:
        """Return who holds the Lease, empty if nobody does."""
        return str(self.spec().get("holderIdentity", ""))

    def has_lease(self) -> bool:
        """Return whether the Lease is there."""
        where = ("lease", self.lease, f"--namespace={self.namespace}")
        found = self.cluster.kubectl("get", "--ignore-not-found", *where)
        return bool(found)

    def delete(self, kind: str, name: str) -> None:
        """Delete an object."""
        self.cluster.kubectl("delete", kind, name, f"--namespace={self.namespace}")

    async def forbid(self, verb: str) -> None:
        """Take one right on the Lease away, and leave the others."""
        rule = {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "verbs": [each for each in VERBS if each != verb],
        }
        change = [{"op": "replace", "path": "/rules", "value": [rule]}]
        self.cluster.kubectl(
            *("patch", "role", ACCOUNT, f"--namespace={self.namespace}"),
            *("--type=json", f"--patch={json.dumps(change)}"),
        )
        await self.until_allowed(*rule["verbs"])

    async def until_allowed(self, *verbs: str) -> None:
        """Wait until just these rights are known: the server hears of roles later."""

        async def is_known() -> bool:
            return all(self._may(verb) == (verb in verbs) for verb in VERBS)

        await eventually(is_known)

    def _may(self, verb: str) -> bool:
        asked = self.cluster.run(
            *("kubectl", "auth", "can-i", verb),
            f"leases.coordination.k8s.io/{self.lease}",
            *("--quiet", f"--namespace={self.namespace}"),
            f"--as=system:serviceaccount:{self.namespace}:{ACCOUNT}",
        )
        return asked.returncode == 0


async def new_account(cluster: Cluster) -> Account:
    """Apply the overlay in a new namespace, as our page says."""
    namespace = cluster.new_namespace()
    overlay = f"--kustomize=deploy/kubernetes/overlays/{OVERLAY}"
    cluster.kubectl("apply", f"--namespace={namespace}", overlay)
    told = variables(only("Deployment", kustomized(OVERLAY)))
    account = Account(
        cluster,
        namespace,
        told["ROCKETMQ_DR_HA__LEASE"],
        cluster.kubeconfig_of(ACCOUNT, namespace),
    )
    await account.until_allowed(*VERBS)
    return account
