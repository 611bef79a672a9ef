"""Offers, vouchers, transactions and the ledger in the back office."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from consumers.admin.framework.pages import CappedPaginator
from consumers.models import Account
from loyalty.admin.transactions.transaction import TransactionAdmin
from loyalty.models import LedgerEntry, Offer, PromotionUsage, Transaction, Voucher
from promotions.models import Product, Promotion
from tests.consumers.admin.office import Office, fill, make_office, save_promotion, sell
from tests.loyalty.admin.promotion_page import ASK_TO_PUBLISH, add

pytestmark = pytest.mark.django_db

OFFER = {
    "code": "five",
    "name": "Five off",
    "kind": "personalised",
    "benefit": "amount",
    "value": "5",
    "perceived_value": "5",
    "funding-TOTAL_FORMS": "0",
    "funding-INITIAL_FORMS": "0",
}


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office()
    fill(office.account)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def test_an_offer_is_added(office: Office) -> None:
    assert office.post("loyalty_offer_add", **OFFER, stock="10", valid_days="30").status_code == 302
    offer = Offer.objects.get(code="five")
    assert (offer.value, offer.stock, offer.valid_days) == (Decimal(5), 10, 30)
    assert offer.account == office.account


def test_a_new_offer_leads_to_the_form_of_the_promotion_that_issues_it(office: Office) -> None:
    office.post("loyalty_offer_add", **OFFER)
    assert "?type=redeem_offer&amp;offer=five" in office.page("loyalty_offer_changelist").content.decode()
    form = office.page("loyalty_loyaltypromotion_add", query="?type=redeem_offer&offer=five").context["adminform"].form
    assert form["offer"].value() == "five"


def test_a_new_offer_in_a_promotions_window_leads_nowhere(office: Office) -> None:
    office.post("loyalty_offer_add", **OFFER, _popup="1")
    assert "No promotion issues this offer" not in office.page("loyalty_offer_changelist").content.decode()


def test_an_offer_that_names_no_currency_is_in_the_accounts_with_its_decimals(office: Office) -> None:
    Account.objects.filter(pk=office.account.pk).update(currency="JPY")
    values = {**OFFER, "currency": "", "perceived_value": "500"}
    form = office.post("loyalty_offer_add", **{**values, "value": "5.50"}).context["adminform"].form
    assert form.errors == {"value": ["JPY has no decimals."]}
    assert office.post("loyalty_offer_add", **{**values, "value": "1500"}).status_code == 302
    assert Offer.objects.get(code="five").currency == "JPY"
    assert "1,500 JPY off" in office.page("loyalty_offer_changelist").content.decode()


def test_a_free_product_is_chosen_from_the_catalogue(office: Office) -> None:
    product = Product.objects.get()
    values: dict[str, Any] = {**OFFER, "benefit": "product", "product": product.pk}
    office.post("loyalty_offer_add", **values)
    offer = Offer.objects.get(code="five")
    assert (offer.product, offer.value) == (product, None)


@pytest.mark.parametrize(
    ("values", "worth"),
    [
        ({"value": "5", "perceived_value": ""}, 5),
        ({"value": "5", "perceived_value": "4"}, 4),
        ({"value": "5", "perceived_value": "0"}, 0),
        ({"benefit": "percentage", "value": "10", "perceived_value": ""}, 0),
        ({"benefit": "product", "perceived_value": ""}, 3),
    ],
)
def test_a_blank_perceived_value_is_what_a_voucher_takes_off_and_0_is_warned_of(
    office: Office, values: dict[str, Any], worth: int
) -> None:
    Product.objects.update(retail_price=3)
    values = {**OFFER, "product": Product.objects.get().pk, **values}
    answer = office.post("loyalty_offer_add", **values)
    assert Offer.objects.get(code="five").perceived_value == worth
    warning = "The perceived value is 0"
    assert (warning in office.client.get(answer["Location"]).content.decode()) == (worth == 0)
    page = office.page("loyalty_offer_change", Offer.objects.get(code="five").pk).content.decode()
    assert (warning in page) == (worth == 0)


def test_a_new_offer_has_no_perceived_value_yet(office: Office) -> None:
    form = office.page("loyalty_offer_add").context["adminform"].form
    assert form["perceived_value"].value() is None


def test_publishing_warns_of_an_offer_that_is_worth_nothing(office: Office) -> None:
    for worth, warnings in ((Decimal(0), 1), (Decimal(5), 0)):
        Offer.objects.filter(code="acme-o1").update(perceived_value=worth)
        question = add(office.client, "redeem_offer", **ASK_TO_PUBLISH).context["publish_question"]
        assert len(question.warnings) == warnings
        assert all("“Offer of acme” is 0" in warning for warning in question.warnings)


def test_errors_of_dates_use_the_wording_of_offers(office: Office) -> None:
    values = {**OFFER, "starts_at": "2030-02-01T00:00", "ends_at": "2030-01-01T00:00"}
    form = office.post("loyalty_offer_add", **values).context["adminform"].form
    assert form.errors == {"ends_at": ["The end date must be after the start date."]}


def test_the_free_product_is_shown_for_its_benefit_alone(office: Office) -> None:
    form = office.page("loyalty_offer_add").context["adminform"].form
    assert 'data-shown-when="benefit:product"' in str(form["product"])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"benefit": "percentage", "value": "120"}, "value"),
        ({"benefit": "amount", "value": ""}, "value"),
        ({"benefit": "product", "product": ""}, "product"),
        ({"kind": "tiered", "point_cost": ""}, "point_cost"),
        ({"code": "acme-o1"}, "code"),
    ],
)
def test_errors_of_an_offer_are_shown_at_their_fields(office: Office, values: dict[str, Any], field: str) -> None:
    answer = office.post("loyalty_offer_add", **{**OFFER, **values})
    assert answer.status_code == 200
    assert set(answer.context["adminform"].form.errors) == {field}


def test_values_of_fields_hidden_for_a_kind_are_ignored(office: Office) -> None:
    office.post("loyalty_offer_add", **{**OFFER, "point_cost": "100"})
    assert Offer.objects.get(code="five").point_cost is None


def test_an_offer_of_which_vouchers_were_issued_is_not_deleted(office: Office) -> None:
    offer = Offer.objects.get()
    assert offer.issued == 1
    office.post("loyalty_offer_delete", offer.pk, post="yes")
    assert Offer.objects.exists()


@pytest.mark.parametrize(
    ("max_count", "words"), [(2, "· The first 2 transactions"), (3, "· 3 transactions"), (4, "· 3 transactions")]
)
def test_a_long_list_is_counted_and_paged_up_to_its_limit(
    office: Office, monkeypatch: pytest.MonkeyPatch, max_count: int, words: str
) -> None:
    for reference in ("T-2", "T-3"):
        sell(office.account, reference=reference, consumer="acme-c1")
    monkeypatch.setattr(CappedPaginator, "MAX_COUNT", max_count)
    monkeypatch.setattr(TransactionAdmin, "list_per_page", 1)
    page = office.page("loyalty_transaction_changelist")
    assert words in " ".join(page.content.decode().split())
    assert page.context["cl"].paginator.num_pages == min(max_count, 3)


def test_a_search_without_results_explains_how_it_searches(office: Office) -> None:
    hint = "Type the beginning of a reference"
    assert hint in office.page("loyalty_transaction_changelist", query="?q=T1").content.decode()
    assert hint not in office.page("loyalty_transaction_changelist", query="?status=voided").content.decode()
    assert hint not in office.page("loyalty_offer_changelist", query="?q=nothing").content.decode()


def test_sales_are_filtered_by_the_day_at_their_site(office: Office) -> None:
    Transaction.objects.update(local_day=date(2026, 3, 10), occurred_at=datetime(2026, 3, 9, 11, tzinfo=UTC))
    for query, count in (
        ("local_day_from=2026-03-10&local_day_to=2026-03-10", 1),
        ("local_day_from=2026-03-11", 0),
        ("local_day_to=2026-03-09", 0),
        ("local_day_from=0001-01-01&local_day_to=9999-12-31", 1),
        ("local_day_from=0001-01-02&local_day_to=9999-12-30", 1),
    ):
        page = office.page("loyalty_transaction_changelist", query=f"?{query}")
        assert len(page.context["cl"].result_list) == count, query


@pytest.mark.parametrize("model", [Voucher, Transaction, LedgerEntry])
def test_records_written_by_tills_are_read_only(office: Office, model: Any) -> None:
    name = f"loyalty_{model._meta.model_name}"
    row = model.objects.first()
    assert office.page(f"{name}_change", row.pk).status_code == 200
    assert office.page(f"{name}_add").status_code == 403
    assert office.post(f"{name}_change", row.pk).status_code == 403
    assert office.post(f"{name}_delete", row.pk, post="yes").status_code == 403


def test_a_transaction_shows_lines_promotions_and_reasons(office: Office) -> None:
    rules = {"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": "York"}]}
    save_promotion(office.account, code="york", name="York only", eligibility={"site_rules": rules})
    save_promotion(office.account, code="rival", name="Rival", outcome={"points": 1})
    sell(office.account, reference="T-9", consumer="acme-c1")
    page = office.page("loyalty_transaction_change", Transaction.objects.get(reference="T-9").pk)
    decision = page.context["decision"]
    assert [line.sku for line in decision.lines] == ["acme-p1"]
    assert [applied.promotion.code for applied in decision.applied] == ["acme-fixed-1", "acme-voucher-1"]
    reasons = {refusal.code: refusal.reason for refusal in decision.refused}
    assert reasons["york"] == "Not at this site. It applies only at sites in the town of York."
    assert "“Promotion of acme”" in reasons["rival"]
    words = page.content.decode()
    for text in ("3.00 GBP", "York only", "Rival", "Voucher of acme", "Redeem offer"):
        assert text in words


def test_a_past_sale_says_all_rules_of_a_promotion_that_lacked_more_than_one_thing(office: Office) -> None:
    rules = {"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": "York"}]}
    web = {"match": "all", "rules": [{"attribute": "source", "operator": "is", "value": "web"}]}
    eligibility = {"site_rules": rules, "transaction_rules": web}
    save_promotion(office.account, code="same", eligibility=eligibility)
    edited = save_promotion(office.account, code="edited", eligibility=eligibility)
    sell(office.account, reference="T-9", consumer="acme-c1")
    Promotion.objects.filter(pk=edited.pk).update(version=2)
    page = office.page("loyalty_transaction_change", Transaction.objects.get(reference="T-9").pk)
    reasons = {refusal.code: refusal.reason for refusal in page.context["decision"].refused}
    assert reasons["same"] == "Not at this site. It applies only at sites in the town of York."
    assert reasons["edited"] == "Not at this site."


def test_the_ledger_shows_every_point(office: Office) -> None:
    page = office.page("loyalty_ledgerentry_changelist")
    assert sum(entry.points for entry in page.context["cl"].result_list) == 53
    lost = office.page("loyalty_ledgerentry_changelist", query="?sign=lost")
    assert not lost.context["cl"].result_list


def test_an_expired_voucher_is_shown_as_such(office: Office) -> None:
    Voucher.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert "Expired" in office.page("loyalty_voucher_changelist").content.decode()
    expired_page = office.page("loyalty_voucher_changelist", query="?status=expired")
    assert len(expired_page.context["cl"].result_list) == 1


@pytest.mark.parametrize("query", ["local_day_from=x", "site__id__exact=x", "o=99", "p=0", "e=1", "status=x", "q=%00"])
def test_invalid_parameters_of_a_list_are_no_server_error(office: Office, query: str) -> None:
    answer = office.client.get(f"{reverse('admin:loyalty_transaction_changelist')}?{query}", follow=True)
    assert answer.status_code in (200, 302, 400)


def test_the_loyalty_tab_leads_to_vouchers_and_promotions(office: Office) -> None:
    voucher = Voucher.objects.latest("pk")
    html = office.page("consumers_consumer_change", voucher.consumer_id).content.decode()
    assert reverse("admin:loyalty_voucher_change", args=[voucher.pk]) in html
    usage = PromotionUsage.objects.filter(consumer=voucher.consumer_id, redemptions__gt=0).latest("pk")
    page = "loyalty_loyaltypromotion" if usage.promotion.family == "loyalty" else "promotions_discount"
    assert reverse(f"admin:{page}_change", args=[usage.promotion_id]) in html
