"""What marketers may write as HTML, and the one place that cleans it."""

import re

import nh3

from consumers.services.upsert import is_storable

# fmt: off
_TAGS = {
    "a", "b", "blockquote", "br", "code", "del", "div", "em", "figcaption", "figure", "h1", "h2", "h3", "h4",
    "hr", "i", "img", "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup", "u", "ul"
}
# fmt: on
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "width", "height"}}
_ADDRESSES = frozenset({"href", "src"})
_INSERT = re.compile(r"\s*\{\{\s*(?:link|image)_url_[1-3]\s*\}\}\s*")
_LONGEST = 200_000


def rich_text_cleaned(html: str) -> str:
    """The text without any markup that could harm its reader; addresses are https or an insert that stands for one.

    Text without a tag comes back as it is; so does one that is too long to be accepted, or that is no text at all
    (half surrogates): both are for the check of the definition to refuse.
    """
    if "<" not in html or len(html) > _LONGEST or not is_storable(html):
        return html
    return rich_text_sanitised(html)


def rich_text_sanitised(html: str) -> str:
    """Any text as harmless HTML, as ``rich_text_cleaned``; of one that is too long only the beginning."""
    return nh3.clean(
        html[:_LONGEST], tags=_TAGS, attributes=_ATTRIBUTES, attribute_filter=_attribute_kept, url_schemes={"https"}
    )


def _attribute_kept(tag: str, attribute: str, value: str) -> str | None:
    if attribute not in _ADDRESSES or value.lower().startswith("https://") or _INSERT.fullmatch(value):
        return value
    return None
