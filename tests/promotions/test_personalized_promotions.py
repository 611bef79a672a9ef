"""Definitions of personalized promotions."""

from typing import Any

import pytest

from consumers.author import Author
from consumers.models import Account
from promotions.exceptions import PersonalizedPromotionInUse, PersonalizedPromotionNotFound, PromotionsError
from promotions.models import PersonalizedPromotion, PromotionReference
from promotions.services.personalized.lists import personalized_list_add, personalized_list_clear
from promotions.services.personalized.promotion import (
    PersonalizedPromotionValues,
    backend_id_new,
    personalized_promotion_delete,
    personalized_promotions_save,
)
from tests.promotions.builders import (
    NOW,
    make_account,
    make_consumers,
    make_personalized,
    make_products,
    make_promotion,
)


@pytest.fixture
def account(db: None) -> Account:
    return make_account()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": "x"}, ("min_length", "0.name")),
        ({"name": "x" * 201}, ("max_length", "0.name")),
        ({"maximum_distinct_products": 0}, ("min_value", "0.maximum_distinct_products")),
        ({"backend_id": "x" * 65}, ("max_length", "0.backend_id")),
    ],
)
def test_an_invalid_value_is_refused_at_its_field(
    account: Account, fields: dict[str, Any], problem: tuple[str, str]
) -> None:
    with pytest.raises(PromotionsError) as refused:
        make_personalized(account, **{"backend_id": "PP", **fields})
    assert [(problem.code, problem.attr) for problem in refused.value.problems] == [problem]
    assert not PersonalizedPromotion.objects.exists()


def test_a_definition_bumps_the_rulebook_and_a_list_does_not(account: Account) -> None:
    def rulebook() -> int:
        return Account.objects.get().rulebook_version

    before = rulebook()
    make_personalized(account)
    assert rulebook() == before + 1
    make_products(account, "TEA")
    make_consumers(account, "ada")
    version = rulebook()
    personalized_list_add(account_id=account.pk, backend_id="PP", consumer_id="ada", products=["TEA"])
    assert rulebook() == version
    personalized_list_clear(account_id=account.pk, backend_id="PP", consumer_id="ada")
    personalized_promotion_delete(account_id=account.pk, backend_id="PP", author=Author())
    assert rulebook() == version + 1


def test_its_history_names_the_author_of_each_change(account: Account) -> None:
    values = PersonalizedPromotionValues(backend_id="PP", name="Pick yours")
    personalized_promotions_save(account_id=account.pk, rows=[values], at=NOW, author=Author(label="API key till"))
    make_personalized(account, maximum_distinct_products=3)
    personalized_promotion_delete(account_id=account.pk, backend_id="PP", author=Author(label="API key manager"))
    history = PersonalizedPromotion.history.order_by("history_id")
    assert list(history.values_list("history_type", "maximum_distinct_products", "history_change_reason")) == [
        ("+", None, "API key till"),
        ("~", 3, ""),
        ("-", 3, "API key manager"),
    ]


def test_a_promotion_with_a_consumers_list_is_not_deleted(account: Account) -> None:
    make_personalized(account)
    make_products(account, "TEA")
    make_consumers(account, "ada")
    personalized_list_add(account_id=account.pk, backend_id="PP", consumer_id="ada", products=["TEA"])
    with pytest.raises(PersonalizedPromotionInUse):
        personalized_promotion_delete(account_id=account.pk, backend_id="PP", author=Author())


def test_a_personalized_promotion_of_a_discount_is_not_deleted(account: Account) -> None:
    make_personalized(account)
    reference = {"kind": "personalized_promotion", "key": "PP"}
    PromotionReference.objects.create(promotion=make_promotion(account), **reference)
    with pytest.raises(PersonalizedPromotionInUse):
        personalized_promotion_delete(account_id=account.pk, backend_id="PP", author=Author())


def test_a_personalized_promotion_of_another_account_does_not_exist(account: Account) -> None:
    make_personalized(account)
    with pytest.raises(PersonalizedPromotionNotFound):
        personalized_promotion_delete(account_id=make_account("other").pk, backend_id="PP", author=Author())


def test_a_backend_id_that_nobody_chose_is_not_guessed_twice() -> None:
    made = {backend_id_new() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(len(backend_id) == 11 and backend_id.startswith("PP-") for backend_id in made)
