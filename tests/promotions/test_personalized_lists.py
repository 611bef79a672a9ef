"""Consumers' own lists, and what they choose from them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from consumers.exceptions import NotFound
from consumers.models import Account
from consumers.services.consumer import consumer_delete
from promotions.exceptions import ListRefused, PersonalizedPromotionNotFound, ProductInUse, SelectionLocked
from promotions.models import PersonalizedList
from promotions.services.personalized.assignments import Assigned, ConsumerProducts, personalized_lists_assign
from promotions.services.personalized.lists import (
    personalized_list_add,
    personalized_list_clear,
    personalized_list_push,
    personalized_list_remove,
    personalized_list_reset,
    personalized_list_select,
)
from promotions.services.product import product_delete
from tests.promotions.builders import make_account, make_consumers, make_personalized, make_products

HUNDRED = [f"S{number:03}" for number in range(100)]


@pytest.fixture
def account(db: None) -> Account:
    made = make_account()
    make_products(made, "TEA", "CAKE", "BAP", *HUNDRED)
    make_consumers(made, "ada", "bob", "cy")
    return made


def one(account: Account, *, backend_id: str = "PP", consumer_id: str = "ada") -> dict[str, Any]:
    """Which list the services are to write."""
    return {"account_id": account.pk, "backend_id": backend_id, "consumer_id": consumer_id}


def add(account: Account, *products: str, consumer_id: str = "ada") -> PersonalizedList:
    return personalized_list_add(**one(account, consumer_id=consumer_id), products=products)


def select(account: Account, *products: str) -> PersonalizedList:
    return personalized_list_select(**one(account), products=products)


def push(account: Account, *products: str, selected: Sequence[str] = (), **how: Any) -> PersonalizedList:
    return personalized_list_push(**one(account), products=products, selected=selected, **how)


def stored(consumer_id: str = "ada") -> tuple[list[str], list[str], bool]:
    """Products, choice and lock of a consumer's only list."""
    row = PersonalizedList.objects.get(consumer__consumer_id=consumer_id)
    return row.products, row.selected, row.locked


def problems(refused: ListRefused) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.attr) for problem in refused.problems]


# --- the list -------------------------------------------------------------------------------------------------------


def test_products_are_added_behind_the_others_each_once(account: Account) -> None:
    make_personalized(account)
    add(account, "TEA", "CAKE", "TEA")
    add(account, "BAP", "TEA")
    assert stored() == (["TEA", "CAKE", "BAP"], [], False)


def test_nothing_to_add_is_refused(account: Account) -> None:
    make_personalized(account)
    with pytest.raises(ListRefused) as refused:
        add(account)
    assert problems(refused.value) == [("no_products", "products")]


def test_an_unknown_product_is_refused_at_its_place_and_nothing_is_added(account: Account) -> None:
    make_personalized(account)
    with pytest.raises(ListRefused) as refused:
        add(account, "TEA", "NOPE", "CAKE", "NO")
    assert problems(refused.value) == [("product_not_available", "products.1"), ("product_not_available", "products.3")]
    assert not PersonalizedList.objects.exists()


def test_a_list_has_at_most_a_hundred_products(account: Account) -> None:
    make_personalized(account)
    add(account, *HUNDRED, HUNDRED[0])
    with pytest.raises(ListRefused) as refused:
        add(account, "TEA")
    assert problems(refused.value) == [("too_many_products", "products")]
    assert stored()[0] == HUNDRED


def test_the_number_of_products_is_checked_before_the_products(account: Account) -> None:
    make_personalized(account, maximum_distinct_products=1)
    unknown = [f"X{number}" for number in range(101)]
    calls: list[Callable[..., PersonalizedList]] = [add, push]
    for call in calls:
        with pytest.raises(ListRefused) as refused:
            call(account, *unknown)
        assert problems(refused.value) == [("too_many_products", "products")]
    with pytest.raises(ListRefused) as refused:
        select(account, "X1", "X2")
    assert problems(refused.value) == [("maximum_distinct_products_exceeded", "products")]


