"""What discounts say of personalized promotions, withheld from staff who may not see those."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

SEE = "promotions.view_personalizedpromotion"
"""The permission to know of personalized promotions at all."""

ROW_OF_PERSONALIZED = "personalized_promotion"
"""What a product set calls the personalized promotion that its products are of."""


def may_see_personalized(request: HttpRequest) -> bool:
    """Whether the user may know of the account's personalized promotions."""
    return request.user.has_perm(SEE)


def without_personalized(document: Any) -> Any:
    """A document of a promotion, or its whole definition, whose product sets name no personalized promotion.

    That such a set is each consumer's own stays: without it nobody could tell what the discount does.
    """
    if isinstance(document, Mapping):
        said = {name: without_personalized(value) for name, value in document.items()}
        if ROW_OF_PERSONALIZED in said:
            said |= {ROW_OF_PERSONALIZED: None, "chosen_by": "each consumer"}
        return said
    if isinstance(document, list | tuple):
        return [without_personalized(one) for one in document]
    return document
