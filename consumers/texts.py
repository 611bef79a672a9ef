"""Which characters texts and keys may have.

No text has control characters, which no screen shows and no receipt prints; a text of several lines has tabs and line
breaks. A key has none of these either, and no invisible marks, with which two keys look the same: zero-width
characters, marks of direction, fillers, and what chooses the shape of a character that has but one. Joiners between
letters of scripts that need them, and what emoji are made of, are part of a text.
"""

import re
from typing import NamedTuple

_CONTROL_IN_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_CONTROL_IN_KEY = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_INVISIBLE_IN_KEY = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb]"
    # Selectors of a shape where there is none to select.
    "|(?:^|(?<=[\x00-\u02ff\u2000-\u206f]))[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
    # Tags that do not make a flag.
    "|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e00ff]"
    # Joiners that join nothing: at an end, or beside a character that never joins.
    "|(?:^|(?<=[\x00-\u02ff\u2000-\u206f]))[\u200c\u200d]|[\u200c\u200d](?=$|[\x00-\u02ff\u2000-\u206f])"
)


class TextProblem(NamedTuple):
    """Why a text or a key is refused: a stable code, and words for people."""

    code: str
    detail: str


def _named(character: str) -> str:
    return f"U+{ord(character):04X}"


def text_problem(text: str) -> TextProblem | None:
    """Return why a text is refused, or None."""
    if text.isprintable():
        return None
    control = _CONTROL_IN_TEXT.search(text)
    if control is None:
        return None
    return TextProblem("control_character", f"This has a control character ({_named(control.group())}). Remove it.")


def key_problem(key: str) -> TextProblem | None:
    """Return why a key is refused, or None. Blanks and lengths are the caller's."""
    # Beyond ASCII, marks that cannot be seen may count as printable.
    if key.isascii() and key.isprintable():
        return None
    if control := _CONTROL_IN_KEY.search(key):
        return TextProblem("control_character", f"This has a control character ({_named(control.group())}). Remove it.")
    if mark := _INVISIBLE_IN_KEY.search(key):
        detail = f"This has an invisible character ({_named(mark.group())}). Delete it and type the text again."
        return TextProblem("invisible_character", detail)
    return None
