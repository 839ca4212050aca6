"""How long property tests search: briefly in every run, `--hypothesis-profile=thorough` for long.

A test whose examples cost more than others takes a share of `settings.default.max_examples`, so
that both profiles reach it.
"""

from hypothesis import HealthCheck, settings

# Other work on the machine is no failure: no deadlines.
calm = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("short", calm, max_examples=10)
settings.register_profile("thorough", calm, max_examples=500)
settings.load_profile("short")
