"""What a sentence promises for sales one after another: worked out unit by unit, without the engine."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from promotions.engine.facts.basket import ProductFacts
from tests.loyalty.sentences.drawn import DrawnSale
from tests.loyalty.sentences.phrases import Facts
from tests.loyalty.sentences.reader import Claims, History, PriceCut, Products, Requirement, Reward, Units
from tests.loyalty.sentences.shop import GROUPS, PRODUCTS, SITES, VOUCHER_VALUE, ZONES
from tests.promotions.engine.benefits.naive_discount import (
    NaiveDiscount,
    NaiveSet,
    NaiveUnit,
    matching_sets,
    naive_result,
    shares,
)


@dataclass(frozen=True, kw_only=True)
class Promised:
    """What a promotion gives in one sale; ``off`` in minor units by SKU and price."""

    redemptions: int = 0
    points: int = 0
    vouchers: int = 0
    off: tuple[tuple[tuple[str, str], int], ...] = ()

    @property
    def minor_off(self) -> int:
        return sum(minor for _, minor in self.off)


NOTHING = Promised()


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One unit; ``run`` numbers the units that are alike, in the order that breaks ties."""

    run: int
    prices: dict[str, int]
    facts: Facts
    base_points: Fraction


def _minor(text: str) -> int:
    return int(Decimal(text) * 100)


def _none_if_blank(text: str) -> str | None:
    return text or None


def item_facts(sku: str, sale: DrawnSale) -> Facts:
    """Return what products can be asked about an SKU of a sale."""
    product = PRODUCTS.get(sku)
    known = product or ProductFacts()
    margin = None
    if known.cost_price is not None and known.retail_price:
        margin = 100 * (known.retail_price - known.cost_price) / known.retail_price
    return {
        "sku": sku,
        "folded_sku": sku.casefold(),
        "product": sku if product else None,
        "product_brand": _none_if_blank(known.product_brand),
        "program_brand": _none_if_blank(known.program_brand),
        "category": _none_if_blank(known.category),
        "labels": {label.casefold() for label in known.labels},
        "cost_price": known.cost_price,
        "retail_price": known.retail_price,
        "profit_margin": margin,
        "quantity": sum(line.quantity for line in sale.lines if line.sku == sku),
    }


