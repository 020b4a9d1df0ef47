"""The Dockerfile pins what it takes, and takes no more of this folder than it names."""

import re

from paths import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_the_base_is_pinned_by_digest_and_both_stages_stand_on_it() -> None:
    """The interpreter of the environment is the base's, so there is but one."""
    pinned = r"^ARG BASE=python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}$"

    assert re.search(pinned, DOCKERFILE, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE}"] * 2


def test_every_package_comes_by_hash() -> None:
    """What pip fetches is what a lock says; the rest it finds in the image."""
    commands = DOCKERFILE.replace("\\\n", " ")
    calls = re.findall(r"bin/pip(?: \S+)* (?:install|wheel) [^&\n]*", commands)

    assert len(calls) == 4
    for call in calls:
        is_by_hash = "--require-hashes" in call and "--no-deps" in call
        is_at_hand = "--no-index" in call or call.rstrip().endswith(" .")
        assert is_by_hash is not is_at_hand, call


def test_only_what_is_named_reaches_the_build() -> None:
    """No key, no environment file and no history of a checkout ends in a layer."""
    named = {line.removeprefix("!") for line in IGNORED if line.startswith("!")}
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }

    assert IGNORED[1] == "*"
    assert named == copied
    assert all((ROOT / each).exists() for each in named)
