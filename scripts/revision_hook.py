"""What the build writes into the package: the commit it was told of.

A hook of hatchling. Without REVISION in the environment it adds nothing, and what was
built says that its revision is unknown; a source distribution passes its own on.
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
        """Add the file, if there is something to write into it.

        Raises:
            ValueError: what was given is no commit.
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
        """Remove what was written beside the build."""
        if self._folder is not None:
            self._folder.cleanup()
