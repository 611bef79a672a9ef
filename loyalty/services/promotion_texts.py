"""Fill in the texts of a promotion: its redemption message and the description of its points."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape, unescape
from typing import Protocol

from django.utils.html import strip_tags

from consumers.types import JsonMapping
from promotions.services.rich_text import CONTENT_RICH_TEXTS, rich_text_sanitised

MAX_SUBJECT_LENGTH = 200

_INSERT = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_LINK = re.compile(r'<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_LINE_END = re.compile(r"<(?:br|hr)>|</(?:blockquote|div|figure|h[1-4]|li|p|pre)>")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")


class PromotionTexts(Protocol):
    """A promotion's name, and the documents of its outcome and content."""

    @property
    def name(self) -> str: ...

    @property
    def outcome(self) -> JsonMapping: ...

    @property
    def content(self) -> JsonMapping: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageText:
    """A message: ``subject`` is one line of plain text, ``body`` sanitised HTML."""

    subject: str
    body: str


def redemption_message(source: PromotionTexts) -> MessageText | None:
    """Return the message to consumers who redeem a promotion; None if it has none.

    Plain values are escaped, rich texts are inserted as HTML, and the whole is sanitised afterwards. The subject is the
    promotion's name if it has no subject of its own.
    """
    template = source.outcome.get("redemption_message", "")
    if not template.strip():
        return None
    values = dict(_values(source))
    html = template if "<" in template else template.replace("\n", "<br>")
    subject = source.outcome.get("redemption_message_subject", "")
    subject = fill_inserts(subject, {name: plain_text(value) for name, value in values.items()})
    return MessageText(
        subject=" ".join((subject.strip() or source.name).split())[:MAX_SUBJECT_LENGTH],
        body=rich_text_sanitised(fill_inserts(html, values)),
    )


def plain_text(html: str) -> str:
    """Return sanitised HTML as plain text, each link followed by its URL in brackets."""
    text = _LINK.sub(r"\2 (\1)", html.replace("\n", " "))
    text = unescape(strip_tags(_LINE_END.sub("\n", text)))
    return _BLANK_LINES.sub("\n\n", text).strip()


def fill_inserts(template: str, values: Mapping[str, str]) -> str:
    """Return a text with its inserts replaced, in one pass: an insert inside a value is not replaced.

    An insert without a value is replaced by nothing.
    """
    return _INSERT.sub(lambda insert: values.get(insert.group(1), ""), template)


def _values(source: PromotionTexts) -> Iterator[tuple[str, str]]:
    """Yield every insert that the promotion has a value for, as HTML."""
    content = source.content
    yield "promotion_name", escape(source.name)
    for name in ("short_description", "long_description", "confirmation_message", "terms_and_conditions"):
        text = content.get(name, "")
        yield name, rich_text_sanitised(text) if name in CONTENT_RICH_TEXTS else escape(text)
    for number, link in enumerate(content.get("links", ()), start=1):
        yield f"link_url_{number}", escape(link["url"])
        yield f"anchor_text_{number}", escape(link["anchor_text"])
    for number, image in enumerate(content.get("images", ()), start=1):
        yield f"image_url_{number}", escape(image["url"])
        yield f"alt_text_{number}", escape(image["alt_text"])


def activity_description(source: PromotionTexts, *, currency: str, spend: str, site_name: str) -> str:
    """Return the description of an award as plain text: the promotion's name if it has no description of its own."""
    values = {"promotion_name": source.name, "currency": currency, "spend": spend, "site_name": site_name}
    return fill_inserts(source.outcome["activity_description"] or "{{ promotion_name }}", values)
