"""Which commit the exporter was built from.

It must not ask git: what runs may be another thing than the folder it runs in.
"""

from importlib import resources

UNKNOWN = "unknown"
"""What is said of a build that was told no revision, such as a checkout."""

_FILE = "REVISION"


def revision() -> str:
    """Return the revision that the build was told.

    Source: `REVISION`, which scripts/revision_hook.py puts into wheel and sdist.
    """
    file = resources.files("exporter") / _FILE
    return file.read_text(encoding="ascii").strip() if file.is_file() else UNKNOWN
