"""How hard the tests of properties try: by default, and where seconds count.

It holds no fixture.
"""

from hypothesis import settings

# For `make unit`; `make test` tries hypothesis' own hundred, `make fuzz` has no end.
settings.register_profile("unit", max_examples=30)
