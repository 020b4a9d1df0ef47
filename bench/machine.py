"""What the run was made on, as far as it matters to a number."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from bench import fleet

PACKAGES = (
    "aiohttp",
    "alibabacloud-rocketmq20220801",
    "isal",
    "msgspec",
    "prometheus-client",
)


def describe() -> Mapping[str, str]:
    """Return names and values for the report."""
    return {
        "CPU": f"{_field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{_memory_gib()} GiB",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        "Go": fleet.go_version() or "none",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _memory_gib() -> int:
    kib = int(_field("/proc/meminfo", "MemTotal").split()[0])
    return round(kib / 2**20)


def _field(path: str, name: str) -> str:
    lines = Path(path).read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith(name)),
        platform.machine(),
    )