def test_with_the_catalogue_off_any_sku_is_taken(account: Account) -> None:
    Account.objects.update(catalogue_enabled=False)
    make_personalized(account)
    add(account, "ANYTHING")
    assert stored()[0] == ["ANYTHING"]
    with pytest.raises(ListRefused) as refused:
        add(account, " ", "x" * 101)
    assert problems(refused.value) == [("product_not_available", "products.0"), ("product_not_available", "products.1")]


def test_a_removed_product_is_no_longer_chosen_and_removing_the_last_choice_unlocks(account: Account) -> None:
    make_personalized(account, lock_after_first_apply=True)
    add(account, "TEA", "CAKE", "BAP")
    select(account, "TEA", "CAKE")
    personalized_list_remove(**one(account), products=["TEA", "NEVER-THERE"])
    assert stored() == (["CAKE", "BAP"], ["CAKE"], True)
    personalized_list_remove(**one(account), products=["CAKE"])
    assert stored() == (["BAP"], [], False)


def test_nothing_to_remove_is_refused(account: Account) -> None:
    make_personalized(account)
    with pytest.raises(ListRefused) as refused:
        personalized_list_remove(**one(account), products=[])
    assert problems(refused.value) == [("no_products", "products")]


def test_who_has_no_product_left_is_not_enlisted(account: Account) -> None:
    make_personalized(account)
    add(account, "TEA")
    personalized_list_remove(**one(account), products=["TEA"])
    assert not PersonalizedList.objects.exists()
    add(account, "TEA", "CAKE")
    personalized_list_clear(**one(account))
    personalized_list_clear(**one(account))
    assert not PersonalizedList.objects.exists()


def test_a_push_replaces_list_and_choice_and_unlocks(account: Account) -> None:
    make_personalized(account, lock_after_first_apply=True)
    add(account, "TEA", "CAKE")
    select(account, "TEA")
    PersonalizedList.objects.update(locked_by_id=7)
    push(account, "BAP", "CAKE", selected=["CAKE"])
    assert stored() == (["BAP", "CAKE"], ["CAKE"], False)
    assert PersonalizedList.objects.get().locked_by_id is None
    push(account)
    assert not PersonalizedList.objects.exists()


def test_a_push_can_leave_out_unknown_products(account: Account) -> None:
    make_personalized(account)
    with pytest.raises(ListRefused) as refused:
        push(account, "TEA", "NOPE", selected=["TEA", "NOPE"])
    assert problems(refused.value) == [("product_not_available", "products.1")]
    push(account, "TEA", "NOPE", selected=["TEA", "NOPE"], skip_unresolved=True)
    assert stored() == (["TEA"], ["TEA"], False)


def test_a_push_does_not_choose_more_than_the_maximum(account: Account) -> None:
    make_personalized(account, maximum_distinct_products=1)
    with pytest.raises(ListRefused) as refused:
        push(account, "TEA", "CAKE", selected=["TEA", "CAKE"])
    assert problems(refused.value) == [("maximum_distinct_products_exceeded", "products")]


# --- the choice -----------------------------------------------------------------------------------------------------


def test_a_choice_replaces_the_one_before_while_it_is_open(account: Account) -> None:
    make_personalized(account)
    add(account, "TEA", "CAKE", "BAP")
    select(account, "TEA", "CAKE")
    select(account, "BAP")
    assert stored() == (["TEA", "CAKE", "BAP"], ["BAP"], False)
    select(account)
    assert stored() == (["TEA", "CAKE", "BAP"], [], False)


def test_without_a_maximum_all_of_the_list_may_be_chosen(account: Account) -> None:
    make_personalized(account)
    add(account, *HUNDRED)
    assert select(account, *HUNDRED).selected == HUNDRED


def test_a_product_that_is_not_on_the_list_cannot_be_chosen(account: Account) -> None:
    make_personalized(account)
    add(account, "TEA")
    with pytest.raises(ListRefused) as refused:
        select(account, "TEA", "CAKE")
    assert problems(refused.value) == [("product_not_available", "products.1")]
    assert stored() == (["TEA"], [], False)


def test_the_same_product_twice_is_one(account: Account) -> None:
    make_personalized(account, maximum_distinct_products=1)
    add(account, "TEA", "CAKE")
    assert select(account, "TEA", "TEA").selected == ["TEA"]


