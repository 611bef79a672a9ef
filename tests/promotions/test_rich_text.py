"""Rich text is cleaned in one place."""

import pytest

from promotions.services.rich_text import rich_text_cleaned


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Tea & <b>coffee</b>", "Tea &amp; <b>coffee</b>"),
        ("Tea & coffee, 2 for 1", "Tea & coffee, 2 for 1"),
        ("<p onclick='x()'>Hi</p><script>x()</script>", "<p>Hi</p>"),
        ("<a href='http://shop.example'>shop</a>", '<a rel="noopener noreferrer">shop</a>'),
        ("<a href='//shop.example'>shop</a>", '<a rel="noopener noreferrer">shop</a>'),
        ("<a href='/shop'>shop</a>", '<a rel="noopener noreferrer">shop</a>'),
        ("<a href='javascript:x()'>shop</a>", '<a rel="noopener noreferrer">shop</a>'),
        ("<a href='https://shop.example'>s</a>", '<a href="https://shop.example" rel="noopener noreferrer">s</a>'),
        ("<a href='{{ link_url_1 }}'>s</a>", '<a href="{{ link_url_1 }}" rel="noopener noreferrer">s</a>'),
        ("<a href='{{ promotion_name }}'>s</a>", '<a rel="noopener noreferrer">s</a>'),
        ("<img src='{{ image_url_2 }}' onerror='x()'>", '<img src="{{ image_url_2 }}">'),
        ("<img src='data:image/png;base64,AA'>", "<img>"),
        ("<style>p{}</style><iframe src='https://x.example'></iframe>ok", "ok"),
    ],
)
def test_only_harmless_markup_is_kept(written: str, kept: str) -> None:
    assert rich_text_cleaned(written) == kept


@pytest.mark.parametrize("text", ["Tea & <b>coffee</b> < 5", "<a href='https://a.example/?a=1&b=2'>x</a>", "<<p>>"])
def test_clean_text_is_unchanged(text: str) -> None:
    once = rich_text_cleaned(text)
    assert rich_text_cleaned(once) == once


@pytest.mark.parametrize("text", ["<b>\ud800</b>", "<b>\x00</b>", "<" * 300_000])
def test_unacceptable_text_is_left_for_the_check_to_refuse(text: str) -> None:
    assert rich_text_cleaned(text) == text
