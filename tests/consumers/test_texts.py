"""Which characters texts and keys may have."""

import pytest

from consumers.texts import key_problem, text_problem

CONTROLS = ["a\x01b", "\x1b[31m", "bell\x07", "a\x7f", "a\x85b"]


def code_of(problem: object) -> str:
    return getattr(problem, "code", "")


@pytest.mark.parametrize("text", CONTROLS)
def test_no_text_and_no_key_has_control_characters(text: str) -> None:
    assert (code_of(text_problem(text)), code_of(key_problem(text))) == ("control_character", "control_character")


@pytest.mark.parametrize("text", ["two\nlines", "a\ttab", "carriage\r\nreturn"])
def test_a_text_may_have_lines_and_a_key_not(text: str) -> None:
    assert (text_problem(text), code_of(key_problem(text))) == (None, "control_character")


@pytest.mark.parametrize(
    "key",
    [
        "A\u200b1",
        "\ufeffA1",
        "A1\u200e",
        "\u202eA1",
        "A\u2066B\u2069",
        "soft\u00adhyphen",
        "\u200dA",
        "A\u200d",
        "A\u200dB",
        "\u200b",
        "A1\ufe0f",
        "\ufe00A1",
        "A\u034f1",
        "A\u3164",
        "\u115fA",
        "A\U000e0041",
        "A\U000e0101",
    ],
)
def test_a_key_has_no_invisible_marks_and_a_text_may(key: str) -> None:
    assert (code_of(key_problem(key)), text_problem(key)) == ("invisible_character", None)


@pytest.mark.parametrize("key", ["A\u2028B", "A\u2029"])
def test_a_key_has_no_separators_of_lines(key: str) -> None:
    assert (code_of(key_problem(key)), text_problem(key)) == ("control_character", None)


@pytest.mark.parametrize("key", ["\u2764\ufe0f", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "\u845b\U000e0100"])
def test_what_emoji_and_ideographs_are_made_of_may_be_in_a_key(key: str) -> None:
    assert key_problem(key) is None


@pytest.mark.parametrize(
    "key",
    ["A1", "ä€🎈", "👩\u200d👧", "\u0645\u06cc\u200c\u062e\u0648", "क्\u200dष", "a b", "\u00a0x", "\ue000", "٣", ".."],
)
def test_any_other_character_may_be_in_a_key(key: str) -> None:
    assert key_problem(key) is None