def test_the_first_choice_is_final_where_the_promotion_locks(account: Account) -> None:
    make_personalized(account, lock_after_first_apply=True)
    add(account, "TEA", "CAKE")
    select(account, "TEA")
    assert stored() == (["TEA", "CAKE"], ["TEA"], True)
    for another in (["CAKE"], ["TEA", "CAKE"], []):
        with pytest.raises(SelectionLocked):
            select(account, *another)
    assert stored() == (["TEA", "CAKE"], ["TEA"], True)


def test_the_same_choice_again_is_accepted_when_it_is_final(account: Account) -> None:
    make_personalized(account, lock_after_first_apply=True)
    add(account, "TEA", "CAKE")
    select(account, "TEA", "CAKE")
    assert select(account, "CAKE", "TEA").locked
    assert stored() == (["TEA", "CAKE"], ["TEA", "CAKE"], True)


def test_taking_back_an_open_choice_locks_nothing(account: Account) -> None:
    make_personalized(account, lock_after_first_apply=True)
    push(account, "TEA", "CAKE", selected=["TEA"])
    select(account)
    assert stored() == (["TEA", "CAKE"], [], False)


def test_a_choice_that_staff_made_is_final_once_the_consumer_repeats_it(account: Account) -> None:
    make_personalized(account, lock_after_first_apply=True)
    push(account, "TEA", "CAKE", selected=["TEA"])
    assert not stored()[2]
    select(account, "TEA")
    assert stored() == (["TEA", "CAKE"], ["TEA"], True)


@pytest.mark.parametrize("locks", [False, True])
def test_a_lower_maximum_keeps_the_choice_which_may_be_repeated(account: Account, locks: bool) -> None:
    make_personalized(account, lock_after_first_apply=locks)
    add(account, "TEA", "CAKE", "BAP")
    select(account, "TEA", "CAKE")
    make_personalized(account, lock_after_first_apply=locks, maximum_distinct_products=1)
    assert select(account, "TEA", "CAKE").selected == ["TEA", "CAKE"]
    with pytest.raises(ListRefused):
        select(account, "TEA", "BAP")
    assert stored() == (["TEA", "CAKE", "BAP"], ["TEA", "CAKE"], locks)


def test_a_reset_lets_the_consumer_choose_again(account: Account) -> None:
    make_personalized(account, lock_after_first_apply=True)
    add(account, "TEA", "CAKE")
    select(account, "TEA")
    personalized_list_reset(**one(account))
    assert stored() == (["TEA", "CAKE"], [], False)
    assert select(account, "CAKE").locked


def test_who_has_no_list_may_choose_nothing(account: Account) -> None:
    make_personalized(account)
    assert select(account).products == []
    with pytest.raises(ListRefused):
        select(account, "TEA")
    assert not PersonalizedList.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_choices_at_once_the_first_is_final() -> None:
    account = make_account()
    make_products(account, *HUNDRED)
    make_consumers(account, "ada")
    make_personalized(account, lock_after_first_apply=True)
    add(account, *HUNDRED)
    start = Barrier(4)

    def choose(sku: str) -> bool:
        start.wait()
        try:
            return select(account, sku).locked
        except SelectionLocked:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(choose, HUNDRED[:4])) == 1
    assert len(stored()[1]) == 1


# --- many consumers -------------------------------------------------------------------------------------------------


def assign(account: Account, rows: Mapping[str, Sequence[str]], **how: Any) -> Assigned:
    given = [ConsumerProducts(consumer_id=name, products=products) for name, products in rows.items()]
    return personalized_lists_assign(account_id=account.pk, backend_id="PP", rows=given, **how)


def test_an_assignment_pushes_a_list_to_each_consumer(account: Account) -> None:
    make_personalized(account, lock_after_first_apply=True)
    add(account, "TEA")
    select(account, "TEA")
    add(account, "BAP", consumer_id="cy")
    assert assign(account, {"ada": ["CAKE", "CAKE", "TEA"], "bob": ["BAP"], "cy": []}) == Assigned(
        created=1, replaced=1, cleared=1
    )
    assert stored("ada") == (["CAKE", "TEA"], [], False)
    assert stored("bob") == (["BAP"], [], False)
    assert PersonalizedList.objects.count() == 2


