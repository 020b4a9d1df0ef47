"""Prometheus exporter for the replication lag of RocketMQ disaster-recovery plans."""

from pathlib import Path

__version__ = "0.1.0"
REPOSITORY = "https://github.com/rocketmq-dr/rocketmq-dr-exporter"


def revision() -> str:
    """Return the commit that the build was told, "unknown" in a checkout.

    Source: `REVISION`, which scripts/revision_hook.py puts into wheel and sdist.
    """
    file = Path(__file__).with_name("REVISION")
    return file.read_text(encoding="ascii").strip() if file.is_file() else "unknown"
