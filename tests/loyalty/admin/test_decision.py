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
from loyalty.choices import Benefit, PromotionType, ReversalKind
from loyalty.models import Transaction, Voucher
from loyalty.services.rewards.offer import OfferValues, offers_save
from loyalty.services.till.commit import transaction_commit
from loyalty.services.till.reversal import ReturnedLine, ReversalRequest, transaction_reverse
from loyalty.services.till.sale import Sale, SaleLine
from tests.consumers.admin.office import Office, fill, make_office, save_discount, save_promotion

pytestmark = pytest.mark.django_db


@pytest.fixture
def office() -> Office:
    office = make_office()
    fill(office.account)
    save_discount(office.account, code="half", name="Half price", value="50", product_sets=[{"rules": {}}])
    return office


def sell_some(
    account: Account, reference: str, *, quantity: int = 2, vouchers: Sequence[str] = (), at: datetime | None = None
) -> None:
    """So many units at 3.00 to the member."""
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
    """So many units come back; none voids the sale."""
    lines = (ReturnedLine(line_id="1", quantity=Decimal(quantity)),) if quantity else ()
    kind = ReversalKind.RETURN if lines else ReversalKind.VOID
    request = ReversalRequest(kind=kind, transaction=sale, reference=reference, lines=lines)
    transaction_reverse(account=Account.objects.get(pk=account.pk), request=request, at=timezone.now())


def page_of(office: Office, reference: str) -> Any:
    pk = Transaction.objects.get(account=office.account, reference=reference).pk
    answer = office.page("loyalty_transaction_change", pk)
    assert answer.status_code == 200
    return answer


def test_each_line_says_which_discount_took_how_much(office: Office) -> None:
    sell_some(office.account, "T-1")
    (line,) = page_of(office, "T-1").context["lines"]
    assert (line["total"], line["discount"], line["net"]) == ("6.00 GBP", "3.00 GBP", "3.00 GBP")
    assert line["cuts"] == [{"name": "Half price", "amount": "3.00 GBP"}]


def test_vouchers_that_paid_are_refused_and_issued_are_told_apart(office: Office) -> None:
    code = Voucher.objects.get().code
    sell_some(office.account, "T-1", quantity=4, vouchers=[code, "NONE-OF-OURS"])
    page = page_of(office, "T-1")
    paid, refused, issued = page.context["vouchers"]
    assert (paid["code"], paid["offer"], paid["became"]) == (code, "Offer of acme", "Paid")
    assert (paid["amount"], paid["now"]) == ("5.00 GBP", "Redeemed")
    assert (refused["code"], refused["became"]) == ("NONE-OF-OURS", "Did not pay. There was no such voucher.")
    assert (issued["became"], issued["now"]) == ("Issued", "Issued")
    assert {"name": "Voucher: Offer of acme", "amount": "5.00 GBP"} in page.context["lines"][0]["cuts"]


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
    sell_some(office.account, "T-1")
    sell_some(office.account, "T-2", vouchers=[Voucher.objects.get(offer__code="bag").code])
    assert page_of(office, "T-2").context["vouchers"][0]["amount"] == "For the till to honour"


def test_a_return_says_what_came_back_and_what_was_taken_back(office: Office) -> None:
    sell_some(office.account, "T-1", quantity=4)
    give_back(office.account, "T-1", "R-1", quantity=1)
    page = page_of(office, "T-1")
    (came_back,) = page.context["reversals"]
    assert {name: came_back[name] for name in ("kind", "reference", "items", "refund", "points")} == {
        "kind": "Return",
        "reference": "R-1",
        "items": ["1 × acme-p1"],
        "refund": "1.50 GBP",
        "points": 2,
    }
    now = {one["label"]: (one["then"], one["now"]) for one in page.context["changes"]}
    assert now["Status"] == ("Committed", "Partly returned")
    assert now["Net total"] == now["Paid"] == ("6.00 GBP", "4.50 GBP")
    assert page.context["lines"][0]["returned"] == "1"


def test_a_void_leaves_nothing_and_takes_the_vouchers_back(office: Office) -> None:
    sell_some(office.account, "T-1")
    issued = Voucher.objects.get(issued_by__transaction__reference="T-1").code
    give_back(office.account, "T-1", "V-1")
    page = page_of(office, "T-1")
    (void,) = page.context["reversals"]
    assert (void["kind"], void["cancelled"], void["refund"]) == ("Void", [issued], "3.00 GBP")
    half = next(one for one in page.context["applied"] if one["promotion"].code == "half")
    assert (half["redemptions"].then, half["redemptions"].now) == ("2", "0")
    assert (half["discount"].then, half["discount"].now) == ("3.00 GBP", "0.00 GBP")


