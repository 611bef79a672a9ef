"""Screens speak as a retail marketer would: phrases that nobody says do not come back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PACKAGES = ("config", "consumers", "promotions", "conflicts", "loyalty")

UNSAID = (
    r"\banew\b",
    r"\bbeside\b",
    r"\bmend(s|ed)?\b",
    r"\bso many\b",
    r"\bso much\b",
    r"\bwho fit\b",
    r"\bfits? what\b",
    r"\bNo row fits\b",
    r"(^|>|\")Empty:",
    r"\bAs usual\b",
    r"\bserves? two sets\b",
    r"\blimits hold\b",
    r"\bwhat one voucher counts\b",
    r"\byou say so\b",
    r"\bas they are\b",
    r"\btold so\b",
    r"\bIt stands\b",
    r"\bstands as\b",
    r"\bas it stands\b",
    r"\bVouchers out\b",
    r"\bwait for you\b",
    r"\bintegrators name it\b",
    r"\bchanges nothing\b",
    r"^Stop (it|them)\W*$",
    r"\bNobody chosen\b",
    r"\bSomebody who works\b",
    r"\bsays the same\b",
    r"\bthat are asked\b",
    r"\bas is asked\b",
    r"\bBack to the overview\b",
    r"\bJSON, for experts\b",
    r"\bTogether in one basket\b",
    r"\bCost per basket\b",
    r"\bnone ends\b",
    r"^Expected (a|an|true|yes)\b",
    r"\b(is|are) expected\.",
    r"\b(is|are) (not )?taken( at once)?\.",
    r"\b(is|are) given (once|twice)\.",
    r"\bknown are\b",
    r"\bhas no such\b",
    r"\bdoes not reach\b",
    r"\bcontain what it must\b",
    r"\bparts count\b",
    r"\bevery 1 unit\b",
    r"\bget it, as a control group\b",
    r"^Say (which|whose|when|what|of)\b",
    r"\bwhich row is which\b",
    r"\bnot your fault\b",
    r"\bwaited too long\b",
    r"\bKeep no longer\b",
    r"\bstays as it is\b",
    r"\bmay stand\b",
    r"\brules must hold\b",
    r"\bThis is no (JSON|CSV)\b",
    r"\bLeaves \w+ alone\b",
    r"\bforbids it\b",
)
"""Phrases of no marketer, as regular expressions without regard to case."""

UNSAID_PHRASE = re.compile("|".join(UNSAID), re.IGNORECASE)

COMMENTS = re.compile(r"\{#.*?#\}|\{% comment.*?endcomment %\}|<!--.*?-->|/\*.*?\*/|(?<=\s)//[^\n]*", re.DOTALL)


def python_texts(source: str) -> Iterator[str]:
    """Yield the strings of a module, without its docstrings."""
    tree = ast.parse(source)
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


def texts_of(path: Path) -> Iterator[str]:
    """Yield what a file may put on a screen."""
    source = path.read_text()
    if path.suffix == ".py":
        yield from python_texts(source)
    else:
        yield COMMENTS.sub(" ", source)


def screen_files() -> Iterator[Path]:
    """Yield the modules, templates and scripts whose texts people read."""
    for package in PACKAGES:
        yield from (path for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts)
    yield from (path for path in (ROOT / "templates").rglob("*") if path.suffix in (".html", ".txt"))
    yield from (ROOT / "static/js").glob("*.js")


def unsaid_in(path: Path) -> list[str]:
    """Return the phrases of a file that nobody says, each with some text around it."""
    return [
        f"{path.relative_to(ROOT)}: {text[max(0, match.start() - 30) : match.end() + 30]!r}"
        for text in texts_of(path)
        for match in UNSAID_PHRASE.finditer(text)
    ]


def test_no_screen_says_what_nobody_says() -> None:
    assert [phrase for path in screen_files() for phrase in unsaid_in(path)] == []


def test_all_kinds_of_files_are_read() -> None:
    assert {path.suffix for path in screen_files()} == {".py", ".html", ".txt", ".js"}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.py", 'HELP = f"{count} points, beside {base} base points"'),
        ("a.py", 'HELP = ("It stands as: "\n    "It had been stopped")'),
        ("a.html", "<p>{% translate 'Mend this in the file' %}</p>"),
        ("a.js", 'say("counts anew"); // fine'),
        ("a.py", 'raise ValueError("Expected a list of texts.")'),
        ("a.html", '<p>{% translate "Empty:" %} all sites qualify</p>'),
    ],
)
def test_a_phrase_is_recognized_in_every_kind_of_file(tmp_path: Path, name: str, source: str) -> None:
    path = tmp_path / name
    path.write_text(source)
    assert any(UNSAID_PHRASE.search(text) for text in texts_of(path))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.py", 'def f() -> None:\n    """Stand beside it."""  # beside\n'),
        ("a.html", "{# beside #}<p>next to</p><!-- anew -->"),
        ("a.js", '/* as it stands */ say("next"); // beside'),
    ],
)
def test_comments_and_docstrings_are_not_screens(tmp_path: Path, name: str, source: str) -> None:
    path = tmp_path / name
    path.write_text(source)
    assert not any(UNSAID_PHRASE.search(text) for text in texts_of(path))
