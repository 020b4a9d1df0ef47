"""How hypothesis searches: the same examples on every machine, however slow it is."""

import os

from hypothesis import HealthCheck, settings

# No example fails because the machine is busy, and none is random.
settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("unit", settings.get_profile("default"), max_examples=20)
# `make fuzz` looks for new examples, and prints the seed of one that fails.
settings.register_profile(
    "fuzz",
    settings.get_profile("default"),
    derandomize=False,
    database=None,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "1000")),
)
settings.load_profile("default")
