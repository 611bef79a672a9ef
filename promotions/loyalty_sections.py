"""The sections of promotions on a consumer's Loyalty tab."""

from collections.abc import Sequence
from datetime import datetime

from consumers.loyalty_sections import LoyaltySection
from consumers.models import Consumer
from promotions.models import PersonalizedList
from promotions.selectors.personalized_promotion import personalized_lists_shown
from promotions.selectors.product import product_names


def personalized_data(consumer: Consumer, *, at: datetime) -> list[dict[str, object]]:
    """Return the consumer's product lists by the promotions' names, without archived promotions."""
    return [
        {
            "backend_id": listed.promotion.backend_id,
            "name": listed.promotion.name,
            "products": listed.products,
            "selected": listed.selected,
            "maximum_distinct_products": listed.promotion.maximum_distinct_products,
            "lock_after_first_apply": listed.promotion.lock_after_first_apply,
            "locked": listed.locked,
        }
        for listed in personalized_lists_shown(account_id=consumer.account_id, consumer_pk=consumer.pk)
    ]


def choice_of(listed: PersonalizedList) -> str:
    """Return the state of the consumer's choice: ``none``, ``open`` or ``final``."""
    if listed.locked:
        return "final"
    return "open" if listed.selected else "none"


def lists_shown(lists: Sequence[PersonalizedList]) -> list[dict[str, object]]:
    """Return what a page shows of lists of one account; one SQL statement reads the names of all products."""
    skus = {sku for listed in lists for sku in listed.products}
    names = product_names(account_id=lists[0].promotion.account_id, skus=skus) if lists else {}
    return [
        {
            "promotion": listed.promotion,
            "choice": choice_of(listed),
            "products": [
                {"sku": sku, "name": names.get(sku, ""), "chosen": sku in listed.selected} for sku in listed.products
            ],
            "chosen": len(listed.selected),
        }
        for listed in lists
    ]


def personalized_page_data(consumer: Consumer, *, at: datetime) -> list[dict[str, object]]:
    """Return the consumer's lists as the page shows them."""
    return lists_shown(list(personalized_lists_shown(account_id=consumer.account_id, consumer_pk=consumer.pk)))


SECTIONS = (
    LoyaltySection(
        key="personalized_promotions",
        label="Personalized promotions",
        position=50,
        data=personalized_data,
        page_data=personalized_page_data,
        permission="promotions.view_personalized_list",
        scripts=("js/choice_box.js", "js/choice_keys.js"),
        template="admin/consumers/consumer/loyalty/personalized_promotions.html",
        schema={"type": "array", "items": {"$ref": "#/components/schemas/PersonalizedList"}},
    ),
)
