"""The form of a loyalty promotion as a browser sends it."""

from datetime import tzinfo
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from promotions.models import Promotion

BLANK: dict[str, Any] = {
    "name": "Tea time",
    "currency": "GBP",
    "description": "",
    "starts_at": "2030-06-01T09:00",
    "ends_at": "",
    "code": "",
    "product_match": "any",
    "funding-TOTAL_FORMS": "0",
    "funding-INITIAL_FORMS": "0",
    "product_sets-TOTAL_FORMS": "0",
    "product_sets-INITIAL_FORMS": "0",
    "application_rules-TOTAL_FORMS": "0",
    "application_rules-INITIAL_FORMS": "0",
}
OWN: dict[str, dict[str, Any]] = {
    "fixed_points": {"points": "50"},
    "points_multiplier": {"multiplier": "2", "multiplier_scope": "basket"},
    "bonus_points": {"issue_points_on": "currency", "conversion_points": "5", "conversion_units": "10"},
    "redeem_offer": {"offer": "acme-o1"},
}
"""The required fields of each type's form besides the common ones."""


PUBLISH = {"_publish": "confirmed"}
"""What the button sends that answers the question before publishing."""

ASK_TO_PUBLISH = {"_publish": ""}
"""What the button sends that asks the question."""


def add(client: Client, promotion_type: str = "fixed_points", *, button: str = "", **values: Any) -> Any:
    """Post a new promotion, by default to publish it at once; return the response."""
    address = f"{reverse('admin:loyalty_loyaltypromotion_add')}?type={promotion_type}"
    sent = {button: "1"} if button else PUBLISH
    return client.post(address, {**BLANK, **OWN[promotion_type], **sent, **values})


def form_values(client: Client, promotion: Promotion) -> dict[str, Any]:
    """Return what a browser sends when the promotion's form is saved unchanged."""
    form = client.get(reverse("admin:loyalty_loyaltypromotion_change", args=[promotion.pk])).context["adminform"].form
    return values_of_form(form, promotion.account.zone)


def values_of_form(form: Any, zone: tzinfo) -> dict[str, Any]:
    """Return what a browser sends when a form is saved unchanged."""
    with timezone.override(zone):
        return {name: value for name, value in _values(form).items() if value is not None}


def _values(form: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for bound in form:
        if bound.field.disabled:
            continue
        value = bound.value()
        if hasattr(bound.field, "form_set"):
            row = bound.field.form_set.form
            values |= {f"{bound.name}-TOTAL_FORMS": len(value or []), f"{bound.name}-INITIAL_FORMS": len(value or [])}
            for index, stored_row in enumerate(value or []):
                rows = row(initial=row.from_values(stored_row), prefix=f"{bound.name}-{index}")
                values |= {part.html_name: sent(part) for part in rows}
        else:
            values[bound.html_name] = sent(bound)
    return values


def sent(bound: Any) -> Any:
    """Return a field's value as its input sends it."""
    value = bound.field.widget.format_value(bound.value())
    if bound.field.widget.__class__.__name__.startswith("UnfoldBoolean"):
        return "on" if bound.value() else None
    if isinstance(value, list):
        return value[0] if value else None
    return value


def change(client: Client, promotion: Promotion, *, button: str = "", **values: Any) -> Any:
    """Post an edit of some fields, by default to save it and exit; return the response."""
    address = reverse("admin:loyalty_loyaltypromotion_change", args=[promotion.pk])
    sent = {} if "_publish" in values else {button or "_save": "1"}
    return client.post(address, {**form_values(client, promotion), **sent, **values})


def errors_of(answer: Any) -> dict[str, list[str]]:
    """Return the errors of the form shown again, by field."""
    assert answer.status_code == 200, answer.status_code
    return {name: list(messages) for name, messages in answer.context["adminform"].form.errors.items()}
