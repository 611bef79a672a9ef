"""The Content tab: its fields, its sections, and the document that they are read from and written to."""

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
)

from promotions.admin.inputs.rich_text import RichTextWidget
from promotions.engine.definition.fields import CONTENT_TEXTS, MAX_LINKS

PLACES = tuple(range(1, MAX_LINKS + 1))
"""The numbers of the links, and of the images."""


CONTENT_SECTIONS: tuple[tuple[str, Any], ...] = (
    ("Content", {"classes": ("tab",), "fields": tuple(CONTENT_TEXTS)}),
    ("Links", {"fields": tuple((f"link_url_{n}", f"anchor_text_{n}") for n in PLACES)}),
    ("Images", {"fields": tuple((f"image_url_{n}", f"alt_text_{n}") for n in PLACES)}),
)
"""The tab with its sections."""

CONTENT_PATHS: Mapping[str, str] = {
    **{f"content.{name}": name for name in CONTENT_TEXTS},
    **{f"content.links.{n - 1}.url": f"link_url_{n}" for n in PLACES},
    **{f"content.links.{n - 1}.anchor_text": f"anchor_text_{n}" for n in PLACES},
    **{f"content.images.{n - 1}.url": f"image_url_{n}" for n in PLACES},
    **{f"content.images.{n - 1}.alt_text": f"alt_text_{n}" for n in PLACES},
}
"""The field at which a problem of the document is shown, by the start of the problem's path."""

_LISTS = (("links", "link_url", "anchor_text"), ("images", "image_url", "alt_text"))


def content_values(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the fields from the document."""
    values = {name: content.get(name) for name in CONTENT_TEXTS}
    for kind, address, text in _LISTS:
        for number, entry in enumerate(content.get(kind) or (), start=1):
            values[f"{address}_{number}"] = entry.get("url")
            values[f"{text}_{number}"] = entry.get(text)
    return values


def content_document(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document from the values of the fields."""
    document: dict[str, Any] = {name: values[name] for name in CONTENT_TEXTS}
    for kind, address, text in _LISTS:
        entries = [{"url": values[f"{address}_{n}"], text: values[f"{text}_{n}"]} for n in PLACES]
        while entries and not any(entries[-1].values()):
            entries.pop()
        document[kind] = entries
    return document


def url_field(label: str) -> forms.CharField:
    """Return a field for an https URL, which the definition's check validates."""
    return forms.CharField(
        label=label,
        required=False,
        max_length=2000,
        widget=UnfoldAdminURLInputWidget({"placeholder": "https://"}),
    )


def text_field(label: str) -> forms.CharField:
    """Return a field for one line of text."""
    return forms.CharField(label=label, required=False, max_length=200, widget=UnfoldAdminTextInputWidget())


class ContentFields(forms.Form):
    """The texts, links and images that consumers read."""

    short_description = forms.CharField(
        label="Short description", required=False, max_length=500, widget=UnfoldAdminTextInputWidget()
    )
    long_description = forms.CharField(
        label="Long description", required=False, widget=RichTextWidget("Long description")
    )
    confirmation_message = forms.CharField(
        label="Confirmation message",
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(),
        help_text="May be printed on the receipt.",
    )
    terms_and_conditions = forms.CharField(
        label="Terms and conditions", required=False, widget=RichTextWidget("Terms and conditions")
    )
    link_url_1 = url_field("Link URL 1")
    anchor_text_1 = text_field("Anchor text 1")
    link_url_2 = url_field("Link URL 2")
    anchor_text_2 = text_field("Anchor text 2")
    link_url_3 = url_field("Link URL 3")
    anchor_text_3 = text_field("Anchor text 3")
    image_url_1 = url_field("Image URL 1")
    alt_text_1 = text_field("Alt text 1")
    image_url_2 = url_field("Image URL 2")
    alt_text_2 = text_field("Alt text 2")
    image_url_3 = url_field("Image URL 3")
    alt_text_3 = text_field("Alt text 3")