class Sold:
    """A sale as a person with the receipt and the customer's card sees it."""

    def __init__(self, sale: DrawnSale) -> None:
        self.sale = sale
        local = sale.at.astimezone(ZoneInfo(ZONES[sale.site]))
        self.today: date = local.date()
        self.lines = sorted(sale.lines, key=lambda line: (line.sku, _minor(line.price), _minor(line.ex_tax)))
        self.total = sum(_minor(line.price) * line.quantity for line in self.lines)
        consumer = sale.consumer
        self.member = bool(consumer and consumer["is_loyalty_member"])
        total_ex = sum(_minor(line.ex_tax) * line.quantity for line in self.lines)
        blank = dict.fromkeys(("payment_card_type", "source", "loyalty_card_type"))
        site = SITES[sale.site]
        names = ("site_name", "site_number", "address_line_1", "town", "county", "postcode")
        self.facts: dict[str, Any] = {
            **blank,
            **sale.texts,
            **(consumer or {"groups": frozenset()}),
            **{name: getattr(site, name) for name in names},
            "today": self.today,
            "time": local.time(),
            "total_inc_tax": Decimal(self.total) / 100,
            "total_ex_tax": Decimal(total_ex) / 100,
        }

    def fits(self, products: Products, sku: str) -> bool:
        if products.on_list is not None:
            choice = (self.sale.consumer or {}).get("list")
            if choice is None:
                return False
            listed, selected = choice
            if selected:
                return sku in selected
            return sku == products.default if products.default in listed else sku in listed
        return products.test is None or products.test(item_facts(sku, self.sale))

    def contains(self, products: Products) -> bool:
        return any(self.fits(products, line.sku) for line in self.lines)

    def units(self, *, earns: bool) -> list[Unit]:
        """Return all units; base points are one for each whole pound, shared over the runs by their value."""
        values = {run: _minor(line.price) * line.quantity for run, line in enumerate(self.lines)}
        points = shares(self.total // 100 if earns else 0, values)
        return [
            Unit(
                run=run,
                prices={
                    "inc_tax": _minor(line.price),
                    "ex_tax": _minor(line.ex_tax),
                    "tax": _minor(line.price) - _minor(line.ex_tax),
                },
                facts=item_facts(line.sku, self.sale),
                base_points=Fraction(points[run], line.quantity),
            )
            for run, line in enumerate(self.lines)
            for _ in range(line.quantity)
        ]


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What a promotion gives without budgets; ``worth`` is the value of the discounted units by run."""

    promised: Promised
    worth: dict[int, int] = field(default_factory=dict)


@dataclass(kw_only=True)
class _Past:
    sold: Sold
    alike: bool
    applied: bool


@dataclass
class Promise:
    """The claims of a sentence, and what happened so far; ``in_holdout`` says that customers are held out of all."""

    claims: Claims
    in_holdout: bool = False
    used: int = 0
    used_by: dict[tuple[str, date], int] = field(default_factory=dict)
    past: dict[str, list[_Past]] = field(default_factory=dict)
    given: int = 0
    given_to: dict[tuple[str, date], int] = field(default_factory=dict)

    def next_sale(self, sale: DrawnSale) -> Promised:
        """Return what the sentence promises for the next sale, and remember it."""
        sold = Sold(sale)
        promised = self._promised(sold) if self._qualifies(sold) else NOTHING
        self.used += promised.redemptions
        self.given += _worth(promised)
        for budget in self.claims.budgets:
            if budget.per_customer and sale.consumer:
                owed = (self._name(sold), first_day_of(budget.period, sale.at.date()))
                self.given_to[owed] = self.given_to.get(owed, 0) + _worth(promised)
        if sale.consumer:
            name = sale.consumer["consumer_id"]
            key = (name, self._period(sold.today))
            self.used_by[key] = self.used_by.get(key, 0) + promised.redemptions
            # A history counts only what the promotion is for: sales in its currency.
            if sale.currency == self.claims.currency:
                seen = _Past(sold=sold, alike=self._is_alike(sold), applied=promised.redemptions > 0)
                self.past.setdefault(name, []).append(seen)
        return promised

    def _is_alike(self, sold: Sold) -> bool:
        """Return whether a sale is one of "such transactions"."""
        site = self.claims.site
        return (site is None or site(sold.facts)) and all(
            test(sold.facts) for test in self.claims.conditions if _is_about_transactions(test, sold)
        )

    # --- who, where, when ---

    def _qualifies(self, sold: Sold) -> bool:
        claims, sale = self.claims, sold.sale
        in_time = claims.starts_at <= sale.at and (claims.ends_at is None or sale.at < claims.ends_at)
        who = {
            "customers": True,
            "identified customers": sale.consumer is not None,
            "loyalty members": sold.member,
        }[claims.who]
        # Those whom the till does not know cannot be held out.
        held_out = self.in_holdout and sale.consumer is not None and not claims.holdout_too
        if claims.held_out is not None:
            percentage, group = claims.held_out
            code = next(code for code, name in GROUPS.items() if name == group)
            held_out |= percentage == "100" and code in sold.facts["groups"]
        return (
            in_time
            and who
            and sale.currency == claims.currency
            and (claims.site is None or claims.site(sold.facts))
            and all(test(sold.facts) for test in claims.conditions)
            and not held_out
            and (claims.basket is None or sold.contains(claims.basket))
            and all(self._reached(history, sold) for history in claims.history)
        )

    def _reached(self, history: History, sold: Sold) -> bool:
        if history.items is not None and not sold.contains(history.items):
            return False
        if history.such and not self._is_alike(sold):
            return False
        first = self._first_day(history, sold.today)
        measured = _measured(history, sold)
        for past in reversed(self.past.get(self._name(sold), [])):
            if history.restarts and past.applied:
                break
            before_start = history.unit == "promotion" and past.sold.sale.at < self.claims.starts_at
            if before_start or (first is not None and past.sold.today < first):
                continue
            if not history.such or past.alike:
                measured += _measured(history, past.sold)
        return measured >= history.threshold

    @staticmethod
    def _name(sold: Sold) -> str:
        return str((sold.sale.consumer or {}).get("consumer_id", ""))

    @staticmethod
    def _first_day(history: History, today: date) -> date | None:
        match history.unit:
            case "promotion":
                return None
            case "month":
                month = today.year * 12 + today.month - 1 - history.length
                year, month = divmod(month, 12)
                same = date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))
                return same + timedelta(days=1)
            case unit:
                return today - timedelta(days=history.length * {"day": 1, "week": 7}[unit] - 1)

    # --- how often ---

    def _period(self, today: date) -> date:
        return first_day_of(self.claims.period, today)

    def _left(self, sold: Sold) -> int:
        limits = self.claims.limits
        left = [1_000_000]
        if "in total" in limits:
            left.append(limits["in total"] - self.used)
        if "per transaction" in limits:
            left.append(limits["per transaction"])
        if "customer" in limits:
            if sold.sale.consumer is None:
                return 0
            key = (self._name(sold), self._period(sold.today))
            left.append(limits["customer"] - self.used_by.get(key, 0))
        return max(0, min(left))

    # --- how much ---

    def _promised(self, sold: Sold) -> Promised:
        left = self._left(sold)
        if isinstance(self.claims.what, PriceCut):
            given = _cut(self.claims.what, self.claims, sold, left)
        else:
            given = _Given(promised=self._rewarded(self.claims.what, sold, left))
        return self._within_budgets(given, sold)

    def _within_budgets(self, given: _Given, sold: Sold) -> Promised:
        """Keep to the budget in all, then to the customer's on what that left. The account's day is in UTC."""
        promised = given.promised
        for budget in sorted(self.claims.budgets, key=lambda budget: budget.per_customer):
            if budget.per_customer and sold.sale.consumer is None:
                return NOTHING
            owed = (self._name(sold), first_day_of(budget.period, sold.sale.at.date()))
            used = self.given_to.get(owed, 0) if budget.per_customer else self.given
            left = int(budget.amount * (100 if self._is_in_money else 1)) - used
            if left <= 0:
                return NOTHING
            if _worth(promised) <= left or budget.rest == "the last basket in full":
                continue
            if not budget.rest:
                return NOTHING
            promised = _shortened(given, promised, left, sold)
        return promised

    @property
    def _is_in_money(self) -> bool:
        return isinstance(self.claims.what, PriceCut) or self.claims.what.kind == "voucher"

    def _rewarded(self, reward: Reward, sold: Sold, left: int) -> Promised:
        if self.claims.required is not None and not self._sets(self.claims.required, sold):
            return NOTHING
        sets = self._sets(reward.units, sold)[:left]
        if not sets:
            return NOTHING
        units = [unit for matching_set in sets for unit in matching_set]
        match reward.kind:
            case "voucher":
                return Promised(redemptions=len(sets), vouchers=len(sets))
            case "points":
                return Promised(redemptions=len(sets), points=int(reward.number) * len(sets))
            case "ratio":
                points = _by_ratio(reward, units)
            case _:
                points = int(sum(unit.base_points for unit in units) * (reward.number - 1))
        return Promised(redemptions=len(sets), points=points) if points else NOTHING

    def _sets(self, units: Units, sold: Sold) -> list[list[Unit]]:
        """Return the matching sets, in order, each with its units."""
        sign = -1 if self.claims.most_expensive else 1
        ordered = sorted(
            sold.units(earns=sold.member),
            key=lambda unit: (
                sign * unit.prices[self.claims.by],
                unit.facts["sku"],
                unit.prices["inc_tax"],
                unit.run,
            ),
        )
        if units.parts:
            takes = [taken for taken in _bundles(units, ordered, sold) if taken]
        else:
            takes = [[unit] for unit in ordered if sold.fits(units.products, unit.facts["sku"])]
        match units.mode:
            case "all":
                groups = [takes]
            case "first":
                groups = [takes[: units.size]]
            case _:
                groups = [takes[n : n + units.size] for n in range(0, len(takes), units.size)]
                groups = [group for group in groups if len(group) == units.size]
        return [[unit for taken in group for unit in taken] for group in groups if group]


def first_day_of(period: str | None, today: date) -> date:
    """Return when the period of a limit or a budget began; of one that never begins anew, the first of all days."""
    match period:
        case "day":
            return today
        case "week":
            return today - timedelta(days=today.weekday())
        case "month":
            return today.replace(day=1)
        case "year":
            return today.replace(month=1, day=1)
        case _:
            return date.min


def _worth(promised: Promised) -> int:
    """Return what budgets count: points, or minor units off and of vouchers."""
    return promised.points + promised.minor_off + promised.vouchers * int(VOUCHER_VALUE * 100)


def _shortened(given: _Given, promised: Promised, left: int, sold: Sold) -> Promised:
    """Return what is left of a budget: points, whole vouchers, or a discount shared over its units by their value."""
    if promised.vouchers:
        fitting = left // int(VOUCHER_VALUE * 100)
        return Promised(redemptions=fitting, vouchers=fitting)
    if promised.points:
        return replace(promised, points=left)
    return _off(shares(left, given.worth), promised.redemptions, sold)


def _is_about_transactions(test: Any, sold: Sold) -> bool:
    """Return whether a condition can be told without knowing who buys."""
    anonymous = {name: value for name, value in sold.facts.items() if name not in (sold.sale.consumer or {})}
    try:
        test(anonymous)
    except KeyError:
        return False
    return True


def _measured(history: History, sold: Sold) -> Fraction:
    lines = [line for line in sold.lines if history.items is None or sold.fits(history.items, line.sku)]
    if not lines:
        return Fraction(0)
    match history.measure:
        case "transactions":
            return Fraction(1)
        case "quantity":
            return Fraction(sum(line.quantity for line in lines))
        case _:
            return Fraction(sum(_minor(line.price) * line.quantity for line in lines), 100)


def _by_ratio(reward: Reward, units: Sequence[Unit]) -> int:
    bought = Fraction(len(units)) if reward.by_quantity else Fraction(sum(u.prices["inc_tax"] for u in units), 100)
    times = bought / reward.ratio
    return int(times * reward.number) if reward.parts_count else int(times) * int(reward.number)


def _bundles(units: Units, ordered: Sequence[Unit], sold: Sold) -> list[list[Unit]]:
    naive = [
        NaiveUnit(
            unit_group=unit.run,
            price=0,
            fits=frozenset(n for n, (_, products) in enumerate(units.parts) if sold.fits(products, unit.facts["sku"])),
        )
        for unit in ordered
    ]
    sets = tuple(NaiveSet(quantity=count) for count, _ in units.parts)
    sets_matched = matching_sets(NaiveDiscount(kind="amount", value=Fraction(1), sets=sets), naive)
    return [[ordered[u] for chosen in bundle for u in chosen] for bundle in sets_matched]


def _naive_set(requirement: Requirement) -> NaiveSet:
    spend = None if requirement.spend is None else int(requirement.spend * 100)
    discounted = requirement.discounted
    if spend is None and discounted is None:
        discounted = requirement.quantity
    return NaiveSet(
        quantity=requirement.quantity or 1, spend=spend, discounted=discounted, gets_discount=discounted != 0
    )


def _cut(cut: PriceCut, claims: Claims, sold: Sold, left: int) -> _Given:
    if not left:
        return _Given(promised=NOTHING)
    units = [
        NaiveUnit(
            unit_group=unit.run,
            price=unit.prices["inc_tax"],
            fits=frozenset(
                n
                for n, requirement in enumerate(cut.requirements)
                if sold.fits(requirement.products, unit.facts["sku"])
            ),
        )
        for unit in sold.units(earns=False)
    ]
    value = cut.value if cut.kind == "percentage" else cut.value * 100
    if cut.for_every is not None:
        worth = sum(unit.price for unit in units if unit.fits)
        times = min(left, worth // int(cut.for_every * 100))
        by_run: dict[int, int] = {}
        for unit in units:
            if unit.fits:
                by_run[unit.unit_group] = by_run.get(unit.unit_group, 0) + unit.price
        off = shares(min(int(value) * times, worth), by_run) if times else {}
        return _Given(promised=_off(off, times, sold), worth=by_run)
    discount = NaiveDiscount(
        kind=cut.kind,
        value=value,
        sets=tuple(_naive_set(requirement) for requirement in cut.requirements),
        most_expensive=claims.most_expensive,
        maximum=None if cut.maximum is None else int(cut.maximum * 100),
    )
    result = naive_result(discount, units, limit=left)
    return _Given(promised=_off(result.off, result.redemptions, sold), worth=result.worth)


def _off(off: dict[int, int], redemptions: int, sold: Sold) -> Promised:
    by_line: dict[tuple[str, str], int] = {}
    for run, minor in off.items():
        line = sold.lines[run]
        by_line[line.sku, line.price] = by_line.get((line.sku, line.price), 0) + minor
    total = tuple(sorted((key, minor) for key, minor in by_line.items() if minor))
    return Promised(redemptions=redemptions, off=total) if total else NOTHING
