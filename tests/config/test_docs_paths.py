"""The documentation names what exists: files, links, and the classes of the glossary."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PACKAGES = ("consumers", "promotions", "conflicts", "loyalty", "config")
FOLDERS = (*PACKAGES, "tests", "templates", "static", "docs", "deploy", "benchmarks", ".ci")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
PATH = re.compile(rf"(?:{'|'.join(re.escape(folder) for folder in FOLDERS)})/[\w./-]*")
FILE = re.compile(r"[\w-]+\.(?:py|html|js|css|toml|yaml|md)")


def paths_named(text: str) -> Iterator[str]:
    """Yield the paths and file names that a page has in code or in a drawing."""
    for code in CODE.findall(text):
        if PATH.fullmatch(code) or FILE.fullmatch(code):
            yield code
    for drawing in re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL):
        yield from PATH.findall(drawing)
        yield from FILE.findall(drawing)


def exists(path: str) -> bool:
    """Whether a path from the root, or else a file name anywhere in the project, exists."""
    if "/" in path:
        return (ROOT / path).exists()
    return (ROOT / path).exists() or any(any((ROOT / folder).rglob(path)) for folder in FOLDERS)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    assert [path for path in paths_named(page.read_text()) if not exists(path)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(page.read_text()):
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


@pytest.mark.parametrize(
    "name",
    ["docs/glossary.md", "docs/architecture.md", "docs/decisions/0029-one-language-one-house.md", "CONTRIBUTING.md"],
)
def test_every_name_of_code_that_a_page_has_is_defined(name: str) -> None:
    source = "\n".join(file.read_text() for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    names = {
        code
        for code in CODE.findall((ROOT / name).read_text())
        if re.fullmatch(r"[A-Z][A-Za-z]*[a-z]|[A-Z_]{4,}", code)
    }
    defined = set(re.findall(r"^class (\w+)|^([A-Z]\w+)(?: = |: )", source, re.MULTILINE))
    known = {word for words in defined for word in words if word}
    environment = {"DATABASE_URL", "REDIS_URL"}
    assert names - known - environment == set()


def test_the_glossary_has_each_term_once() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    terms = [term.strip() for row in rows if row not in ("term", "---") for term in row.split(",")]
    assert sorted({term for term in terms if terms.count(term) > 1}) == []


def test_the_decisions_are_all_listed_by_their_titles() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"^(\d+)\. \[(.+)\]\((.+)\)$", (folder / "README.md").read_text(), re.MULTILINE)
    titles = {file.name: file.read_text().splitlines()[0] for file in folder.glob("0*.md")}
    assert {file: f"# {number}. {title}" for number, title, file in listed} == titles
