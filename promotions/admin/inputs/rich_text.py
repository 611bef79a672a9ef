"""Widgets of texts with inserts (placeholders that a message fills in), and of rich texts."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from django import forms
from django.forms.widgets import Script
from unfold.widgets import BASE_INPUT_CLASSES

INSERT_LABELS = {
    "promotion_name": "Applied promotion name",
    "currency": "Currency",
    "spend": "Spend",
    "site_name": "Site name",
    "short_description": "Applied promotion short description",
    "long_description": "Applied promotion long description",
    "confirmation_message": "Applied promotion confirmation message",
    "terms_and_conditions": "Applied promotion terms and conditions",
}
PLACES = (1, 2, 3)
_LINKS_AND_IMAGES = (
    ("Links", "link", "Applied promotion link", ("link_url", "link URL"), ("anchor_text", "anchor text")),
    ("Images", "image", "Applied promotion image", ("image_url", "image URL"), ("alt_text", "alt text")),
)

_IMAGE_IN_TEXT = re.compile(r"<img\b[^>]*\bsrc=\"\s*\{\{\s*image_url_([1-3])\s*\}\}\s*\"[^>]*>", re.IGNORECASE)
_IMAGE_IN_EDITOR = re.compile(
    r"<figure\b[^>]*\bdata-trix-content-type=\"application/x-image-([1-3])\"[^>]*>.*?</figure>", re.DOTALL
)


@dataclass(frozen=True, kw_only=True)
class Insert:
    """An entry of the menu of inserts: it inserts ``text``, or the link or image number ``place`` of the Content tab.

    ``needs`` names the field of the Content tab that has its value; while that is blank, it inserts nothing.
    """

    label: str
    text: str = ""
    kind: str = "text"
    place: int = 0
    needs: str = ""


def _placeholder(name: str) -> str:
    return f"{{{{ {name} }}}}"


def inserts_offered(names: tuple[str, ...]) -> list[Insert]:
    """Return the inserts of texts of the promotion or its transaction."""
    return [Insert(label=INSERT_LABELS[name], text=_placeholder(name)) for name in names if name in INSERT_LABELS]


def insert_menu(names: tuple[str, ...]) -> list[tuple[str, list[Insert]]]:
    """Return the menu of a message: texts, and the links and images of the Content tab, whole and in parts."""
    if not names:
        return []
    menu = [("Texts", inserts_offered(names))]
    for group, kind, whole, *parts in _LINKS_AND_IMAGES:
        entries: list[Insert] = []
        for place in PLACES:
            entries.append(Insert(label=f"{whole} {place}", kind=kind, place=place, needs=f"{parts[0][0]}_{place}"))
            for name, words in parts:
                label, name_of_place = f"Applied promotion {words} {place}", f"{name}_{place}"
                entries.append(Insert(label=label, text=_placeholder(name_of_place), needs=name_of_place))
        menu.append((group, entries))
    return menu


class InsertsInput(forms.TextInput):
    """A line of text with buttons for inserts."""

    template_name = "admin/widgets/inserts_input.html"

    class Media:
        js = ("js/message_editor.js",)

    def __init__(self, inserts: tuple[str, ...], attrs: Mapping[str, object] | None = None) -> None:
        super().__init__({"class": " ".join(BASE_INPUT_CLASSES), **(attrs or {})})
        self.inserts = inserts

    def get_context(self, name: str, value: object, attrs: dict[str, object] | None) -> dict[str, object]:
        context: dict[str, object] = super().get_context(name, value, attrs)
        return context | {"inserts": inserts_offered(self.inserts)}


class RichTextWidget(forms.Textarea):
    """An editor of rich text over a textarea, which stays the field. The service cleans what is saved.

    With ``inserts`` it has a menu of them and of the links and images of the Content tab.
    """

    template_name = "admin/widgets/rich_text.html"

    class Media:
        css = {"all": ("unfold/forms/css/trix/trix.css",)}
        # Deferred: an editor that starts before the page is parsed would find its toolbar empty.
        js = (Script("unfold/forms/js/trix/trix.js", defer=True), "js/message_editor.js")

    def __init__(self, label: str, inserts: tuple[str, ...] = ()) -> None:
        super().__init__({"class": " ".join(BASE_INPUT_CLASSES), "rows": 6})
        self.label, self.inserts = label, inserts

    def get_context(self, name: str, value: object, attrs: dict[str, object] | None) -> dict[str, object]:
        context: dict[str, object] = super().get_context(name, value, attrs)
        return context | {
            "label": self.label,
            "menu": insert_menu(self.inserts),
        }

    def format_value(self, value: object) -> str | None:
        return _IMAGE_IN_TEXT.sub(_image_for_editor, value) if isinstance(value, str) else None

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str | None:
        value = super().value_from_datadict(data, files, name)
        if not isinstance(value, str):
            return None
        return _IMAGE_IN_EDITOR.sub(r'<img src="{{ image_url_\1 }}" alt="{{ alt_text_\1 }}">', value)


def _image_for_editor(match: re.Match[str]) -> str:
    number = match[1]
    content = {
        "content": f'<span class="insert-image">Image {number}</span>',
        "contentType": f"application/x-image-{number}",
    }
    kind = content["contentType"]
    return f'<figure data-trix-attachment="{escape(json.dumps(content))}" data-trix-content-type="{kind}"></figure>'
