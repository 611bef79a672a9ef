"""However sales, returns and runs follow each other, results are what a count from scratch says."""

import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from consumers.models import Site
from loyalty.models import PromotionResult, Transaction, Voucher
from loyalty.selectors.results import ResultsPeriod
from loyalty.selectors.results_funding import ExactParts, results_cost_split
from loyalty.selectors.results_verification import results_differences
from loyalty.services.results import count, readers
from loyalty.services.results.count import results_count
from loyalty.services.results.readers import CountedBatch
from promotions.engine.benefits.vouchers import voucher_key
from promotions.models import Promotion
from tests.loyalty.till.shop import Json, Shop, make_basket, make_line, make_return, make_set, make_shop

pytestmark = pytest.mark.django_db

SKUS = ("TEA", "BAP", "PIE")
QUANTITIES = st.integers(0, 4)
DAYS_AGO = (0, 70, 71, 72)
"""Today, and days of a week and a month that are over: late sales come into what is merged already."""


class Died(Exception):
    """A run ends before its end."""


@dataclass
class Heard:
    """A reader of what is counted, which dies when it is asked to."""

    dies: bool = False
    sales: list[int] = field(default_factory=list)
    returns: list[int] = field(default_factory=list)

    def __call__(self, batch: CountedBatch) -> None:
        if self.dies:
            raise Died
        self.sales += [sale.row.id for sale in batch.sales]
        self.returns += [counted.id for counted in batch.returns]


def filled_shop() -> Shop:
    """Make a shop in which discounts overlap in lines, points and vouchers are given, and some costs are unknown."""
    shop = make_shop(expected_redemption="33.33")
    Site.objects.create(account=shop.account, number="002", name="York", town="York", time_zone="America/New_York")
    shop.member("c")
    shop.member("d")
    shop.product("TEA", cost_price="1.0001")
    shop.product("BAP", cost_price="0.7")
    shop.product("PIE")
    funding = funded(Acme="33.3333", Leaf="20")
    shop.discount("tenth", make_set(products=["TEA"]), value="10", funding=funding, ledger_class="tea")
    shop.discount("second-half-price", make_set(2, 1, products=["TEA", "BAP"]), value="50")
    shop.discount("staff", value="5", always_apply=True)
    shop.promotion("each", outcome={"points": 7, "quantity_rule": {"apply_to": "every", "units": 2}})
    shop.offer("plain", value="1.5")
    shop.offer("paid", value="1.25", funding=funded(ACME="40"), ledger_class="vouchers")
    gift = {"funding": funded(Bean="12.5"), "ledger_class": "gifts"}
    shop.promotion("gift", kind="redeem_offer", outcome={"offer": "plain"}, **gift)
    shop.promotion("treat", kind="redeem_offer", outcome={"offer": "paid"}, always_apply=True, **gift)
    return shop


def funded(**shares: str) -> list[Json]:
    return [{"party": party, "share": share} for party, share in shares.items()]


SELL = st.tuples(
    st.just("sell"),
    st.tuples(QUANTITIES, QUANTITIES, QUANTITIES),
    st.sampled_from(("", "c", "d")),
    st.sampled_from(("001", "002")),
    st.sampled_from(DAYS_AGO),
    st.sampled_from(("", "oldest", "newest")),
)
GIVE_BACK = st.tuples(st.just("return"), st.integers(0, 5), st.sampled_from(SKUS), st.integers(1, 2))
VOID = st.tuples(st.just("void"), st.integers(0, 5))
RUN = st.tuples(st.just("run"), st.integers(1, 5))
DIE = st.tuples(st.just("die"), st.integers(1, 5))


@dataclass
class Script:
    """The steps of one example."""

    shop: Shop
    heard: Heard
    sales: list[str] = field(default_factory=list)
    vouchers: dict[str, list[str]] = field(default_factory=dict)
    returned: int = 0

    def sell(self, quantities: tuple[int, ...], consumer: str, site: str, days: int, pays: str) -> None:
        lines = [
            make_line(sku, str(count), price, unit_price_ex_tax=ex_tax)
            for sku, count, (price, ex_tax) in zip(
                SKUS, quantities, (("3.33", "2.77"), ("1.99", "1.99"), ("0.05", "0.04")), strict=True
            )
            if count
        ]
        if not lines:
            return
        held = self.vouchers.get(consumer, [])
        codes = {"": [], "oldest": held[:1], "newest": held[-1:]}[pays]
        moment = (timezone.now() - timedelta(days=days)).isoformat()
        answer: Json = self.shop.call(
            "post",
            "transactions",
            make_basket(
                *lines,
                reference=f"S{len(self.sales)}",
                site=site,
                consumer=consumer,
                vouchers=codes,
                occurred_at=moment,
            ),
        ).json()
        self.sales.append(answer["reference"])
        self.vouchers[consumer] = [
            *(code for code in self.vouchers.get(consumer, []) if code not in codes),
            *(voucher["code"] for voucher in answer["vouchers_issued"]),
        ]

    def give_back(self, sale: int, sku: str, count: int) -> None:
        if self.sales:
            self.returned += 1
            body = make_return(f"R{self.returned}", **{sku: str(count)})
            self.shop.call("post", f"transactions/{self.sales[sale % len(self.sales)]}/returns", body)

    def void(self, sale: int) -> None:
        if self.sales:
            self.returned += 1
            body = {"reference": f"R{self.returned}"}
            self.shop.call("post", f"transactions/{self.sales[sale % len(self.sales)]}/void", body)

    def run(self, batch_size: int) -> None:
        results_count(clock=timezone.now, batch_size=batch_size)

    def die(self, batch_size: int) -> None:
        self.heard.dies = True
        with suppress(Died):
            self.run(batch_size)
        self.heard.dies = False

    def play(self, steps: list[tuple[object, ...]]) -> None:
        acts = {"sell": self.sell, "return": self.give_back, "void": self.void, "run": self.run, "die": self.die}
        for name, *arguments in steps:
            acts[str(name)](*arguments)  # type: ignore[operator]


