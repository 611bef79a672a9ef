"""What of promotions staff may see and decide: their families, what is live, and personalized promotions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from promotions.choices import Family

VIEW_PERSONALIZED = "promotions.view_personalizedpromotion"
"""The permission to see personalized promotions."""

PERSONALIZED_SOURCE = "personalized_promotion"
"""The key of a product set whose products come from the lists of a personalized promotion."""


SEE_LISTS = "promotions.view_personalized_list"
"""The permission to see consumers' lists of them, which nobody has without the other."""

SEE_CAMPAIGNS = "promotions.view_campaign"
"""The permission to see campaigns, and to name one."""

PUBLISH = "promotions.publish_promotion"
"""The permission to publish promotions of the families that the user may change, and to change published ones."""

_VIEW_FAMILY = {Family.LOYALTY: "loyalty.view_loyaltypromotion", Family.DISCOUNT: "promotions.view_discount"}


def families_of(request: HttpRequest, *, action: str) -> list[Family]:
    """Return the families whose promotions the user may ``add``, ``change`` or ``delete``."""
    permissions = {family: name.replace(".view_", f".{action}_") for family, name in _VIEW_FAMILY.items()}
    return [family for family, permission in permissions.items() if request.user.has_perm(permission)]


def families_seen(request: HttpRequest) -> list[Family]:
    """Return the families whose promotions the user may see."""
    return [family for family, permission in _VIEW_FAMILY.items() if request.user.has_perm(permission)]


@dataclass(frozen=True, kw_only=True)
class CampaignAccess:
    """What somebody may do with campaigns."""

    may_see: bool = True
    may_add: bool = False


def campaign_access(request: HttpRequest) -> CampaignAccess:
    """Return what the user may do with campaigns."""
    may_see = request.user.has_perm(SEE_CAMPAIGNS)
    return CampaignAccess(may_see=may_see, may_add=may_see and request.user.has_perm("promotions.add_campaign"))


def may_publish(request: HttpRequest) -> bool:
    """Whether the user may decide what is live."""
    return request.user.has_perm(PUBLISH)


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
