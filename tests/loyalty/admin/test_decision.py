"""The page of a transaction: what was decided at the sale, what came back, and what is left."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consumers.author import Author
from consumers.models import Account
from loyalty.admin.transactions.decision import Change, DecisionPage, Deduction
from loyalty.choices import Benefit, PromotionType, ReversalKind
from loyalty.models import Transaction, Voucher
from loyalty.services.rewards.offer import OfferValues, offers_save
from loyalty.services.till.commit import transaction_commit
from loyalty.services.till.reversal import ReturnedLine, ReversalRequest, transaction_reverse
from loyalty.services.till.sale import Sale, SaleLine
from promotions.models import Product, Promotion
from tests.consumers.admin.office import Office, fill, make_office, save_discount, save_promotion

pytestmark = pytest.mark.django_db


@pytest.fixture
def office() -> Office:
    office = make_office()
    fill(office.account)
    save_discount(office.account, code="half", name="Half price", value="50", product_sets=[{"rules": {}}])
    return office


def sell(
    account: Account, reference: str, *, quantity: int = 2, vouchers: Sequence[str] = (), at: datetime | None = None
) -> None:
    """Sell ``quantity`` units at 3.00 to the member."""
    now = timezone.now()
    line = SaleLine(
        line_id="1",
        sku=f"{account.code}-p1",
        quantity=Decimal(quantity),
        unit_price_inc_tax=Decimal(3),
        unit_price_ex_tax=Decimal(3),
    )
    sale = Sale(
        reference=reference,
        occurred_at=at or now,
        site=f"{account.code}-001",
        currency="GBP",
        consumer=f"{account.code}-c1",
        lines=(line,),
        vouchers=tuple(vouchers),
    )
    transaction_commit(account=Account.objects.get(pk=account.pk), sale=sale, at=now)


def give_back(account: Account, sale: str, reference: str, *, quantity: int = 0) -> None:
    """Return ``quantity`` units to the shop; without a quantity, void the sale."""
    lines = (ReturnedLine(line_id="1", quantity=Decimal(quantity)),) if quantity else ()
    kind = ReversalKind.RETURN if lines else ReversalKind.VOID
    request = ReversalRequest(kind=kind, transaction=sale, reference=reference, lines=lines)
    transaction_reverse(account=Account.objects.get(pk=account.pk), request=request, at=timezone.now())


def page_of(office: Office, reference: str) -> Any:
    pk = Transaction.objects.get(account=office.account, reference=reference).pk
    response = office.page("loyalty_transaction_change", pk)
    assert response.status_code == 200
    return response


def decision_of(office: Office, reference: str) -> DecisionPage:
    decision: DecisionPage = page_of(office, reference).context["decision"]
    return decision


def refusal_of(office: Office, reference: str, code: str) -> str:
    """Return the reason why the promotion of this code did not apply."""
    (reason,) = (refusal.reason for refusal in decision_of(office, reference).refused if refusal.code == code)
    return reason


def test_each_line_shows_how_much_each_discount_took_off(office: Office) -> None:
    sell(office.account, "T-1")
    (line,) = decision_of(office, "T-1").lines
    assert (line.total, line.discount, line.net) == ("6.00 GBP", "3.00 GBP", "3.00 GBP")
    assert line.deductions == [Deduction(name="Half price", amount="3.00 GBP")]


def test_what_a_control_group_withheld_is_shown_with_its_reason(office: Office) -> None:
    hold_out = {"control_group": {"group": "acme-g1", "percentage": "100"}}
    each = {"points": 1250, "quantity_rule": {"apply_to": "every", "units": 1}}
    save_promotion(office.account, code="ghost", outcome=each, eligibility=hold_out)
    rules = {"line_item_rules": {"match": "all", "rules": [{"attribute": "quantity", "operator": "is", "value": "9"}]}}
    save_promotion(office.account, code="neither", eligibility=hold_out | rules)
    sell(office.account, "T-1")
    withheld = "Without the control group it would have applied 2 times, for 2,500 points."
    assert refusal_of(office, "T-1", "ghost") == f"The customer is in the control group. {withheld}"
    assert refusal_of(office, "T-1", "neither") == "The customer is in the control group."


def test_redeemed_refused_and_issued_vouchers_are_listed_separately(office: Office) -> None:
    code = Voucher.objects.get().code
    sell(office.account, "T-1", quantity=4, vouchers=[code, "NONE-OF-OURS"])
    decision = decision_of(office, "T-1")
    paid, refused, issued = decision.vouchers
    assert (paid.code, paid.offer, paid.at_sale) == (code, "Offer of acme", "Paid")
    assert (paid.amount, paid.now) == ("5.00 GBP", "Redeemed")
    assert (refused.code, refused.at_sale) == ("NONE-OF-OURS", "Not used. This voucher does not exist.")
    assert (issued.at_sale, issued.now) == ("Issued", "Issued")
    assert Deduction(name="Voucher: Offer of acme", amount="5.00 GBP") in decision.lines[0].deductions


def test_an_external_voucher_is_left_to_the_till(office: Office) -> None:
    offers_save(
        account_id=office.account.pk,
        author=Author(),
        rows=[OfferValues(code="bag", name="Bag", benefit=Benefit.EXTERNAL, perceived_value=Decimal(8))],
        at=timezone.now(),
    )
    save_promotion(
        office.account, code="bag", type=PromotionType.REDEEM_OFFER, outcome={"offer": "bag"},
        eligibility={"always_apply": True},
    )  # fmt: skip
    sell(office.account, "T-1")
    sell(office.account, "T-2", vouchers=[Voucher.objects.get(offer__code="bag").code])
    assert decision_of(office, "T-2").vouchers[0].amount == "Honoured by the till"


def test_a_return_shows_its_lines_and_what_it_reversed(office: Office) -> None:
    sell(office.account, "T-1", quantity=4)
    give_back(office.account, "T-1", "R-1", quantity=1)
    decision = decision_of(office, "T-1")
    (reversal,) = decision.reversals
    assert (reversal.kind, reversal.reference) == ("Return", "R-1")
    assert (reversal.items, reversal.refund, reversal.points) == (["1 × acme-p1"], "1.50 GBP", 2)
    changes = {change.label: (change.then, change.now) for change in decision.changes}
    assert changes["Status"] == ("Committed", "Partly returned")
    assert changes["Net total"] == changes["Paid"] == ("6.00 GBP", "4.50 GBP")
    assert decision.lines[0].returned == "1"


def test_a_void_leaves_nothing_and_takes_the_vouchers_back(office: Office) -> None:
    sell(office.account, "T-1")
    issued = Voucher.objects.get(issued_by__transaction__reference="T-1").code
    give_back(office.account, "T-1", "V-1")
    decision = decision_of(office, "T-1")
    (void,) = decision.reversals
    assert (void.kind, void.cancelled, void.refund) == ("Void", (issued,), "3.00 GBP")
    half = next(applied for applied in decision.applied if applied.promotion.code == "half")
    assert half.redemptions == Change(then="2", now="0")
    assert half.discount == Change(then="3.00 GBP", now="0.00 GBP")


def test_a_voucher_spent_before_its_sale_came_back_is_named(office: Office) -> None:
    sell(office.account, "T-1")
    spent = Voucher.objects.get(issued_by__transaction__reference="T-1").code
    sell(office.account, "T-2", vouchers=[spent])
    give_back(office.account, "T-1", "V-1")
    assert decision_of(office, "T-1").reversals[0].already_redeemed == (spent,)


def test_a_sale_without_returns_is_not_compared(office: Office) -> None:
    sell(office.account, "T-1")
    page = page_of(office, "T-1")
    decision = page.context["decision"]
    assert decision.reversals == decision.changes == []
    assert "At the sale and now" not in page.content.decode()


@pytest.mark.parametrize(
    ("eligibility", "words"),
    [
        (
            {"site_rules": {"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": "York"}]}},
            "It applies only at sites in the town of York.",
        ),
        (
            {"customer_rules": {"match": "all", "rules": [
                {"attribute": "groups", "operator": "is_not_any_of", "value": ["acme-g1"]}
            ]}},
            "It is only for customers not in the group “Group of acme”.",
        ),
        (
            {"transaction_rules": {"match": "all", "rules": [
                {"attribute": "total_inc_tax", "operator": "is_at_least", "value": "10"}
            ]}},
            "Spend 4.00 more to reach 10.00 GBP.",
        ),
    ],
)  # fmt: skip
def test_the_single_unmet_condition_is_described(office: Office, eligibility: Any, words: str) -> None:
    save_promotion(office.account, code="near", name="Near", eligibility=eligibility)
    sell(office.account, "T-1")
    assert words in refusal_of(office, "T-1", "near")


def test_promotions_with_one_unmet_condition_are_listed_first(office: Office) -> None:
    york = {"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": "York"}]}
    save_promotion(office.account, code="z-near", name="Near", eligibility={"site_rules": york})
    save_promotion(office.account, code="a-draft", name="Draft", draft=True)
    save_promotion(office.account, code="a-rival", name="Rival", outcome={"points": 1})
    sell(office.account, "T-1")
    codes = [refusal.code for refusal in decision_of(office, "T-1").refused]
    assert codes[:2] == ["acme-discount-1", "z-near"]
    assert codes.index("a-rival") < codes.index("a-draft")


def test_what_was_not_live_is_folded_below_what_is_useful(office: Office) -> None:
    save_promotion(office.account, code="a-draft", name="Draft", draft=True)
    save_promotion(office.account, code="z-rival", name="Rival", outcome={"points": 1})
    sell(office.account, "T-1")
    decision = decision_of(office, "T-1")
    assert [row.code for row in decision.refused_folded] == ["a-draft"]
    assert "z-rival" in [row.code for row in decision.refused_shown]
    page = page_of(office, "T-1").content.decode()
    assert page.index("Rival") < page.index("Not live at that time: 1") < page.index("It is a draft.")


def test_the_winner_of_a_lost_conflict_is_named(office: Office) -> None:
    save_promotion(office.account, code="rival", name="Rival", outcome={"points": 1})
    sell(office.account, "T-1")
    assert refusal_of(office, "T-1", "rival") == "Lost to “Promotion of acme” because of its saving."


def test_the_page_takes_a_fixed_number_of_statements(office: Office) -> None:
    sell(office.account, "T-1")
    sell(office.account, "T-2", quantity=4)
    give_back(office.account, "T-2", "R-1", quantity=1)
    give_back(office.account, "T-2", "R-2", quantity=1)
    counted = []
    for reference in ("T-1", "T-2"):
        with CaptureQueriesContext(connection) as queries:
            page_of(office, reference)
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_the_loyalty_tab_leads_to_past_transactions_and_shows_their_returns(office: Office) -> None:
    sell(office.account, "T-1", quantity=4)
    give_back(office.account, "T-1", "R-1", quantity=1)
    sold = Transaction.objects.get(reference="T-1")
    page = office.page("consumers_consumer_change", sold.consumer_id).content.decode()
    address = f"/admin/loyalty/transaction/{sold.pk}/change/"
    # From the entries of the ledger, and from the transaction itself.
    assert page.count(f'href="{address}"') > 1
    assert "Half price" in page
    assert "Return R-1 on" in page
    assert "1.50 GBP refunded, 2 points taken back" in page


def test_the_loyalty_tab_takes_a_fixed_number_of_statements(office: Office) -> None:
    consumer = Transaction.objects.get().consumer_id
    counted = []
    for reference in ("T-1", "T-2"):
        sell(office.account, reference)
        give_back(office.account, reference, f"R-{reference}", quantity=1)
        with CaptureQueriesContext(connection) as queries:
            assert office.page("consumers_consumer_change", consumer).status_code == 200
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_lines_say_how_they_counted(office: Office) -> None:
    Product.objects.filter(sku=f"{office.account.code}-p1").update(sold_by="weight", no_points=True)
    sell(office.account, "s-1")
    Product.objects.filter(sku=f"{office.account.code}-p1").update(sold_by="unit", no_points=False)
    sell(office.account, "s-2")
    assert [decision_of(office, sale).lines[0].traits for sale in ("s-1", "s-2")] == ["weighed, no points", ""]


def test_what_a_budget_cut_is_said_with_what_was_given_and_whose_budget_it_is(office: Office) -> None:
    cut = {"when_short": "cut"}
    budget, allowance = {"amount": "2.50", **cut}, {"amount": "30", "period": "week", **cut}
    starts_at = Promotion.objects.get(code="half").starts_at
    save_discount(
        office.account, code="half", value="50", starts_at=starts_at, product_sets=[{"rules": {}}], budget=budget
    )
    save_promotion(office.account, code="fifty", eligibility={"always_apply": True}, customer_budget=allowance)
    sell(office.account, "T-1")
    give_back(office.account, "T-1", "R-1", quantity=1)
    notes = {row.promotion.code: row.note for row in decision_of(office, "T-1").applied}
    assert notes["half"] == "Cut to 2.50 GBP: no more was left of its budget."
    assert notes["fifty"] == "Cut to 30 points: no more was left of the customer’s budget."
    assert notes["acme-fixed-1"] == ""
    assert notes["half"] in page_of(office, "T-1").content.decode()
