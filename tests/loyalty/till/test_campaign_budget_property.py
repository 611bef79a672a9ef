"""Budgets of campaigns at the till against a separate, slow reading of the page: sales, returns, moves and changes."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from loyalty.selectors.verification import ledger_differences
from loyalty.services.till.snapshot import snapshots_forget
from promotions.models import Campaign, Promotion
from tests.loyalty.till.shop import Json, Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

EVERY = {"apply_to": "every", "units": 1}
OWN = 500
"""The own budget of the discount "e", in pence; it is refused where less is left."""
POINTS, VOUCHER = 7, 150
"""Points for each unit, and the perceived value of a voucher in pence. A point is worth 12.5 pence."""
PATHS = {"d": "discounts/d", "e": "discounts/e", "g": "promotions/g", "p": "promotions/p"}
MEMBERS = tuple(PATHS)
"""The order in which members take: the discount that competes, the one that always applies, and the others by code."""


@dataclass
class Sold:
    """A sale as the page reads it: units left by SKU, pence off each, what each promotion still gives."""

    units: dict[str, int]
    off_each: dict[str, int]
    gives: dict[str, int] = field(default_factory=dict)

    def full(self, code: str) -> int:
        """Return what a promotion would give without budgets for the units that are left."""
        units = sum(self.units.values())
        return {
            "d": self.off_each["TEA"] * self.units["TEA"],
            "e": self.off_each["BAP"] * self.units["BAP"],
            "g": units,
            "p": POINTS * units,
        }[code]


def worth(code: str, given: int) -> int:
    """Return what is given in pence: of points half up."""
    match code:
        case "g":
            return given * VOUCHER
        case "p":
            return int(Decimal(given) * Decimal("12.5") + Decimal("0.5"))
        case _:
            return given


@dataclass
class Page:
    """What the page says: every figure is added up anew from the sales, and nothing is remembered."""

    amount: int
    when_short: str
    members: set[str]
    sales: list[Sold]

    def used(self) -> int:
        """Return what the members of today gave, less what came back."""
        return sum(worth(code, sale.gives[code]) for sale in self.sales for code in self.members)

    def sell(self, sale: Sold) -> None:
        """Let each promotion give what fits, in order: its own budget first, then the campaign's."""
        taken, before = 0, self.used()
        own_used = sum(each.gives["e"] for each in self.sales)
        for code in MEMBERS:
            gives = sale.full(code)
            if code == "e" and own_used + gives > OWN:
                gives = 0
            if code in self.members and gives:
                gives = self._fitting(code, gives, self.amount - before - taken)
                taken += worth(code, gives)
            sale.gives[code] = gives
        self.sales.append(sale)

    def _fitting(self, code: str, gives: int, left: int) -> int:
        if left <= 0:
            return 0
        if worth(code, gives) <= left or self.when_short == "honour":
            return gives
        if self.when_short == "refuse":
            return 0
        while worth(code, gives) > left:
            gives -= 1
        return gives

    @staticmethod
    def give_back(sale: Sold, sku: str) -> None:
        """Take a unit back: what is left is worth its full amount, but never more than before."""
        sale.units[sku] -= 1
        for code in MEMBERS:
            sale.gives[code] = min(sale.gives[code], sale.full(code))


BUDGET = st.tuples(st.integers(0, 1500), st.sampled_from(["refuse", "cut", "honour"]))
STEP = st.one_of(
    st.tuples(st.just("sell"), st.integers(1, 200), st.integers(0, 2), st.integers(1, 200), st.integers(0, 2)),
    st.tuples(st.just("sell"), st.integers(1, 200), st.integers(0, 2), st.integers(1, 200), st.integers(0, 2)),
    st.tuples(st.just("return"), st.integers(0, 50)),
    st.tuples(st.just("move"), st.sampled_from(MEMBERS)),
    st.tuples(st.just("budget"), BUDGET),
)


class EverySequence(TestCase):
    """One shop for all examples, each of which leaves it as it was."""

    shop: Shop

    @classmethod
    def setUpTestData(cls) -> None:
        shop = cls.shop = make_shop(point_value="0.125")
        shop.member()
        shop.campaign("spring", "10.00")
        shop.offer("gift", perceived_value="1.50")
        for sku in ("TEA", "BAP"):
            shop.product(sku)
        shop.discount("d", make_set(products=["TEA"]), value="10", campaign="spring")
        own = {"amount": f"{OWN / 100:.2f}"}
        shop.discount("e", make_set(products=["BAP"]), value="10", always_apply=True, budget=own, campaign="spring")
        outcome = {"offer": "gift", "quantity_rule": EVERY}
        shop.promotion("g", kind="redeem_offer", outcome=outcome, campaign="spring")
        shop.promotion("p", outcome={"points": POINTS, "quantity_rule": EVERY}, campaign="spring")

    @settings(max_examples=40, deadline=None)
    @given(budget=BUDGET, steps=st.lists(STEP, min_size=3, max_size=9))
    def test_used_is_what_todays_members_gave_and_no_sale_gives_more_than_is_left(
        self, budget: tuple[int, str], steps: list[tuple[str, int, int, int, int]]
    ) -> None:
        snapshots_forget()  # the example before was rolled back, and with it the versions that it made
        page = Page(*budget, set(MEMBERS), [])
        self.change_budget(*budget)
        for number, (kind, *values) in enumerate(steps):
            match kind:
                case "sell":
                    self.sell(page, values)
                case "return":
                    self.give_back(page, number, values[0])
                case "move":
                    code = str(values[0])
                    page.members ^= {code}
                    self.patch(PATHS[code], {"campaign": "spring" if code in page.members else None})
                case _:
                    page.amount, page.when_short = values[0]  # type: ignore[misc]
                    self.change_budget(page.amount, page.when_short)
            assert Campaign.objects.get().budget_used == page.used()
        assert not list(ledger_differences())

    def patch(self, path: str, body: Json) -> None:
        answer = self.shop.call("patch", path, body, role="manager")
        assert answer.status_code == 200, answer.content

    def change_budget(self, amount: int, when_short: str) -> None:
        self.patch("campaigns/spring", {"budget": {"amount": f"{amount / 100:.2f}", "when_short": when_short}})

    def sell(self, page: Page, values: list[int]) -> None:
        tea, teas, bap, baps = values
        sale = Sold({"TEA": teas, "BAP": baps}, {"TEA": tea, "BAP": bap})
        lines = [
            make_line(sku, str(units), str(Decimal(sale.off_each[sku]) / 10))
            for sku, units in sale.units.items()
            if units
        ]
        if not lines:
            return
        answer = self.shop.sell(f"T{len(page.sales)}", sold=lines)
        page.sell(sale)
        assert Decimal(answer["discount_total"]) * 100 == sale.gives["d"] + sale.gives["e"]
        assert answer["points"]["promotion"] == sale.gives["p"]
        assert len(answer["vouchers_issued"]) == sale.gives["g"]

    def give_back(self, page: Page, number: int, choice: int) -> None:
        kept = [(index, sku) for index, sale in enumerate(page.sales) for sku, units in sale.units.items() if units]
        if kept:
            index, sku = kept[choice % len(kept)]
            self.shop.give_back(f"T{index}", f"R{number}", **{sku: "1"})
            page.give_back(page.sales[index], sku)
            assert Promotion.objects.get(code="e").budget_used == sum(sale.gives["e"] for sale in page.sales)
