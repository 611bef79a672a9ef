"""The form of a discount as a browser sends it."""

from typing import Any

from django.test import Client
from django.urls import reverse

BLANK: dict[str, Any] = {
    "name": "Half price",
    "currency": "GBP",
    "description": "",
    "starts_at": "2030-06-01T09:00",
    "ends_at": "",
    "code": "",
    "value": "50",
    "price_order": "cheapest",
}
EVERYTHING: dict[str, Any] = {
    "source": "rules",
    "required_by": "quantity",
    "required_quantity": "1",
    "gets_discount": "on",
}
"""A set of every product, as the form adds it."""


def rows(*sets: dict[str, Any], spare: int = 0) -> dict[str, Any]:
    """Product sets as the form sends them; the last ``spare`` of them are rows for browsers without scripts."""
    sent: dict[str, Any] = {"product_sets-TOTAL_FORMS": str(len(sets)), "product_sets-INITIAL_FORMS": "0"}
    sent |= {"funding-TOTAL_FORMS": "0", "funding-INITIAL_FORMS": "0"}
    for index, one in enumerate(sets):
        marked = {**one, "SPARE": "1"} if index >= len(sets) - spare else one
        sent |= {f"product_sets-{index}-{name}": value for name, value in marked.items()}
    return sent


def add(
    client: Client, discount_type: str = "percentage", *sets: dict[str, Any], button: str = "", **values: Any
) -> Any:
    """The answer to a new discount, by default on every product and published at once."""
    address = f"{reverse('admin:promotions_discount_add')}?type={discount_type}"
    sent = {button: "1"} if button else {"_publish": "confirmed"}
    return client.post(address, {**BLANK, **rows(*(sets or (EVERYTHING,))), **sent, **values})
