"""Personalized promotions hidden from staff who may not see them."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

VIEW_PERSONALIZED = "promotions.view_personalizedpromotion"
"""The permission to see personalized promotions."""

PERSONALIZED_SOURCE = "personalized_promotion"
"""The key of a product set whose products come from the lists of a personalized promotion."""


def may_see_personalized(request: HttpRequest) -> bool:
    """Whether the user may see the account's personalized promotions."""
    return request.user.has_perm(VIEW_PERSONALIZED)


def without_personalized(document: object) -> Any:
    """Return a document of a promotion, or its whole definition, without the names of personalized promotions.

    It still says that such a product set is each consumer's own: otherwise nobody could tell what the discount does.
    """
    if isinstance(document, Mapping):
        visible = {name: without_personalized(value) for name, value in document.items()}
        if PERSONALIZED_SOURCE in visible:
            visible |= {PERSONALIZED_SOURCE: None, "chosen_by": "each consumer"}
        return visible
    if isinstance(document, list | tuple):
        return [without_personalized(inner) for inner in document]
    return document
