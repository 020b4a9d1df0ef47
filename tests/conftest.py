"""How hypothesis searches: the same examples on every machine, however slow it is."""

from hypothesis import HealthCheck, settings

# No example fails because the machine is busy, and none is chosen by chance.
# `make fuzz` looks for new ones.
settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("unit", settings.get_profile("default"), max_examples=20)
settings.load_profile("default")
