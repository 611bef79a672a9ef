"""Where the pages of promotions are, whichever family they are of."""

from django.http import HttpRequest
from django.urls import reverse

from promotions.choices import Family

_PAGES = {Family.LOYALTY: ("loyalty", "loyaltypromotion"), Family.DISCOUNT: ("promotions", "discount")}


def promotion_address(request: HttpRequest, *, family: str, promotion_id: int) -> str:
    """The page of a promotion; empty for one who may not look at it."""
    app_label, model_name = _PAGES[Family(family)]
    if not request.user.has_perm(f"{app_label}.view_{model_name}"):
        return ""
    return reverse(f"admin:{app_label}_{model_name}_change", args=[promotion_id])
