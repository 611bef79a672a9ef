"""A list of a personalized promotion is given to every member of a group."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from consumers.author import Author
from consumers.choices import JobState, StaffRole
from consumers.models import Job
from consumers.services.consumer import ConsumerValues, consumers_save
from consumers.services.group import GroupValues, groups_save
from consumers.services.job import jobs_run
from promotions.models import PersonalizedList, PersonalizedPromotion
from promotions.services.personalized import group_lists
from promotions.services.personalized.assignments import ConsumerProducts, personalized_lists_assign
from promotions.services.personalized.promotion import PersonalizedPromotionValues, personalized_promotions_save
from promotions.services.product import ProductValues, products_save
from tests.consumers.admin.office import Office, make_office

pytestmark = pytest.mark.django_db


@pytest.fixture
def office() -> Office:
    office = make_office()
    account_id = office.account.pk
    groups_save(account_id=account_id, rows=[GroupValues(code="gold", name="Gold"), GroupValues(code="empty")])
    products_save(account_id=account_id, rows=[ProductValues(sku=sku) for sku in ("tea", "milk", "jam")])
    members = [ConsumerValues(consumer_id=f"c{n}", groups=("gold",)) for n in range(1, 4)]
    consumers_save(account_id=account_id, rows=[*members, ConsumerValues(consumer_id="outsider")])
    personalized_promotions_save(
        account_id=account_id,
        rows=[PersonalizedPromotionValues(backend_id="pick", name="Pick")],
        author=Author(),
        at=timezone.now(),
    )
    return office


def pick(office: Office) -> PersonalizedPromotion:
    return PersonalizedPromotion.objects.get(account=office.account)


def lists(office: Office) -> dict[str, list[str]]:
    rows = PersonalizedList.objects.filter(promotion__account=office.account)
    return {row.consumer.consumer_id: row.products for row in rows.select_related("consumer")}


def give(office: Office, **values: Any) -> Any:
    sent = {"group": "gold", "products": "", "copied_from": "", "existing": "keep", **values}
    return office.post("promotions_personalizedpromotion_give_lists", pick(office).pk, **sent)


def has_list(office: Office, consumer_id: str, *products: str, locked: bool = False) -> None:
    rows = [ConsumerProducts(consumer_id=consumer_id, products=products)]
    personalized_lists_assign(account_id=office.account.pk, backend_id="pick", rows=rows)
    PersonalizedList.objects.filter(consumer__consumer_id=consumer_id).update(locked=locked)


def test_a_promotion_without_lists_says_how_to_give_the_first(office: Office) -> None:
    query = f"?promotion__id__exact={pick(office).pk}"
    page = office.page("promotions_personalizedlist_changelist", query=query).content.decode()
    assert "No consumer has a list of Pick yet" in page
    assert f"/admin/promotions/personalizedpromotion/{pick(office).pk}/give-lists/" in page
    viewer = office.login(StaffRole.VIEWER)
    page = viewer.page("promotions_personalizedlist_changelist", query=query).content.decode()
    assert "give-lists" not in page
    has_list(office, "c1", "tea")
    page = office.page("promotions_personalizedlist_changelist", query=f"{query}&q=nobody").content.decode()
    assert "No consumer has a list" not in page


def test_every_member_gets_the_products(office: Office) -> None:
    assert give(office, products="tea\njam").status_code == 302
    assert lists(office) == {f"c{n}": ["tea", "jam"] for n in range(1, 4)}


def test_the_list_of_a_consumer_is_copied(office: Office) -> None:
    has_list(office, "outsider", "milk", "tea")
    assert give(office, copied_from="outsider").status_code == 302
    assert lists(office)["c3"] == ["milk", "tea"]


@pytest.mark.parametrize(
    ("existing", "open_list", "final_list"),
    [("keep", ["milk"], ["milk"]), ("replace_open", ["tea"], ["milk"]), ("replace", ["tea"], ["tea"])],
)
def test_lists_that_members_have_are_kept_or_replaced_as_chosen(
    office: Office, existing: str, open_list: list[str], final_list: list[str]
) -> None:
    has_list(office, "c1", "milk")
    has_list(office, "c2", "milk", locked=True)
    give(office, products="tea", existing=existing)
    assert lists(office) == {"c1": open_list, "c2": final_list, "c3": ["tea"]}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "Choose products, or a consumer whose list is copied."),
        ({"products": "tea", "group": ""}, "This field is required."),
        ({"products": "tea", "group": "none"}, "There is no group none."),
        ({"products": "tea", "group": "empty"}, "empty has no members."),
        ({"products": "tea\ncoffee"}, "The catalogue has no product coffee."),
        ({"copied_from": "outsider"}, "outsider has no list of Pick."),
        ({"copied_from": "nobody"}, "There is no consumer nobody."),
        ({"products": "\n".join(f"p{n}" for n in range(101))}, "The catalogue has no product"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(office: Office, values: dict[str, str], problem: str) -> None:
    answer = give(office, **values)
    assert answer.status_code == 200
    assert problem in answer.content.decode()
    assert lists(office) == {}


def test_another_accounts_promotion_is_not_there(office: Office) -> None:
    other = make_office("other")
    sent = {"group": "gold", "products": "tea", "existing": "keep"}
    assert other.post("promotions_personalizedpromotion_give_lists", pick(office).pk, **sent).status_code == 404


def test_many_members_are_served_by_a_job(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promotions.admin.personalized.group_lists.MAX_INLINE_LISTS", 2)
    monkeypatch.setattr(group_lists, "BATCH_LISTS", 2)
    answer = give(office, products="tea")
    job = Job.objects.get()
    assert answer["Location"] == f"/admin/consumers/job/{job.pk}/change/"
    assert lists(office) == {}
    jobs_run(clock=timezone.now, for_at_most=timedelta(minutes=1))
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == (JobState.DONE, 3, 3)
    assert lists(office) == {f"c{n}": ["tea"] for n in range(1, 4)}
