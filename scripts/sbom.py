"""Which packages run beside the exporter: a CycloneDX SBOM of requirements.lock."""

import json
import os
import sys
from collections.abc import Sequence
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

from exporter import __version__
from scripts.locked import Locked, declared, licence, required, runtime


def sbom(packages: Sequence[Locked], made_at: datetime | None = None) -> str:
    """Return the SBOM as JSON; with None it says no time.

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
    # The library makes both up, and no two runs would be alike.
    del written["serialNumber"]
    if made_at is None:
        del written["metadata"]["timestamp"]
    return json.dumps(written, indent=2, sort_keys=True) + "\n"


def main(file: Path) -> None:
    """Write the SBOM of requirements.lock into a file."""
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
