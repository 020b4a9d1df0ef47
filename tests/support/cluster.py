"""A real kube-apiserver and its etcd, without anything that runs pods."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from certificates import Authority
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from eventually import eventually
from lease_api import kubeconfig
from manifests import Ended, Manifest
from paths import ROOT
from programs import clean_environment, free_port, real

RESTRICTED = {
    f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")
}
OPERATOR = ("servicemonitors", "prometheusrules", "alertmanagerconfigs")
"""Kinds of the Prometheus Operator; the API knows them as the Operator defines them."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kubernetes API, and the right to do anything there."""

    folder: Path
    url: str
    authority: Path
    admin: Path

    def run(self, program: str, *arguments: str, given: str = "") -> Ended:
        """Run kubectl or helm as the administrator."""
        return subprocess.run(
            [real(program), f"--kubeconfig={self.admin}", *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            # Their caches are per address: another API may have had this port.
            env=clean_environment(self.folder),
        )

    def kubectl(self, *arguments: str, given: str = "") -> str:
        """Return what kubectl prints, which must succeed without a warning."""
        result = self.run("kubectl", *arguments, given=given)
        assert result.returncode == 0, result.stderr
        assert not result.stderr
        return result.stdout

    def apply(self, *manifests: Manifest) -> None:
        """Apply manifests."""
        given = yaml.dump_all(manifests)
        self.kubectl("apply", "--filename=-", given=given)

    def got(self, *what: str) -> Manifest:
        """Return an object as the server has it."""
        found = yaml.safe_load(self.kubectl("get", *what, "--output=yaml"))
        assert isinstance(found, dict)
        return found

    def apply_overlay(self, name: str, namespace: str) -> None:
        """Apply an overlay of ours."""
        folder = f"--kustomize=deploy/kubernetes/overlays/{name}"
        self.kubectl("apply", f"--namespace={namespace}", folder)

    def new_namespace(self) -> str:
        """Return a new namespace that accepts restricted pods only."""
        name = f"dr-{secrets.token_hex(4)}"
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": RESTRICTED},
            }
        )
        return name

    def kubeconfig_of(self, account: str, namespace: str) -> Path:
        """Return a kubeconfig with a new token of a service account."""
        token = self.kubectl("create", "token", account, f"--namespace={namespace}")
        folder = self.folder / namespace
        folder.mkdir(exist_ok=True)
        return kubeconfig(folder, self.url, token.strip(), self.authority)


@contextmanager
def serving(folder: Path) -> Iterator[Cluster]:
    """Run a cluster that knows the kinds of the Prometheus Operator."""
    authority, token, port = Authority(), secrets.token_hex(), free_port()
    (folder / "ca.crt").write_text(authority.cert)
    authority.issue("kube-apiserver").write(folder, "api")
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    _write_key(folder / "tokens.key")
    url = f"https://127.0.0.1:{port}"
    admin = kubeconfig(folder, url, token, folder / "ca.crt")
    with ExitStack() as stack:
        # Not in a folder that pytest keeps: it is a hundred megabytes each time.
        data = stack.enter_context(TemporaryDirectory(prefix="etcd-"))
        etcd, command = _etcd(data)
        stack.enter_context(_running(folder / "etcd.log", command))
        command = _apiserver(folder, port, etcd)
        process = stack.enter_context(_running(folder / "api.log", command))
        cluster = Cluster(folder, url, folder / "ca.crt", admin)

        async def is_ready() -> bool:
            assert process.poll() is None, (folder / "api.log").read_text()
            return cluster.run("kubectl", "get", "--raw=/readyz").stdout == "ok"

        asyncio.run(eventually(is_ready, within=120))
        kinds = Path(real("kube-apiserver")).parents[1] / "operator"
        for name in OPERATOR:
            cluster.kubectl("create", f"-f={kinds}/monitoring.coreos.com_{name}.yaml")
        names = [f"crd/{plural}.monitoring.coreos.com" for plural in OPERATOR]
        cluster.kubectl("wait", "--for=condition=Established", *names)
        yield cluster


def _etcd(data: str) -> tuple[str, Sequence[str]]:
    clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    return clients, (
        real("etcd"),
        f"--data-dir={data}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
    )


def _apiserver(folder: Path, port: int, etcd: str) -> Sequence[str]:
    return (
        real("kube-apiserver"),
        f"--etcd-servers={etcd}",
        "--bind-address=127.0.0.1",
        # What pods would be told, if there were any; else it looks for a default route,
        # and ends where there is none.
        "--advertise-address=192.0.2.1",
        f"--secure-port={port}",
        f"--tls-cert-file={folder / 'api.crt'}",
        f"--tls-private-key-file={folder / 'api.key'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'tokens.key'}",
        f"--service-account-signing-key-file={folder / 'tokens.key'}",
    )


@contextmanager
def _running(log: Path, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    # Into a file: nobody reads a pipe, and a full pipe would stop the program.
    with (
        log.open("wb") as file,
        subprocess.Popen(
            # If a signal ends the tests, these end too.
            ("setpriv", "--pdeathsig=KILL", *command),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _write_key(file: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
