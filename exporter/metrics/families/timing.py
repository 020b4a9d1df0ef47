"""What HELP texts say of how fresh a value is, and of when it is withdrawn.

It holds words only, each shared by several families.
"""

from __future__ import annotations

POLL = "As of the last complete poll: on the exporter's own timer, not when scraped."
TRY = "As of the last poll: on the exporter's own timer, not when scraped."
SCRAPE = (
    "Computed when scraped, at most once a second, from the last complete poll, "
    "which the exporter's own timer starts."
)
DISCOVERY = "As of the last discovery: on the exporter's own timer, not when scraped."
STALE = "when the route had no complete poll within poll.stale_after"
CUT = "beyond metrics.max_checkpoints"
