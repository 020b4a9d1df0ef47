"""Where the repository and the tests' files are."""

from pathlib import Path

SUPPORT = Path(__file__).parent
TESTDATA = SUPPORT / "testdata"
ROOT = SUPPORT.parents[1]
