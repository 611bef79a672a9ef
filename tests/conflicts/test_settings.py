"""The account's conflict settings."""

from typing import Any

import pytest

from conflicts.models import ConflictSettings
from conflicts.resolver import Policy
from conflicts.selectors import conflict_policy
from consumers.models import Account
from tests.consumers.builders import Shop, attrs_of, make_shop

FRESH = {
    "promotion_bias": "max_customer_saving",
    "promotions_per_type": 1,
    "promotion_age": "newest",
    "discounts_per_transaction": None,
    "discount_combination": "ranked",
}


def test_an_account_without_settings_has_the_defaults(shop: Shop) -> None:
    assert shop.manager.get("conflict-settings").json() == FRESH
    assert conflict_policy(account_id=shop.account.pk) == Policy()
    assert not ConflictSettings.objects.exists()


def test_a_patch_changes_what_it_names(shop: Shop) -> None:
    assert shop.manager.patch("conflict-settings", {"promotions_per_type": 2}).json() == FRESH | {
        "promotions_per_type": 2
    }
    body = {
        "promotion_bias": "min_customer_saving",
        "promotion_age": "oldest",
        "discounts_per_transaction": 3,
        "discount_combination": "best_total",
    }
    assert shop.manager.patch("conflict-settings", body).json() == body | {"promotions_per_type": 2}
    assert shop.manager.patch("conflict-settings", {"discounts_per_transaction": None}).status_code == 200
    assert conflict_policy(account_id=shop.account.pk) == Policy(
        promotion_bias="min_customer_saving",
        promotions_per_type=2,
        promotion_age="oldest",
        discounts_per_transaction=None,
        discount_combination="best_total",
    )


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"promotion_bias": "random"}, "promotion_bias"),
        ({"promotion_bias": None}, "promotion_bias"),
        ({"promotion_bias": ["max_customer_saving"]}, "promotion_bias"),
        ({"promotion_age": "middle"}, "promotion_age"),
        ({"discount_combination": "worst_total"}, "discount_combination"),
        ({"discount_combination": None}, "discount_combination"),
        ({"promotions_per_type": 0}, "promotions_per_type"),
        ({"promotions_per_type": -1}, "promotions_per_type"),
        ({"promotions_per_type": None}, "promotions_per_type"),
        ({"promotions_per_type": "2"}, "promotions_per_type"),
        ({"promotions_per_type": 1.0}, "promotions_per_type"),
        ({"promotions_per_type": 2**31}, "promotions_per_type"),
        ({"promotions_per_type": 10**40}, "promotions_per_type"),
        ({"discounts_per_transaction": 0}, "discounts_per_transaction"),
        ({"discounts_per_transaction": {}}, "discounts_per_transaction"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_invalid_values_are_named_and_change_nothing(shop: Shop, body: dict[str, Any], attr: str) -> None:
    answer = shop.manager.patch("conflict-settings", body)
    assert answer.status_code == 400
    assert attrs_of(answer) == [attr]
    assert shop.manager.get("conflict-settings").json() == FRESH


def test_each_account_has_its_own_settings(shop: Shop) -> None:
    shop.manager.patch("conflict-settings", {"promotions_per_type": 2})
    assert make_shop("other").manager.get("conflict-settings").json() == FRESH


def test_a_till_key_neither_reads_nor_writes_settings(shop: Shop) -> None:
    assert shop.till.get("conflict-settings").status_code == 403
    assert shop.till.patch("conflict-settings", {}).status_code == 403


def test_a_change_advances_the_rulebook_and_is_kept_with_its_author(shop: Shop) -> None:
    before = Account.objects.get().rulebook_version
    shop.manager.patch("conflict-settings", {"promotions_per_type": 2})
    assert Account.objects.get().rulebook_version == before + 1
    assert ConflictSettings.history.get().history_change_reason == "API key manager"
