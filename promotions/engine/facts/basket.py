"""What was bought: lines as the till sent them, and groups of equal units. Never one object per unit.

Lines, items and unit groups are named tuples: a basket has dozens of them, and a frozen dataclass takes four times as
long. Lines and unit groups are made by position: by name it takes nearly twice as long.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from promotions.engine.money import from_minor, round_half_up
from promotions.engine.rules.attributes import WEEKDAYS
from promotions.engine.rules.index import Key


def fold_text(text: str) -> str | None:
    """Return a text as rules compare it, without regard to case; None where it is blank."""
    return text.casefold() or None


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteFacts:
    """A site as rules see it: texts without regard to case, None where blank."""

    site_number: str
    site_name: str | None = None
    address_line_1: str | None = None
    town: str | None = None
    county: str | None = None
    postcode: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductFacts:
    """A product of the catalogue, as it was when the basket was evaluated. Prices in the account's currency."""

    product_brand: str = ""
    program_brand: str = ""
    category: str = ""
    labels: tuple[str, ...] = ()
    cost_price: Decimal | None = None
    retail_price: Decimal | None = None


class Line(NamedTuple):
    """A line as the till sent it. Unit prices and totals in minor units, zero or more.

    A whole quantity is that many units; a fractional one (weighed goods) is one unit worth the whole line.
    """

    line_id: str
    sku: str
    category: str
    brand: str
    quantity: Decimal
    units: int
    unit_inc_tax: int
    unit_ex_tax: int
    is_weighed: bool

    @property
    def total_inc_tax(self) -> int:
        """The line's value in minor units."""
        return self.units * self.unit_inc_tax

    @property
    def total_ex_tax(self) -> int:
        """The line's value without tax, in minor units."""
        return self.units * self.unit_ex_tax


def make_line(
    *,
    line_id: str,
    sku: str,
    quantity: Decimal,
    unit_price_inc_tax: int,
    unit_price_ex_tax: int,
    category: str = "",
    brand: str = "",
) -> Line:
    """Return a line with its unit prices in minor units; the value of weighed goods is rounded half up, once."""
    units = int(quantity)
    is_weighed = units != quantity
    if is_weighed:
        units = 1
        unit_price_inc_tax = round_half_up(unit_price_inc_tax * Fraction(quantity))
        unit_price_ex_tax = round_half_up(unit_price_ex_tax * Fraction(quantity))
    return Line(line_id, sku, category, brand, quantity, units, unit_price_inc_tax, unit_price_ex_tax, is_weighed)


class Item(NamedTuple):
    """All lines of one SKU (and, where they differ, category and brand) together, as line item rules see them.

    ``quantity`` is the number of units of the SKU over the whole basket. Catalogue attributes win over what the line
    carries; without a catalogue entry only SKU, quantity, category and brand are known.
    """

    sku: str
    quantity: int
    product: str | None
    product_brand: str | None
    program_brand: str | None
    category: str | None
    labels: frozenset[str]
    cost_price: Decimal | None
    retail_price: Decimal | None

    @property
    def profit_margin(self) -> Fraction | None:
        """The margin in percent of the retail price; None without both prices, or where the retail price is 0."""
        if self.cost_price is None or not self.retail_price:
            return None
        return 100 * Fraction(self.retail_price - self.cost_price) / Fraction(self.retail_price)


class UnitGroup(NamedTuple):
    """Units that are alike in everything a decision may depend on. ``lines`` are positions in the basket's lines."""

    ordinal: int
    sku: str
    unit_inc_tax: int
    unit_ex_tax: int
    units: int
    lines: tuple[int, ...]
    item: Item

    @property
    def total_inc_tax(self) -> int:
        """The value of all units, in minor units."""
        return self.units * self.unit_inc_tax


LINE_ITEM_KEYS = frozenset({"sku", "product", "category", "product_brand", "program_brand", "labels"})


class UnitGroups(tuple[UnitGroup, ...]):
    """The unit groups of a basket, by ordinal, with their keys and SKUs: computed once, when first asked for."""

    @cached_property
    def keys(self) -> Set[Key]:
        """The attributes of LINE_ITEM_KEYS, each with every value that a unit group has."""
        keys: set[Key] = set()
        for group in self:
            item = group.item
            keys.add(("sku", item.sku))
            keys.add(("category", item.category))
            keys.add(("product_brand", item.product_brand))
            if item.product is not None:
                keys.add(("product", item.product))
                keys.add(("program_brand", item.program_brand))
                for label in item.labels:
                    keys.add(("labels", label))
        return keys

    @cached_property
    def skus(self) -> Set[str]:
        """All SKUs, as the lines write them."""
        return {group.sku for group in self}


