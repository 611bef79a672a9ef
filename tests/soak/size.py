"""How much is done: ``SOAK=full`` asks for all of it, else it is as much as every run of the tests can bear."""

import os


def size(small: int, full: int) -> int:
    """One of the two, by what the environment asks for."""
    return full if os.environ.get("SOAK") == "full" else small
