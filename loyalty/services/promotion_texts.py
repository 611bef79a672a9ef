"""Fill in the texts of a promotion: its redemption message and the description of its points."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape, unescape
from typing import Any, Protocol

from django.utils.html import strip_tags

from loyalty.services.promotion import RICH_TEXTS
from promotions.services.rich_text import rich_text_sanitised

LONGEST_SUBJECT = 200

_INSERT = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_LINK = re.compile(r'<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_LINE_END = re.compile(r"<(?:br|hr)>|</(?:blockquote|div|figure|h[1-4]|li|p|pre)>")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")


class PromotionTexts(Protocol):
    """What a promotion's words are made of: its name, and the documents of its outcome and content."""

    @property
    def name(self) -> str: ...

    @property
    def outcome(self) -> Mapping[str, Any]: ...

    @property
    def content(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageText:
    """``subject`` is one line of plain text, ``body`` harmless HTML."""

    subject: str
    body: str


def message_text(source: PromotionTexts) -> MessageText | None:
    """What a promotion says to those who redeem it; None where it says nothing.

    Values are escaped; those that are rich text themselves are inserted as such, and all of it is sanitised after. A
    message without a subject of its own has the promotion's name for one.
    """
    written = source.outcome.get("redemption_message", "")
    if not written.strip():
        return None
    values = dict(_values(source))
    html = written if "<" in written else written.replace("\n", "<br>")
    subject = source.outcome.get("redemption_message_subject", "")
    subject = inserts_filled(subject, {name: plain_text(value) for name, value in values.items()})
    return MessageText(
        subject=" ".join((subject.strip() or source.name).split())[:LONGEST_SUBJECT],
        body=rich_text_sanitised(inserts_filled(html, values)),
    )


def plain_text(html: str) -> str:
    """Harmless HTML as plain text, with addresses behind the words that lead there."""
    text = _LINK.sub(r"\2 (\1)", html.replace("\n", " "))
    text = unescape(strip_tags(_LINE_END.sub("\n", text)))
    return _BLANK_LINES.sub("\n\n", text).strip()


def inserts_filled(written: str, values: Mapping[str, str]) -> str:
    """A text with its inserts filled in, in one pass: what a value holds is never taken for an insert.

    One without a value is filled with nothing.
    """
    return _INSERT.sub(lambda insert: values.get(insert.group(1), ""), written)


def _values(source: PromotionTexts) -> Iterator[tuple[str, str]]:
    """Every insert that the promotion has a value for, as HTML."""
    content = source.content
    yield "promotion_name", escape(source.name)
    for name in ("short_description", "long_description", "confirmation_message", "terms_and_conditions"):
        text = content.get(name, "")
        yield name, rich_text_sanitised(text) if name in RICH_TEXTS["content"] else escape(text)
    for number, link in enumerate(content.get("links", ()), start=1):
        yield f"link_url_{number}", escape(link["url"])
        yield f"anchor_text_{number}", escape(link["anchor_text"])
    for number, image in enumerate(content.get("images", ()), start=1):
        yield f"image_url_{number}", escape(image["url"])
        yield f"alt_text_{number}", escape(image["alt_text"])


def activity_description(source: PromotionTexts, *, currency: str, spend: str, site_name: str) -> str:
    """The description of one award as plain text; a promotion without one of its own is described by its name."""
    values = {"promotion_name": source.name, "currency": currency, "spend": spend, "site_name": site_name}
    return inserts_filled(source.outcome["activity_description"] or "{{ promotion_name }}", values)
