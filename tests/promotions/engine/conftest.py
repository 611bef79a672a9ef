"""Properties are tried on the same examples in every run."""

from hypothesis import settings

settings.register_profile("engine", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("engine")