class TransactionTexts(NamedTuple):
    """What a till says of a transaction besides its lines, blank where it does not."""

    payment_card_type: str = ""
    source: str = ""
    loyalty_card_type: str = ""


NO_TEXTS = TransactionTexts()


@dataclass(frozen=True, kw_only=True, slots=True)
class Basket:
    """What is bought, at one moment and site. ``local`` is the moment in the site's zone."""

    at: datetime
    local: datetime
    site: SiteFacts
    currency: str
    lines: tuple[Line, ...]
    unit_groups: UnitGroups
    total_minor: int
    total_inc_tax: Decimal
    total_ex_tax: Decimal
    payment_card_type: str | None = None
    source: str | None = None
    loyalty_card_type: str | None = None
    today: date = field(init=False)
    transaction_date: date = field(init=False)
    transaction_time: time = field(init=False)
    transaction_weekday: str = field(init=False)

    def __post_init__(self) -> None:
        day = self.local.date()
        object.__setattr__(self, "today", day)
        object.__setattr__(self, "transaction_date", day)
        object.__setattr__(self, "transaction_time", self.local.time())
        object.__setattr__(self, "transaction_weekday", WEEKDAYS[day.weekday()])


def make_basket(
    *,
    at: datetime,
    local: datetime,
    site: SiteFacts,
    currency: str,
    lines: Iterable[Line],
    products: Mapping[str, ProductFacts],
    texts: TransactionTexts = NO_TEXTS,
) -> Basket:
    """Return a basket with its unit groups, in an order that does not depend on the order of the lines."""
    lines = tuple(lines)
    total = sum(line.total_inc_tax for line in lines)
    return Basket(
        at=at,
        local=local,
        site=site,
        currency=currency,
        lines=lines,
        unit_groups=_unit_groups(lines, products),
        total_minor=total,
        total_inc_tax=from_minor(total, currency),
        total_ex_tax=from_minor(sum(line.total_ex_tax for line in lines), currency),
        payment_card_type=fold_text(texts.payment_card_type),
        source=fold_text(texts.source),
        loyalty_card_type=fold_text(texts.loyalty_card_type),
    )


def _unit_groups(lines: Sequence[Line], products: Mapping[str, ProductFacts]) -> UnitGroups:
    """Group the lines whose units are equal; weighed goods are equal where they weigh the same."""
    positions_of: dict[tuple[str, int, int, str, str, Decimal | int], list[int]] = {}
    units_of_sku: dict[str, int] = {}
    for position, line in enumerate(lines):
        weight = line.quantity if line.is_weighed else 0
        key = (line.sku, line.unit_inc_tax, line.unit_ex_tax, line.category, line.brand, weight)
        positions_of.setdefault(key, []).append(position)
        units_of_sku[line.sku] = units_of_sku.get(line.sku, 0) + line.units
    items: dict[tuple[str, str, str], Item] = {}
    unit_groups = []
    for ordinal, (key, positions) in enumerate(sorted(positions_of.items())):
        sku, unit_inc_tax, unit_ex_tax, category, brand, _ = key
        item = items.get((sku, category, brand))
        if item is None:
            item = items[sku, category, brand] = _item(sku, units_of_sku[sku], category, brand, products.get(sku))
        units = sum([lines[position].units for position in positions])
        unit_groups.append(UnitGroup(ordinal, sku, unit_inc_tax, unit_ex_tax, units, tuple(positions), item))
    return UnitGroups(unit_groups)


def _item(sku: str, quantity: int, category: str, brand: str, product: ProductFacts | None) -> Item:
    if product is None:
        return Item(
            sku=sku.casefold(),
            quantity=quantity,
            product=None,
            product_brand=fold_text(brand),
            program_brand=None,
            category=fold_text(category),
            labels=frozenset(),
            cost_price=None,
            retail_price=None,
        )
    return Item(
        sku=sku.casefold(),
        quantity=quantity,
        product=sku,
        product_brand=fold_text(product.product_brand),
        program_brand=fold_text(product.program_brand),
        category=fold_text(product.category),
        labels=frozenset([label.casefold() for label in product.labels]),
        cost_price=product.cost_price,
        retail_price=product.retail_price,
    )
