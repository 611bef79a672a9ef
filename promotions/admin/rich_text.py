"""Widgets of texts that carry inserts, and of texts that carry markup."""

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from django import forms
from django.forms.widgets import Script
from unfold.widgets import BASE_INPUT_CLASSES

INSERT_LABELS = {
    "promotion_name": "Promotion name",
    "currency": "Currency",
    "spend": "Spend",
    "site_name": "Site name",
    "short_description": "Short description",
    "long_description": "Long description",
    "confirmation_message": "Confirmation message",
    "terms_and_conditions": "Terms and conditions",
}
PLACES = (1, 2, 3)

_IMAGE_IN_TEXT = re.compile(r"<img\b[^>]*\bsrc=\"\s*\{\{\s*image_url_([1-3])\s*\}\}\s*\"[^>]*>", re.IGNORECASE)
_IMAGE_IN_EDITOR = re.compile(
    r"<figure\b[^>]*\bdata-trix-content-type=\"application/x-image-([1-3])\"[^>]*>.*?</figure>", re.DOTALL
)


def inserts_offered(names: tuple[str, ...]) -> list[dict[str, str]]:
    """Buttons for plain inserts: what they write, and what they say."""
    return [{"text": f"{{{{ {name} }}}}", "label": INSERT_LABELS[name]} for name in names if name in INSERT_LABELS]


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

    With ``inserts`` it offers them, and the links and images of the Content tab as well.
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
            "inserts": inserts_offered(self.inserts),
            "places": PLACES if self.inserts else (),
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