def test_an_assignment_may_leave_final_choices_alone(account: Account) -> None:
    make_personalized(account, lock_after_first_apply=True)
    add(account, "TEA")
    select(account, "TEA")
    add(account, "TEA", consumer_id="bob")
    assert assign(account, {"ada": ["CAKE"], "bob": ["CAKE"]}, keep_locked=True) == Assigned(replaced=1, kept=1)
    assert stored("ada") == (["TEA"], ["TEA"], True)
    assert stored("bob") == (["CAKE"], [], False)


def test_an_assignment_tells_every_problem_by_row_and_writes_nothing(account: Account) -> None:
    make_personalized(account)
    with pytest.raises(ListRefused) as refused:
        assign(account, {"ada": ["TEA", "NOPE"], "who": ["TEA"], "bob": ["CAKE"], "cy": ["NO", "TEA"]})
    assert problems(refused.value) == [
        ("product_not_available", "0.products.1"),
        ("does_not_exist", "1.consumer"),
        ("product_not_available", "3.products.0"),
    ]
    assert not PersonalizedList.objects.exists()


def test_an_assignment_refuses_too_long_lists_and_a_consumer_named_twice(account: Account) -> None:
    make_personalized(account)
    rows = [
        ConsumerProducts(consumer_id="ada", products=[f"X{number}" for number in range(101)]),
        ConsumerProducts(consumer_id="ada", products=["TEA"]),
    ]
    with pytest.raises(ListRefused) as refused:
        personalized_lists_assign(account_id=account.pk, backend_id="PP", rows=rows)
    assert problems(refused.value) == [("too_many_products", "0.products"), ("duplicate", "1.consumer")]


def test_an_assignment_can_leave_out_unknown_products(account: Account) -> None:
    make_personalized(account)
    assert assign(account, {"ada": ["NOPE", "TEA"], "bob": ["NOPE"]}, skip_unresolved=True) == Assigned(created=1)
    assert stored("ada") == (["TEA"], [], False)


def test_an_assignment_costs_the_same_statements_for_any_number(
    account: Account, django_assert_num_queries: Any
) -> None:
    make_personalized(account)
    people = [f"p{number}" for number in range(60)]
    make_consumers(account, *people)
    for rows in ({"ada": ["TEA"]}, dict.fromkeys(people, HUNDRED[:10])):
        # The transaction's two, the account, the promotion, the consumers, the products, the lists, and the write.
        with django_assert_num_queries(8):
            assign(account, rows)


# --- whose they are, and what needs them ------------------------------------------------------------------------------


def test_nobody_reaches_the_lists_of_another_account(account: Account) -> None:
    make_personalized(account)
    add(account, "TEA")
    other = make_account("other")
    make_products(other, "TEA")
    with pytest.raises(NotFound):
        add(other, "TEA")
    make_consumers(other, "ada")
    with pytest.raises(PersonalizedPromotionNotFound):
        add(other, "TEA")
    with pytest.raises(PersonalizedPromotionNotFound):
        assign(other, {"ada": []})
    assert PersonalizedList.objects.count() == 1


def test_a_product_on_a_list_is_in_use(account: Account) -> None:
    make_personalized(account)
    make_products(account, 'odd "sku" \\ é', "TE")
    add(account, "TEA", 'odd "sku" \\ é')
    for sku in ("TEA", 'odd "sku" \\ é'):
        with pytest.raises(ProductInUse):
            product_delete(account_id=account.pk, sku=sku)
    product_delete(account_id=account.pk, sku="TE")
    other = make_account("other")
    make_products(other, "TEA")
    product_delete(account_id=other.pk, sku="TEA")


def test_a_consumer_takes_their_lists_with_them(account: Account) -> None:
    make_personalized(account)
    add(account, "TEA")
    consumer_delete(account_id=account.pk, consumer_id="ada")
    assert not PersonalizedList.objects.exists()
