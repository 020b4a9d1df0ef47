"""What the real Alertmanager holds back is known, and then forgotten."""

from __future__ import annotations

from pathlib import Path

from incidents.alertmanager import judge
from incidents.samples import Labels

CONFIG = {
    "route": {"receiver": "pager"},
    "receivers": [{"name": "pager", "webhook_configs": [{"url": "fill-in://"}]}],
    "inhibit_rules": [
        {
            "source_matchers": ['alertname = "Down"'],
            "target_matchers": ['alertname = "Behind"'],
            "equal": ["job"],
        }
    ],
}


def alert(name: str, job: str = "a") -> Labels:
    """Return an alert's labels."""
    return ("alertname", name), ("job", job)


async def test_an_inhibition_holds_while_its_source_fires_and_no_longer(
    tmp_path: Path,
) -> None:
    """One process answers for all incidents, so none may be left in it."""
    async with judge(CONFIG, tmp_path) as server:
        both = await server.inhibited([alert("Behind"), alert("Down")])
        other = await server.inhibited([alert("Behind"), alert("Down", "b")])
        alone = await server.inhibited([alert("Behind")])
        again = await server.inhibited([alert("Down"), alert("Behind")])

    assert both == again == {alert("Behind")}
    assert other == alone == set()
