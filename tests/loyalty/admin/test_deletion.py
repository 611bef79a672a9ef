"""Rows are deleted one by one or together, and pages name what uses those that must stay."""

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.utils.html import escape

from consumers.choices import StaffRole
from consumers.models import Consumer, ConsumerGroup, Site
from consumers.services.group import GroupValues, groups_save
from loyalty.admin.rewards.offer import OfferAdmin
from loyalty.models import LoyaltyPromotion, Offer, Voucher
from promotions.models import Discount, PersonalizedPromotion, Product, Promotion
from tests.consumers.admin.office import Office, fill, make_office, save_discount, save_promotion
from tests.consumers.builders import take_away

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office()
    fill(office.account)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def delete_page(office: Office, row: Model) -> Any:
    return office.page(f"{row._meta.app_label}_{row._meta.model_name}_delete", row.pk)


def names_of(page: Any) -> dict[str, list[str]]:
    """Return the names of the rows that use one, by kind; each with a page is linked."""
    html = page.content.decode()
    for usage in page.context["usages"]:
        for row in usage.rows:
            assert not row.url or f'<a class="text-link" href="{escape(row.url)}">{escape(row.label)}</a>' in html
    return {usage.kind: [row.label for row in usage.rows] for usage in page.context["usages"]}


def rule(attribute: str, value: str) -> dict[str, Any]:
    return {"match": "all", "rules": [{"attribute": attribute, "operator": "is", "value": value}]}


def test_the_page_of_every_kind_names_what_uses_a_row(office: Office) -> None:
    account = office.account
    gold = {"match": "all", "rules": [{"attribute": "groups", "operator": "is_any_of", "value": ["acme-g1"]}]}
    save_promotion(account, code="gold", name="Gold", eligibility={"customer_rules": gold})
    save_discount(
        account,
        code="mine",
        name="Mine",
        product_sets=[{"products": ["acme-p1"]}, {"personalized_promotion": "acme-pp1"}],
    )
    product = Product.objects.get()
    Offer.objects.filter(code="acme-o1").update(benefit="product", product=product, value=None)
    person, promotion = "Person 1 of acme", "Promotion of acme (acme-fixed-1)"
    sale = "acme-T1"
    assert names_of(delete_page(office, ConsumerGroup.objects.get())) == {
        "Promotions and discounts": ["Gold (gold)"],
        "Consumers": [person],
    }
    assert names_of(delete_page(office, Site.objects.get())) == {"Consumers": [person], "Transactions": [sale]}
    uses_of_product = names_of(delete_page(office, product))
    assert uses_of_product["Promotions and discounts"] == ["Mine (mine)"]
    assert uses_of_product["Offers"] == ["Offer of acme (acme-o1)"]
    assert person in uses_of_product["Consumers’ lists"][0]
    uses_of_offer = names_of(delete_page(office, Offer.objects.get()))
    assert uses_of_offer["Promotions and discounts"] == ["Voucher of acme (acme-voucher-1)"]
    assert uses_of_offer["Vouchers"] == [Voucher.objects.get().code]
    uses_of_list = names_of(delete_page(office, PersonalizedPromotion.objects.get()))
    assert uses_of_list["Promotions and discounts"] == ["Mine (mine)"]
    assert sale in names_of(delete_page(office, Consumer.objects.get()))["Transactions"]
    redeemed = LoyaltyPromotion.objects.get(code="acme-fixed-1")
    assert str(redeemed) == promotion
    assert names_of(delete_page(office, redeemed))["Transactions"] == [sale]


def test_what_nothing_uses_is_asked_about_in_plain_words(office: Office) -> None:
    page = delete_page(office, Discount.objects.get())
    assert page.context["usages"] == []
    html = page.content.decode()
    assert "Delete “Discount of acme (acme-discount-1)”?" in html
    assert "You cannot undo this." in html


def test_a_long_use_is_cut_short(office: Office) -> None:
    for n in range(7):
        save_promotion(office.account, code=f"o{n}", type="redeem_offer", outcome={"offer": "acme-o1"})
    page = delete_page(office, Offer.objects.get())
    assert len(names_of(page)["Promotions and discounts"]) == 5
    assert "and more" in page.content.decode()


def test_what_the_user_may_not_see_is_not_named(office: Office) -> None:
    take_away(office.user.staff_memberships.get(), "Vouchers")
    page = delete_page(office, Offer.objects.get())
    assert "Vouchers" not in names_of(page)
    assert "Rows that you may not see" in page.content.decode()
    assert Voucher.objects.get().code not in page.content.decode()


