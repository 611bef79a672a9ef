"""Set the size of the soak tests: full with ``SOAK=full``, otherwise small enough for every test run."""

import os


def size(small: int, full: int) -> int:
    """Return ``full`` where the environment asks for it, otherwise ``small``."""
    return full if os.environ.get("SOAK") == "full" else small
