"""Which packages run beside the exporter: a CycloneDX SBOM of requirements.txt.

It is made of what the lock names, and of what the installed packages say of themselves.
"""

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from exporter import __version__

ROOT = Path(__file__).parents[1]
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# Fixed values, so that every machine reads requirements in the same way. A newer Python
# needs no package that the oldest does not need.
_PYTHON = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "extra": "",
}
_POSIX = (
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
)
_WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}
_MACHINES = (*_POSIX, _WINDOWS)


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock; `marker` says where it is installed, None: everywhere."""

    name: str
    version: str
    marker: Marker | None
    sha256: tuple[str, ...]

    @property
    def is_installed_here(self) -> bool:
        """Tell whether this machine is one where it is installed."""
        return self.marker is None or self.marker.evaluate()

    @property
    def is_for_posix(self) -> bool:
        """Tell whether it is installed wherever the exporter is meant to run."""
        return self.marker is None or all(
            self.marker.evaluate(_PYTHON | one) for one in _POSIX
        )


def runtime(extra: str = "") -> list[Locked]:
    """Return the packages that are locked for users, with an extra or without."""
    name = f"requirements-{extra}.lock" if extra else "requirements.txt"
    return locked((ROOT / name).read_text(encoding="utf-8"))


def locked(lock: str) -> list[Locked]:
    r"""Return the packages of the text of a lock, in its order.

    >>> [one] = locked("Pkg==1.2 ; os_name == 'nt' \\\n    --hash=sha256:" + "0" * 64)
    >>> one.name, one.version, str(one.marker), len(one.sha256)
    ('pkg', '1.2', 'os_name == "nt"', 1)
    """
    return [_locked(line) for line in lock.replace("\\\n", " ").splitlines()]


def declared() -> list[str]:
    """Return the names of the packages that pyproject.toml asks for at run time."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    requirements = project["project"]["dependencies"]
    return sorted(canonicalize_name(Requirement(each).name) for each in requirements)


def required(packages: Sequence[Locked]) -> Mapping[str, list[str]]:
    """Return which of these packages each of them requires, on any machine.

    A package that is not installed here requires none, as far as this machine knows.
    """
    names = {package.name for package in packages}
    return {
        package.name: sorted(names.intersection(_required(package)))
        for package in packages
    }


def licence(name: str) -> str:
    """Return the licence that an installed package states.

    From the metadata, or else the heading of its licence file.
    """
    stated = metadata.metadata(name)
    classifiers = stated.get_all("Classifier") or []
    found: list[str] = [
        *(stated.get_all("License-Expression") or []),
        *(stated.get_all("License") or []),
        *(c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License")),
    ]
    return found[0] if found else _heading(name, stated["License-File"])


def _heading(name: str, file: str) -> str:
    text = metadata.distribution(name).read_text(f"licenses/{file}")
    if not text:
        raise LookupError(f"{name} states no licence")
    return text.partition("\n")[0]


def _locked(line: str) -> Locked:
    requirement = Requirement(line.partition(" --hash")[0])
    [pin] = requirement.specifier
    return Locked(
        name=canonicalize_name(requirement.name),
        version=pin.version,
        marker=requirement.marker,
        sha256=tuple(_HASH.findall(line)),
    )


def _required(package: Locked) -> Iterator[str]:
    if not package.is_installed_here:
        return
    for text in metadata.requires(package.name) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate(_PYTHON | one) for one in _MACHINES):
            yield canonicalize_name(requirement.name)


def sbom(packages: Sequence[Locked], made_at: datetime | None = None) -> str:
    """Return the SBOM as JSON; None leaves the time out.

    Raises:
        ValueError: another version is installed than the lock names.
    """
    of = {package.name: _component(package) for package in packages}
    ours = _exporter()
    bom = Bom(components=of.values())
    bom.metadata.component = ours
    bom.register_dependency(ours, [of[name] for name in declared()])
    for name, names in required(packages).items():
        bom.register_dependency(of[name], [of[each] for each in names])
    if made_at is not None:
        bom.metadata.timestamp = made_at
    written = json.loads(JsonV1Dot6(bom).output_as_string())
    # The library invents both, so that no two runs would be equal.
    del written["serialNumber"]
    if made_at is None:
        del written["metadata"]["timestamp"]
    return json.dumps(written, indent=2, sort_keys=True) + "\n"


def main(file: Path) -> None:
    """Write the SBOM of requirements.txt into a file."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    packages = runtime()
    text = sbom(packages, datetime.fromtimestamp(int(epoch), UTC) if epoch else None)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(f"{file}: {len(packages)} packages")


def _exporter() -> Component:
    return Component(
        name="rocketmq-dr-exporter",
        version=__version__,
        type=ComponentType.APPLICATION,
        bom_ref="rocketmq-dr-exporter",
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )


def _component(package: Locked) -> Component:
    purl = PackageURL("pypi", name=package.name, version=package.version)
    scope = ComponentScope.REQUIRED if package.is_for_posix else ComponentScope.OPTIONAL
    return Component(
        name=package.name,
        version=package.version,
        bom_ref=str(purl),
        purl=purl,
        scope=scope,
        licenses=_licences(package),
        external_references=[_files(package, str(purl))],
    )


def _files(package: Locked, purl: str) -> ExternalReference:
    """Return what may be installed of a package: a hash is of one of its files."""
    return ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(purl),
        comment=f"only where {package.marker}" if package.marker else None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=h) for h in package.sha256],
    )


def _licences(package: Locked) -> list[License]:
    if not package.is_installed_here:
        return []
    installed = metadata.version(package.name)
    if installed != package.version:
        raise ValueError(
            f"{package.name} {installed} is installed, {package.version} is locked"
        )
    return [LicenseFactory().make_from_string(licence(package.name))]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
