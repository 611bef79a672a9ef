"""Return the URLs of pages of promotions of every family."""

from django.http import HttpRequest
from django.urls import reverse

from promotions.choices import Family

_MODELS = {Family.LOYALTY: ("loyalty", "loyaltypromotion"), Family.DISCOUNT: ("promotions", "discount")}


def promotion_page_url(request: HttpRequest, *, family: str, promotion_id: int) -> str:
    """Return the URL of a promotion's page; empty for a user who may not view it."""
    app_label, model_name = _MODELS[Family(family)]
    if not request.user.has_perm(f"{app_label}.view_{model_name}"):
        return ""
    return reverse(f"admin:{app_label}_{model_name}_change", args=[promotion_id])
