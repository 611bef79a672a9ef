"""Widgets of texts that carry inserts, and of texts that carry markup."""

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
_OF_A_PLACE = (
    ("Links", "link", "Applied promotion link", ("link_url", "link URL"), ("anchor_text", "anchor text")),
    ("Images", "image", "Applied promotion image", ("image_url", "image URL"), ("alt_text", "alt text")),
)

_IMAGE_IN_TEXT = re.compile(r"<img\b[^>]*\bsrc=\"\s*\{\{\s*image_url_([1-3])\s*\}\}\s*\"[^>]*>", re.IGNORECASE)
_IMAGE_IN_EDITOR = re.compile(
    r"<figure\b[^>]*\bdata-trix-content-type=\"application/x-image-([1-3])\"[^>]*>.*?</figure>", re.DOTALL
)


@dataclass(frozen=True, kw_only=True)
class Insert:
    """An entry of the menu of inserts: ``text`` is written as it is, or the link or image of ``place`` is put in.

    ``needs`` names the field of the Content tab that gives it its value; until that has one, it inserts nothing.
    """

    label: str
    text: str = ""
    kind: str = "text"
    place: int = 0
    needs: str = ""


def _written(name: str) -> str:
    return f"{{{{ {name} }}}}"


def inserts_offered(names: tuple[str, ...]) -> list[Insert]:
    """Inserts that stand for a text of the promotion or its transaction."""
    return [Insert(label=INSERT_LABELS[name], text=_written(name)) for name in names if name in INSERT_LABELS]


def insert_menu(names: tuple[str, ...]) -> list[tuple[str, list[Insert]]]:
    """The menu of a message: texts, and the links and images of the Content tab, as wholes and in their parts."""
    if not names:
        return []
    menu = [("Texts", inserts_offered(names))]
    for group, kind, whole, *parts in _OF_A_PLACE:
        entries: list[Insert] = []
        for place in PLACES:
            entries.append(Insert(label=f"{whole} {place}", kind=kind, place=place, needs=f"{parts[0][0]}_{place}"))
            for name, words in parts:
                label, name_of_place = f"Applied promotion {words} {place}", f"{name}_{place}"
                entries.append(Insert(label=label, text=_written(name_of_place), needs=name_of_place))
        menu.append((group, entries))
    return menu


class InsertsInput(forms.TextInput):
    """One line of text with buttons for inserts."""

    template_name = "admin/widgets/inserts_input.html"

    class Media:
        js = ("js/message_editor.js",)

    def __init__(self, inserts: tuple[str, ...], attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__({"class": " ".join(BASE_INPUT_CLASSES), **(attrs or {})})
        self.inserts = inserts

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        return context | {"inserts": inserts_offered(self.inserts)}


class RichTextWidget(forms.Textarea):
    """Text with markup: an editor over the textarea that stays the field. What is saved is cleaned by the service.

    With ``inserts`` it offers them in a menu, the links and images of the Content tab too.
    """

    template_name = "admin/widgets/rich_text.html"

    class Media:
        css = {"all": ("unfold/forms/css/trix/trix.css",)}
        # Deferred: an editor that starts while the page is read would not find its toolbar filled.
        js = (Script("unfold/forms/js/trix/trix.js", defer=True), "js/message_editor.js")

    def __init__(self, label: str, inserts: tuple[str, ...] = ()) -> None:
        super().__init__({"class": " ".join(BASE_INPUT_CLASSES), "rows": 6})
        self.label, self.inserts = label, inserts

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        return context | {
            "label": self.label,
            "menu": insert_menu(self.inserts),
        }

    def format_value(self, value: Any) -> str | None:
        return _IMAGE_IN_TEXT.sub(_image_for_editor, value) if isinstance(value, str) else None

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str | None:
        value = super().value_from_datadict(data, files, name)
        if not isinstance(value, str):
            return None
        return _IMAGE_IN_EDITOR.sub(r'<img src="{{ image_url_\1 }}" alt="{{ alt_text_\1 }}">', value)


def _image_for_editor(found: re.Match[str]) -> str:
    number = found[1]
    content = {
        "content": f'<span class="insert-image">Image {number}</span>',
        "contentType": f"application/x-image-{number}",
    }
    kind = content["contentType"]
    return f'<figure data-trix-attachment="{escape(json.dumps(content))}" data-trix-content-type="{kind}"></figure>'