Costs = dict[str, tuple[Decimal, Decimal]]


class Payers:
    """Who pays and under which classes, added up from each redemption and each voucher that paid."""

    def __init__(self) -> None:
        self.parties: defaultdict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        self.classes: defaultdict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for row in PromotionResult.objects.select_related("version"):
            terms, expected = row.version.definition, row.expected_redemption / 100
            sold = row.discount + row.points_value * expected
            back = row.returned_discount + row.returned_points_value * expected
            self.add(sold / 10**6, back / 10**6, terms["funding"], terms["ledger_class"])
        for sale in Transaction.objects.exclude(facts__vouchers=[]):
            left = off_by_code(sale.state or sale.answer)
            for code, off in off_by_code(sale.answer).items():
                voucher = Voucher.objects.get(code=voucher_key(code))
                assert voucher.issued_by is not None
                terms, offer = voucher.issued_by.version.definition, voucher.offer
                funding, ledger_class = offer.funding or terms["funding"], offer.ledger_class or terms["ledger_class"]
                self.add(off, off - left.get(code, Decimal(0)), funding, ledger_class)

    def add(self, sold: Decimal, back: Decimal, funding: list[Json], ledger_class: str) -> None:
        shares = {entry["party"].casefold(): Decimal(entry["share"]) / 100 for entry in funding}
        shares[""] = Decimal(1) - sum(shares.values(), Decimal(0))
        for party, share in shares.items():
            self.parties[party][0] += sold * share
            self.parties[party][1] += back * share
        self.classes[ledger_class][0] += sold
        self.classes[ledger_class][1] += back


def off_by_code(answer: str) -> dict[str, Decimal]:
    vouchers = [row for row in json.loads(answer)["applied"] if row["family"] == "voucher"]
    return {code: Decimal(row["discount"]) for row in vouchers for code in row["vouchers"]}


def without_zeros(costs: dict[str, list[Decimal]]) -> Costs:
    return {name: (sold, back) for name, (sold, back) in costs.items() if sold or back}


def costs_of(parts: ExactParts) -> Costs:
    return without_zeros({name: [parts.sold[name], parts.returned[name]] for name in parts.sold})


def check_who_pays() -> None:
    ids = list(Promotion.objects.values_list("pk", flat=True))
    split, payers = results_cost_split(promotion_ids=ids, period=ResultsPeriod()), Payers()
    assert costs_of(split.parties) == without_zeros(payers.parties)
    assert costs_of(split.ledger_classes) == without_zeros(payers.classes)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Listen to what is counted, in batches of several slices."""
    heard = Heard()
    monkeypatch.setattr(readers, "_readers", [heard])
    monkeypatch.setattr(count, "MAX_SLICE", 2)
    return heard


SELL_TO_C = ("sell", (1, 0, 1), "c", "001", 0)
EACH_VOUCHER_PAYS: list[tuple[object, ...]] = [
    (*SELL_TO_C, ""),
    (*SELL_TO_C, "oldest"),
    (*SELL_TO_C, "newest"),
    ("return", 2, "PIE", 1),
    ("void", 1),
]
LONG_AGO = DAYS_AGO[-1]
"""On a day of a week and a month that are over."""
LATE_SALE: list[tuple[object, ...]] = [
    ("sell", (1, 1, 1), "c", "001", LONG_AGO, ""),
    ("run", 5),
    ("sell", (1, 1, 1), "d", "001", LONG_AGO, ""),
    ("return", 0, "TEA", 1),
]


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(st.one_of(SELL, SELL, GIVE_BACK, GIVE_BACK, VOID, RUN, DIE), min_size=4, max_size=14))
@example(steps=EACH_VOUCHER_PAYS)
@example(steps=LATE_SALE)
def examples(shop: Shop, heard: Heard, steps: list[tuple[object, ...]]) -> None:
    with transaction.atomic():
        heard.sales.clear()
        heard.returns.clear()
        Script(shop, heard).play(steps)
        results_count(clock=timezone.now)
        assert [str(difference) for difference in results_differences()] == []
        check_who_pays()
        assert len(heard.sales) == len(set(heard.sales))
        assert len(heard.returns) == len(set(heard.returns))
        transaction.set_rollback(True)


def test_results_are_what_a_count_from_scratch_says_after_any_steps(heard: Heard) -> None:
    examples(filled_shop(), heard)


def test_a_count_from_scratch_names_what_differs(heard: Heard) -> None:
    shop = filled_shop()
    script = Script(shop, heard)
    script.sell((2, 1, 1), "c", "001", 0, pays="")
    script.run(10)
    assert not list(results_differences())
    PromotionResult.objects.filter(promotion__code="each").update(points=6)
    assert {difference.figure for difference in results_differences()} == {"points"}
