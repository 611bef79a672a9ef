"""The words of redemption messages."""

from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty.services.promotion_texts import MessageText, plain_text, redemption_message
from promotions.engine.rulebook.promotion import PromotionSource

SCRIPT = "<script>x()</script>"
LINK = {"url": "https://shop.example/?a=1&b=2", "anchor_text": "<b>Tea</b>"}
IMAGE = {"url": "https://shop.example/tea.png", "alt_text": 'A "cup"'}


def make_source(message: str, *, subject: str = "", name: str = "Tea & cake", **content: Any) -> PromotionSource:
    return PromotionSource(
        id=1,
        family="loyalty",
        code="tea",
        type="fixed_points",
        subtype="",
        name=name,
        version=1,
        version_id=1,
        currency="GBP",
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        ends_at=None,
        draft=False,
        stopped_at=None,
        outcome={"redemption_message": message, "redemption_message_subject": subject},
        eligibility={},
        content=content,
    )


def message_text(message: str, **more: Any) -> MessageText:
    text = redemption_message(make_source(message, **more))
    assert text is not None
    return text


def body(message: str, **more: Any) -> str:
    return message_text(message, **more).body


@pytest.mark.parametrize("message", ["", "  \n"])
def test_a_promotion_without_a_message_sends_none(message: str) -> None:
    assert redemption_message(make_source(message, subject="Thanks")) is None


def test_a_discount_sends_no_message() -> None:
    source = make_source("")
    assert (
        redemption_message(PromotionSource(**{**{n: getattr(source, n) for n in source.__slots__}, "outcome": {}}))
        is None
    )


@pytest.mark.parametrize(
    ("message", "content", "html"),
    [
        ("<p>{{ promotion_name }}</p>", {}, "<p>Tea &amp; cake</p>"),
        ("<p>{{promotion_name}}{{  promotion_name  }}</p>", {}, "<p>Tea &amp; cakeTea &amp; cake</p>"),
        ("<p>{{ short_description }}</p>", {"short_description": "<b>2</b>"}, "<p>&lt;b&gt;2&lt;/b&gt;</p>"),
        ("{{ confirmation_message }}", {"confirmation_message": SCRIPT}, "&lt;script&gt;x()&lt;/script&gt;"),
        ("<p title='{{ promotion_name }}'>Hi</p>", {"name": "' onclick='x()"}, "<p title=\"' onclick='x()\">Hi</p>"),
        ("<p>{{ long_description }}</p>", {"long_description": "So <b>much</b> tea"}, "<p>So <b>much</b> tea</p>"),
        ("<p>{{ long_description }}</p>", {"long_description": "Tea & cake"}, "<p>Tea &amp; cake</p>"),
        ("{{ terms_and_conditions }}", {"terms_and_conditions": "<em>One</em> each"}, "<em>One</em> each"),
        ("<p>{{ short_description }}</p>", {}, "<p></p>"),
        ("Thanks & bye\n{{ promotion_name }}", {}, "Thanks &amp; bye<br>Tea &amp; cake"),
        (
            '<a href="{{ link_url_1 }}">{{ anchor_text_1 }}</a>',
            {"links": [LINK]},
            '<a href="https://shop.example/?a=1&amp;b=2" rel="noopener noreferrer">&lt;b&gt;Tea&lt;/b&gt;</a>',
        ),
        (
            '<img src="{{ image_url_2 }}" alt="{{ alt_text_2 }}">',
            {"images": [IMAGE, IMAGE]},
            '<img src="https://shop.example/tea.png" alt="A &quot;cup&quot;">',
        ),
        ('<a href="{{ link_url_3 }}">gone</a>', {"links": [LINK]}, '<a rel="noopener noreferrer">gone</a>'),
    ],
)
def test_inserts_are_filled_in_and_escaped(message: str, content: dict[str, Any], html: str) -> None:
    assert body(message, **content) == html


@pytest.mark.parametrize(
    ("message", "content"),
    [
        (f"<p onclick='x()'>Hi</p>{SCRIPT}", {}),
        ("<a href='{{ link_url_1 }}'>Hi</a>", {"links": [{"url": "javascript:x()", "anchor_text": ""}]}),
        ("<a href='{{ link_url_1 }}'>Hi</a>", {"links": [{"url": "http://x.example", "anchor_text": ""}]}),
        ("<a href='{{ link_url_1 }}'>Hi</a>", {"links": [{"url": "https://a' onclick='x()", "anchor_text": ""}]}),
        ("<img src='{{ image_url_1 }}'>Hi", {"images": [{"url": "data:image/png;base64,AA", "alt_text": ""}]}),
        ("<p>{{ long_description }}Hi</p>", {"long_description": "<script>x()</script><img src=x onerror='x()'>"}),
    ],
)
def test_harmful_markup_is_removed_after_inserts_are_filled_in(message: str, content: dict[str, Any]) -> None:
    html = body(message, **content)
    assert "Hi" in html
    for harm in ("<script", "javascript:", "http://", "data:", "onerror", " onclick=", "onmouseover"):
        assert harm not in html


def test_inserts_in_a_filled_in_value_are_not_replaced() -> None:
    assert "{{ short_description }}" in body(
        "<p>{{ promotion_name }}</p>", name="{{ short_description }}", short_description="twice"
    )


@pytest.mark.parametrize(
    ("subject", "content", "line"),
    [
        ("", {}, "Tea & cake"),
        ("Thanks for {{ promotion_name }}!", {}, "Thanks for Tea & cake!"),
        ("{{ long_description }}", {"long_description": "<p>So <b>much</b></p><p>&amp; more</p>"}, "So much & more"),
        ("{{ short_description }}", {}, "Tea & cake"),
        ("Hi\r\nBcc: all@x.example", {}, "Hi Bcc: all@x.example"),
        ("{{ short_description }}", {"short_description": "a\nb" * 200}, ("a b" * 200)[:200]),
    ],
)
def test_the_subject_is_one_line_of_plain_text(subject: str, content: dict[str, Any], line: str) -> None:
    assert message_text("Hi", subject=subject, **content).subject == line


def test_mail_programs_without_html_get_text_and_link_addresses() -> None:
    html = (
        '<h1>Thanks</h1><p>Two &amp; two<br>more</p><ul><li>One</li><li><a href="https://x.example/?a=1&amp;b=2" '
        'rel="noopener noreferrer">Tea</a></li></ul><img src="https://x.example/a.png">'
    )
    assert plain_text(html) == "Thanks\nTwo & two\nmore\nOne\nTea (https://x.example/?a=1&b=2)"
