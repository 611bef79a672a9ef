"""Budgets at the till against a separate, slow reading of their rules: sales and returns in any order."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from loyalty.selectors.verification import ledger_differences
from promotions.models import Promotion
from tests.loyalty.till.shop import Shop, make_line, make_set, make_shop

pytestmark = pytest.mark.django_db

RULES = ("refuse", "cut", "honour")
IN_ALL, PER_CUSTOMER = 1000, 600
"""Both budgets of each discount, in pence."""


@dataclass
class Sold:
    """A sale as the page reads it: units of one price, and the pence that it still gives."""

    consumer: str
    off_each: int
    units: int
    gives: int


@dataclass
class Page:
    """What the page says: every figure is added up anew from the sales, and nothing is remembered."""

    in_all: str
    per_customer: str
    sales: list[Sold]

    def sell(self, consumer: str, off_each: int, units: int) -> Sold:
        """Return a sale with what it gives once both budgets, one after the other, were asked."""
        gives = off_each * units
        own = [sale.gives for sale in self.sales if sale.consumer == consumer]
        for amount, used, when_short in (
            (IN_ALL, sum(sale.gives for sale in self.sales), self.in_all),
            (PER_CUSTOMER, sum(own), self.per_customer),
        ):
            left = amount - used
            if left <= 0:
                gives = 0
            elif gives > left and when_short != "honour":
                gives = left if when_short == "cut" else 0
        sale = Sold(consumer, off_each, units, gives)
        self.sales.append(sale)
        return sale

    @staticmethod
    def give_back(sale: Sold) -> None:
        """Take a unit back: what is left is worth its full discount, but never more than before."""
        sale.units -= 1
        sale.gives = min(sale.gives, sale.off_each * sale.units)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("cd"), st.integers(1, 450), st.integers(1, 3)),  # a sale: pence off each unit
        st.integers(0, 20),  # a unit of an earlier sale comes back
    ),
    min_size=3,
    max_size=9,
)


class EverySequence(TestCase):
    """One shop for all examples; each rule of both budgets has a discount and a product of its own."""

    shop: Shop

    @classmethod
    def setUpTestData(cls) -> None:
        cls.shop = make_shop()
        for consumer in "cd":
            cls.shop.member(consumer)
        for in_all, per_customer in product(RULES, RULES):
            code = f"{in_all}-{per_customer}"
            cls.shop.product(code)
            cls.shop.discount(
                code,
                make_set(products=[code]),
                value="10",
                budget={"amount": "10.00", "when_short": in_all},
                customer_budget={"amount": "6.00", "period": "month", "when_short": per_customer},
            )

    @settings(max_examples=25, deadline=None)
    @given(in_all=st.sampled_from(RULES), per_customer=st.sampled_from(RULES), steps=STEPS)
    def test_used_is_what_was_given_less_what_came_back(
        self, in_all: str, per_customer: str, steps: list[tuple[str, int, int] | int]
    ) -> None:
        page, code = Page(in_all, per_customer, []), f"{in_all}-{per_customer}"
        for number, step in enumerate(steps):
            if isinstance(step, tuple):
                consumer, off_each, units = step
                line = make_line(code, str(units), str(Decimal(off_each) / 10), line_id="L")
                answer = self.shop.sell(f"T{len(page.sales)}", consumer=consumer, sold=[line])
                expected = page.sell(consumer, off_each, units).gives
                assert Decimal(answer["discount_total"]) * 100 == expected
            elif (kept := [index for index, sale in enumerate(page.sales) if sale.units]) != []:
                index = kept[step % len(kept)]
                self.shop.give_back(f"T{index}", f"R{number}", L="1")
                page.give_back(page.sales[index])
            assert Promotion.objects.get(code=code).budget_used == sum(sale.gives for sale in page.sales)
        assert not list(ledger_differences())