def test_a_refused_deletion_leads_to_what_uses_the_row(office: Office) -> None:
    offer = Offer.objects.get()
    answer = office.post("loyalty_offer_delete", offer.pk, post="yes")
    assert answer["Location"] == f"/admin/loyalty/offer/{offer.pk}/delete/"
    assert Offer.objects.exists()


def test_the_points_of_a_consumer_are_named_as_the_sidebar_calls_them(office: Office) -> None:
    uses = names_of(delete_page(office, Consumer.objects.get()))
    assert "Points ledger" in uses
    assert "Ledger entries" not in uses


def delete_chosen(office: Office, rows: Any, **values: str) -> Any:
    name = f"{rows.model._meta.app_label}_{rows.model._meta.model_name}_changelist"
    chosen = list(rows.values_list("pk", flat=True))
    return office.post(name, action="delete_chosen", _selected_action=chosen, **values)


def test_several_are_asked_about_first_and_those_in_use_stay(office: Office) -> None:
    save_promotion(office.account, code="spare", name="Spare")
    promotions = LoyaltyPromotion.objects.filter(code__in=["spare", "acme-fixed-1"])
    page = delete_chosen(office, promotions)
    assert [row.code for row in page.context["allowed"]] == ["spare"]
    assert [each["row"].code for each in page.context["kept"]] == ["acme-fixed-1"]
    assert promotions.count() == 2
    answer = delete_chosen(office, promotions, confirmed="yes")
    assert [promotion.code for promotion in promotions] == ["acme-fixed-1"]
    assert "1 deleted." in office.client.get(answer["Location"]).content.decode()


def test_rows_of_another_account_are_not_deleted(office: Office) -> None:
    other = make_office("other")
    save_promotion(other.account, code="theirs")
    delete_chosen(office, LoyaltyPromotion.objects.filter(code="theirs"), confirmed="yes")
    assert Promotion.objects.filter(code="theirs").exists()


@pytest.mark.parametrize("code", ["spare", "gone"])
def test_a_row_deleted_by_somebody_else_since_the_question_is_not_said_to_be_in_use(
    office: Office, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    rows: Any = ConsumerGroup.objects.filter(code=code)
    if code == "spare":
        groups_save(account_id=office.account.pk, rows=[GroupValues(code=code)])
    else:
        save_promotion(office.account, code=code)
        rows = LoyaltyPromotion.objects.filter(code=code)

    page_class: Any = type(admin.site.get_model_admin(rows.model))
    delete_row = page_class.delete_row

    def delete_row_late(page: Any, request: Any, row: Any) -> None:
        rows.all().delete()
        delete_row(page, request, row)

    monkeypatch.setattr(page_class, "delete_row", delete_row_late)
    answer = delete_chosen(office, rows, confirmed="yes")
    page = office.client.get(answer["Location"]).content.decode()
    assert "was already deleted." in page
    assert "is in use" not in page


def test_a_row_that_came_to_be_used_since_the_question_stays(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OfferAdmin, "rows_in_use", lambda *_: set())
    answer = delete_chosen(office, Offer.objects.all(), confirmed="yes")
    page = office.client.get(answer["Location"]).content.decode()
    assert "is in use and was kept" in page
    assert Offer.objects.exists()


@pytest.mark.parametrize(
    ("list_name", "model", "spare"),
    [
        ("loyalty_loyaltypromotion", LoyaltyPromotion, "spare"),
        ("promotions_discount", Discount, "acme-discount-1"),
        ("promotions_personalizedpromotion", PersonalizedPromotion, "spare"),
        ("loyalty_offer", Offer, "spare"),
    ],
)
def test_a_row_that_nothing_uses_has_a_link_to_delete_it(
    office: Office, list_name: str, model: type[Model], spare: str
) -> None:
    account = office.account
    save_promotion(account, code="spare", name="Spare")
    PersonalizedPromotion.objects.create(account=account, backend_id="spare", name="Spare")
    Offer.objects.create(account=account, code="spare", name="Spare", currency="GBP", value=1)
    html = office.page(f"{list_name}_changelist").content.decode()
    key = "backend_id" if model is PersonalizedPromotion else "code"
    linked = {
        getattr(row, key)
        for row in model._default_manager.all()
        if f"/{model._meta.model_name}/{row.pk}/delete/" in html
    }
    assert linked == {spare}
    viewer = office.login(StaffRole.VIEWER)
    seen = viewer.page(f"{list_name}_changelist").content.decode()
    assert "/delete/" not in seen
    assert "delete_chosen" not in seen
