"""Staff who may not see personalized promotions see only that a set is each consumer's own."""

from typing import Any

import pytest

from consumers.choices import StaffRole
from promotions.models import Discount
from tests.config.admin.sending import form_values
from tests.consumers.admin.office import Office, fill, make_office, save_discount
from tests.consumers.builders import take_away

pytestmark = pytest.mark.django_db

OWN = [{"personalized_promotion": "acme-pp1", "required_quantity": 2}]


@pytest.fixture
def office() -> Office:
    office = make_office(role=StaffRole.MARKETER)
    fill(office.account)
    save_discount(office.account, code="own", name="Their own", product_sets=OWN)
    return office


@pytest.fixture
def partly(office: Office) -> Office:
    """The same office, whose marketer may not see personalized promotions."""
    take_away(office.user.staff_memberships.get(), "PersonalizedPromotions", "ConsumersLists")
    return office


def own() -> Discount:
    return Discount.objects.get(code="own")


def form_sent(office: Office, **changed: str) -> dict[str, Any]:
    page = office.page("promotions_discount_change", own().pk).content.decode()
    return {**form_values(page), **changed}


def named() -> list[str]:
    return [product_set["personalized_promotion"] for product_set in own().outcome["product_sets"]]


def test_a_discount_is_saved_and_keeps_what_its_editor_may_not_see(partly: Office) -> None:
    sent = form_sent(partly, name="Renamed", **{"product_sets-0-required_quantity": "3"})
    assert "acme-pp1" not in str(sent)
    assert partly.post("promotions_discount_change", own().pk, **sent).status_code == 302
    assert (own().name, own().version, named()) == ("Renamed", 2, ["acme-pp1"])
    assert own().outcome["product_sets"][0]["required_quantity"] == 3


def test_a_discount_that_nobody_changed_is_no_new_version(partly: Office) -> None:
    assert partly.post("promotions_discount_change", own().pk, **form_sent(partly)).status_code == 302
    assert own().version == 1


def test_a_user_who_may_see_them_saves_it_unchanged(office: Office) -> None:
    sent = form_sent(office, name="Renamed")
    assert sent["product_sets-0-personalized_promotion"] == "acme-pp1"
    assert office.post("promotions_discount_change", own().pk, **sent).status_code == 302
    assert (own().name, named()) == ("Renamed", ["acme-pp1"])


@pytest.mark.parametrize("value", ["acme-pp1", "2", "", "0"])
def test_no_other_is_chosen_by_guessing(partly: Office, value: str) -> None:
    sent = form_sent(partly, **{"product_sets-0-personalized_promotion": value})
    answer = partly.post("promotions_discount_change", own().pk, **sent)
    assert answer.status_code == 200
    assert set(answer.context["adminform"].form.errors) == {"product_sets"}
    assert named() == ["acme-pp1"]


def test_a_new_discount_cannot_be_given_one(partly: Office) -> None:
    sent = {
        "name": "New",
        "starts_at": "2030-06-01T09:00",
        "value": "10",
        "product_sets-TOTAL_FORMS": "1",
        "product_sets-INITIAL_FORMS": "0",
        "funding-TOTAL_FORMS": "0",
        "funding-INITIAL_FORMS": "0",
        "product_sets-0-source": "personalized_promotion",
        "product_sets-0-personalized_promotion": "acme-pp1",
        "product_sets-0-required_by": "quantity",
        "product_sets-0-gets_discount": "on",
    }
    page = partly.page("promotions_discount_add", query="?type=percentage").content.decode()
    answer = partly.post("promotions_discount_add", query="?type=percentage", **{**form_values(page), **sent})
    assert set(answer.context["adminform"].form.errors) == {"product_sets"}
    assert not Discount.objects.filter(name="New").exists()


def test_the_sentence_names_none(partly: Office) -> None:
    answer = partly.post("promotions_discount_summary", query=f"?id={own().pk}", **form_sent(partly))
    assert "their own products" in answer.json()["words"]
    assert "acme-pp1" not in answer.json()["words"]


def test_the_sentence_names_it_to_a_user_who_may_see_it(office: Office) -> None:
    answer = office.post("promotions_discount_summary", query=f"?id={own().pk}", **form_sent(office))
    assert "products on their “Pick of acme” list" in answer.json()["words"]


def test_history_and_versions_describe_changes_without_its_name(partly: Office) -> None:
    sets = [{**OWN[0], "required_quantity": 5}]
    save_discount(partly.account, code="own", name="Their own", starts_at=own().starts_at, product_sets=sets)
    version = own().versions.latest("number")
    for page, pk in (("promotions_discount_history", own().pk), ("promotions_promotionversion_change", version.pk)):
        text = partly.page(page, pk).content.decode()
        assert "5" in text
        assert "acme-pp1" not in text
