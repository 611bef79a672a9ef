"""The HTML that marketers may write, and the one place that cleans it."""

import re
from collections.abc import Mapping, Sequence

import nh3

from consumers.services.upsert import is_storable

# fmt: off
_TAGS = {
    "a", "b", "blockquote", "br", "code", "del", "div", "em", "figcaption", "figure", "h1", "h2", "h3", "h4",
    "hr", "i", "img", "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup", "u", "ul"
}
# fmt: on
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "width", "height"}}
_URL_ATTRIBUTES = frozenset({"href", "src"})
_INSERT = re.compile(r"\s*\{\{\s*(?:link|image)_url_[1-3]\s*\}\}\s*")
_MAX_LENGTH = 200_000


CONTENT_RICH_TEXTS = ("long_description", "terms_and_conditions")
"""The texts of a promotion's content that hold HTML; all others are plain text, escaped where they are shown."""


def document_cleaned(document: object, names: Sequence[str]) -> object:
    """Return a document with its rich texts cleaned, before their lengths are checked; a malformed one unchanged."""
    if not isinstance(document, Mapping):
        return document
    texts = {name: text for name in names if isinstance(text := document.get(name), str)}
    return {**document, **{name: rich_text_cleaned(text) for name, text in texts.items()}}


def rich_text_cleaned(html: str) -> str:
    """Return HTML without markup that could harm its reader; URLs are https, or an insert for one.

    Text without a tag is returned unchanged; so is text that is too long or cannot be stored (half surrogates), which
    the check of the definition refuses.
    """
    if "<" not in html or len(html) > _MAX_LENGTH or not is_storable(html):
        return html
    return rich_text_sanitised(html)


def rich_text_sanitised(html: str) -> str:
    """Return any text as harmless HTML, as ``rich_text_cleaned`` does; text that is too long is cut off."""
    return nh3.clean(
        html[:_MAX_LENGTH],
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_filter_attribute,
        url_schemes={"https"},
    )


def _filter_attribute(tag: str, attribute: str, value: str) -> str | None:
    if attribute not in _URL_ATTRIBUTES or value.lower().startswith("https://") or _INSERT.fullmatch(value):
        return value
    return None
