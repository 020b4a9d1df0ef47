"""The reliability page names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reliability_proofs import BAD_INPUTS, LOADS, Proof

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.parametrize("proof", [*BAD_INPUTS, *LOADS], ids=lambda proof: proof.test)
def test_what_the_page_claims_is_what_a_test_shows(proof: Proof) -> None:
    """A test that is renamed or dropped takes its claim along."""
    file, name = proof.test.split("::")

    text = (REPOSITORY / file).read_text()

    assert re.search(rf"def {name}\(", text)
