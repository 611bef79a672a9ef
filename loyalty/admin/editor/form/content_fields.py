"""The fields of the Content tab."""

from django import forms
from unfold.widgets import (
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
)

from promotions.admin.inputs.rich_text import RichTextWidget
from promotions.engine.definition.fields import MAX_LINKS

PLACES = tuple(range(1, MAX_LINKS + 1))
"""The numbers of the links, and of the images."""


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