def test_a_voucher_spent_before_its_sale_came_back_is_named(office: Office) -> None:
    sell_some(office.account, "T-1")
    spent = Voucher.objects.get(issued_by__transaction__reference="T-1").code
    sell_some(office.account, "T-2", vouchers=[spent])
    give_back(office.account, "T-1", "V-1")
    assert page_of(office, "T-1").context["reversals"][0]["spent"] == [spent]


def test_a_sale_of_which_nothing_came_back_is_not_compared(office: Office) -> None:
    sell_some(office.account, "T-1")
    page = page_of(office, "T-1")
    assert page.context["reversals"] == page.context["changes"] == []
    assert "At the sale, and now" not in page.content.decode()


@pytest.mark.parametrize(
    ("eligibility", "words"),
    [
        (
            {"site_rules": {"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": "York"}]}},
            "It would have applied if: Town is York.",
        ),
        (
            {"customer_rules": {"match": "all", "rules": [
                {"attribute": "groups", "operator": "is_not_any_of", "value": ["acme-g1"]}
            ]}},
            "It would have applied if: Groups is not any of Group of acme (acme-g1).",
        ),
        (
            {"transaction_rules": {"match": "all", "rules": [
                {"attribute": "total_inc_tax", "operator": "is_at_least", "value": "10"}
            ]}},
            "Spend 4.00 more to reach 10.00 GBP.",
        ),
    ],
)  # fmt: skip
def test_the_one_thing_that_was_lacking_is_said_in_words(office: Office, eligibility: Any, words: str) -> None:
    save_promotion(office.account, code="near", name="Near", eligibility=eligibility)
    sell_some(office.account, "T-1")
    (said,) = (one["words"] for one in page_of(office, "T-1").context["refused"] if one["code"] == "near")
    assert words in said


def test_those_that_lacked_one_thing_come_first(office: Office) -> None:
    york = {"match": "all", "rules": [{"attribute": "town", "operator": "is", "value": "York"}]}
    save_promotion(office.account, code="z-near", name="Near", eligibility={"site_rules": york})
    save_promotion(office.account, code="a-draft", name="Draft", draft=True)
    save_promotion(office.account, code="a-rival", name="Rival", outcome={"points": 1})
    sell_some(office.account, "T-1")
    codes = [one["code"] for one in page_of(office, "T-1").context["refused"]]
    assert codes[:2] == ["acme-discount-1", "z-near"]
    assert codes.index("a-rival") < codes.index("a-draft")


def test_who_won_is_called_by_name(office: Office) -> None:
    save_promotion(office.account, code="rival", name="Rival", outcome={"points": 1})
    sell_some(office.account, "T-1")
    (said,) = (one["words"] for one in page_of(office, "T-1").context["refused"] if one["code"] == "rival")
    assert said == "Lost to “Promotion of acme” because of its saving."


def test_the_page_costs_the_same_whatever_happened(office: Office) -> None:
    sell_some(office.account, "T-1")
    sell_some(office.account, "T-2", quantity=4)
    give_back(office.account, "T-2", "R-1", quantity=1)
    give_back(office.account, "T-2", "R-2", quantity=1)
    counted = []
    for reference in ("T-1", "T-2"):
        with CaptureQueriesContext(connection) as queries:
            page_of(office, reference)
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_the_loyalty_tab_leads_to_past_transactions_and_shows_their_returns(office: Office) -> None:
    sell_some(office.account, "T-1", quantity=4)
    give_back(office.account, "T-1", "R-1", quantity=1)
    sold = Transaction.objects.get(reference="T-1")
    page = office.page("consumers_consumer_change", sold.consumer_id).content.decode()
    address = f"/admin/loyalty/transaction/{sold.pk}/change/"
    # From the entries of the ledger, and from the transaction itself.
    assert page.count(f'href="{address}"') > 1
    assert "Half price" in page
    assert "Return R-1 on" in page
    assert "1.50 GBP refunded, 2 points taken back" in page


def test_the_loyalty_tab_costs_the_same_whatever_was_bought(office: Office) -> None:
    consumer = Transaction.objects.get().consumer_id
    counted = []
    for reference in ("T-1", "T-2"):
        sell_some(office.account, reference)
        give_back(office.account, reference, f"R-{reference}", quantity=1)
        with CaptureQueriesContext(connection) as queries:
            assert office.page("consumers_consumer_change", consumer).status_code == 200
        counted.append(len(queries))
    assert counted[0] == counted[1]
