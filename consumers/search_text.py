"""How long a text may be that people or integrators search for."""

import re

MAX_SEARCH_LENGTH = 200
MAX_SEARCH_WORDS = 8
"""Each word is a condition of its own on every column that is searched."""

_BETWEEN_WORDS = re.compile(r"[\s,]+")
_TOO_LONG = f"Search for up to {MAX_SEARCH_WORDS} words and {MAX_SEARCH_LENGTH} characters."


def search_problem(search: str) -> str:
    """Return why a text is not searched for, in words for people; empty where it is."""
    text = search.strip()
    if len(text) > MAX_SEARCH_LENGTH or len(_BETWEEN_WORDS.split(text.strip(","))) > MAX_SEARCH_WORDS:
        return _TOO_LONG
    return ""
