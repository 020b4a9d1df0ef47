"""Writes the commit that a build is given into the package.

A hook of hatchling. Without REVISION in the environment it adds nothing, and the
revision is unknown; a wheel from a source distribution has the commit of that.
"""

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "REVISION"
"""The environment variable, and the file in the package."""

_COMMIT = re.compile(r"[0-9a-f]{7,64}(-dirty)?")


class RevisionHook(BuildHookInterface[Any]):
    """Adds exporter/REVISION to what is built."""

    PLUGIN_NAME = "custom"
    _folder: TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file if a commit is given.

        Raises:
            ValueError: REVISION is not a commit.
        """
        revision = os.environ.get(VARIABLE)
        if not revision or version == "editable":
            return
        if not _COMMIT.fullmatch(revision):
            raise ValueError(f"{VARIABLE}: expected a commit, such as 1a2b3c4d")
        self._folder = TemporaryDirectory()
        written = Path(self._folder.name) / VARIABLE
        written.write_text(f"{revision}\n", encoding="ascii")
        build_data["force_include"][str(written)] = f"exporter/{VARIABLE}"

    def finalize(
        self,
        version: str,  # noqa: ARG002 - hatchling's signature
        build_data: dict[str, Any],  # noqa: ARG002 - the same
        artifact_path: str,  # noqa: ARG002 - the same
    ) -> None:
        """Remove the temporary file."""
        if self._folder is not None:
            self._folder.cleanup()
