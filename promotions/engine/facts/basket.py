"""What was bought: lines as the till sent them, and groups of equal units. Never one object per unit.

A unit group is a run: the units of lines that are alike in SKU, unit prices, category, brand and what they are left out
of. Its total is rounded once, so that no total depends on how the till splits lines. What was weighed is one unit, in a
run of its own.

Lines, items and unit groups are named tuples: a basket has dozens of them, and a frozen dataclass takes four times as
long. Lines and unit groups are made by position: by name it takes nearly twice as long.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

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
    """A product of the catalogue, as it was when the basket was evaluated. Prices in the account's currency.

    ``no_discount`` and ``no_points`` leave all its lines out of discounts or of points.
    """

    product_brand: str = ""
    program_brand: str = ""
    category: str = ""
    labels: tuple[str, ...] = ()
    cost_price: Decimal | None = None
    retail_price: Decimal | None = None
    sold_by_weight: bool = False
    no_discount: bool = False
    no_points: bool = False


class LineTraits(NamedTuple):
    """How a line counts: as one unit whatever its quantity, and whether discounts or points leave it out."""

    is_weighed: bool = False
    no_discount: bool = False
    no_points: bool = False


ORDINARY = LineTraits()
"""The traits of nearly all lines: counted, discounted, earning."""


def line_traits(
    *,
    quantity: Decimal,
    product: ProductFacts | None,
    weighed: bool | None = None,
    no_discount: bool = False,
    no_points: bool = False,
) -> LineTraits:
    """Return how a line counts, by what the till said of it and by its product.

    ``weighed`` None is as the product is sold; a fractional quantity is weighed in any case. Either of line and product
    suffices to leave it out of discounts or points.
    """
    if product is None:
        is_weighed = bool(weighed)
    else:
        is_weighed = product.sold_by_weight if weighed is None else weighed
        no_discount = no_discount or product.no_discount
        no_points = no_points or product.no_points
    if not is_weighed and quantity != int(quantity):
        is_weighed = True
    if not is_weighed and not no_discount and not no_points:
        return ORDINARY
    return LineTraits(is_weighed, no_discount, no_points)


class UnitPrice(NamedTuple):
    """What one unit costs, with and without tax, in minor units, unrounded."""

    inc_tax: int | Fraction
    ex_tax: int | Fraction


class Line(NamedTuple):
    """A line as the till sent it. Unit prices in minor units, unrounded; below zero only with both flags.

    ``units`` are counted, ``weight`` is what was weighed: one unit, whatever its quantity, or None. A line has both
    only where a part of a counted unit was returned. The first fields are those in which the lines of a run are alike.
    """

    sku: str
    unit_inc_tax: int | Fraction
    unit_ex_tax: int | Fraction
    category: str
    brand: str
    no_discount: bool
    no_points: bool
    line_id: str
    quantity: Decimal
    units: int
    weight: Decimal | None


_RUN_FIELDS = Line._fields.index("line_id")
"""How many of a line's fields make its run."""


def make_line(
    *,
    line_id: str,
    sku: str,
    quantity: Decimal,
    unit_price: UnitPrice,
    category: str = "",
    brand: str = "",
    traits: LineTraits = ORDINARY,
) -> Line:
    """Return a line.

    A fractional quantity of a line that was counted is what a return left: whole units, and a weighed part of one.
    """
    is_weighed, no_discount, no_points = traits
    units = 0 if is_weighed else int(quantity)
    weight = None if units == quantity else quantity - units
    return Line(
        sku,
        unit_price.inc_tax,
        unit_price.ex_tax,
        category,
        brand,
        no_discount,
        no_points,
        line_id,
        quantity,
        units,
        weight,
    )


class Item(NamedTuple):
    """All lines of one SKU (and, where they differ, category and brand) together, as line item rules see them.

    ``quantity`` is what the till sent of the SKU over the whole basket, also of weighed goods. Catalogue attributes win
    over what the line carries; without a catalogue entry only SKU, quantity, category and brand are known.
    """

    sku: str
    quantity: int | Decimal
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
    """Units that are alike in everything a decision may depend on. ``lines`` are positions in the basket's lines.

    Prices and totals are in minor units. The unit prices are those that the till sent, unrounded; that of weighed goods
    is the total of their one unit. ``total_inc_tax`` is rounded once for all units, ``weight`` is None for counted
    ones.
    """

    ordinal: int
    sku: str
    unit_inc_tax: int | Fraction
    unit_ex_tax: int | Fraction
    units: int
    lines: tuple[int, ...]
    item: Item
    total_inc_tax: int
    total_ex_tax: int
    weight: Decimal | None = None
    no_discount: bool = False
    no_points: bool = False

    @property
    def quantity(self) -> int | Decimal:
        """How much the till sent of it."""
        return self.units if self.weight is None else self.weight


LINE_ITEM_KEYS = frozenset({"sku", "product", "category", "product_brand", "program_brand", "labels"})


class UnitGroups(tuple[UnitGroup, ...]):
    """The unit groups of a basket, in order of ordinals, with what is asked of them often: computed once, when needed.

    ``discountable``, ``earning`` and ``counting`` leave some out: then an ordinal is no position in them.
    """

    @cached_property
    def discountable(self) -> "UnitGroups":
        """Those that discounts and vouchers may lower."""
        return UnitGroups([group for group in self if not group.no_discount]) if self.leaves_out else self

    @cached_property
    def earning(self) -> "UnitGroups":
        """Those that earn points, and that loyalty promotions may select."""
        return UnitGroups([group for group in self if not group.no_points]) if self.leaves_out else self

    @cached_property
    def counting(self) -> "UnitGroups":
        """Those that rules look at."""
        if not self.leaves_out:
            return self
        return UnitGroups([group for group in self if not (group.no_discount and group.no_points)])

    @cached_property
    def leaves_out(self) -> bool:
        """Whether any is left out of something; in most baskets none is."""
        return any(group.no_discount or group.no_points for group in self)

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
    """What is bought, at one moment and site. ``local`` is the moment in the site's zone.

    ``line_totals`` are the lines' values, ``total_minor`` and ``total_ex_minor`` those of all lines, in minor units.
    ``total_inc_tax`` and ``total_ex_tax`` are the totals as rules see them: of the lines that count in rules.
    """

    at: datetime
    local: datetime
    site: SiteFacts
    currency: str
    lines: tuple[Line, ...]
    unit_groups: UnitGroups
    line_totals: tuple[int, ...]
    total_minor: int
    total_ex_minor: int
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
    unit_groups = _unit_groups(lines, products)
    counting = unit_groups.counting
    total = total_of_rules = sum([group.total_inc_tax for group in unit_groups])
    total_ex = total_ex_of_rules = sum([group.total_ex_tax for group in unit_groups])
    if counting is not unit_groups:
        total_of_rules = sum([group.total_inc_tax for group in counting])
        total_ex_of_rules = sum([group.total_ex_tax for group in counting])
    return Basket(
        at=at,
        local=local,
        site=site,
        currency=currency,
        lines=lines,
        unit_groups=unit_groups,
        line_totals=_line_totals(lines, unit_groups),
        total_minor=total,
        total_ex_minor=total_ex,
        total_inc_tax=from_minor(total_of_rules, currency),
        total_ex_tax=from_minor(total_ex_of_rules, currency),
        payment_card_type=fold_text(texts.payment_card_type),
        source=fold_text(texts.source),
        loyalty_card_type=fold_text(texts.loyalty_card_type),
    )


class LineValues(NamedTuple):
    """What lines are worth, in minor units: each, and all together with tax and without."""

    line_totals: tuple[int, ...]
    total_inc_tax: int
    total_ex_tax: int


def value_lines(lines: Sequence[Line]) -> LineValues:
    """Return what lines are worth together: the total of each run is rounded once."""
    unit_groups = _unit_groups(lines, {})
    return LineValues(
        line_totals=_line_totals(lines, unit_groups),
        total_inc_tax=sum(group.total_inc_tax for group in unit_groups),
        total_ex_tax=sum(group.total_ex_tax for group in unit_groups),
    )


def _unit_groups(lines: Sequence[Line], products: Mapping[str, ProductFacts]) -> UnitGroups:
    """Group the lines whose units are alike. What was weighed comes after its equals, each by itself."""
    positions_of: dict[tuple[Any, ...], list[int]] = {}
    quantity_of_sku: dict[str, int | Decimal] = {}
    for position, line in enumerate(lines):
        run = line[:_RUN_FIELDS]
        if line.units:
            positions_of.setdefault(run, []).append(position)
        if line.weight is not None:
            positions_of[*run, line.weight, position] = [position]
        if not (line.no_discount and line.no_points):
            quantity = line.units if line.weight is None else line.quantity
            quantity_of_sku[line.sku] = quantity_of_sku.get(line.sku, 0) + quantity
    items: dict[tuple[str, str, str], Item] = {}
    unit_groups = []
    for ordinal, (key, positions) in enumerate(sorted(positions_of.items())):
        line = lines[positions[0]]
        sku, category, brand = line.sku, line.category, line.brand
        item = items.get((sku, category, brand))
        if item is None:
            quantity = quantity_of_sku.get(sku, 0)
            item = items[sku, category, brand] = _item(sku, quantity, category, brand, products.get(sku))
        if len(key) > _RUN_FIELDS:
            unit_groups.append(_weighed(ordinal, positions[0], line, item))
        else:
            units = line.units if len(positions) == 1 else sum([lines[position].units for position in positions])
            unit_groups.append(_counted(ordinal, tuple(positions), line, units, item))
    return UnitGroups(unit_groups)


def _counted(ordinal: int, positions: tuple[int, ...], line: Line, units: int, item: Item) -> UnitGroup:
    """Return the run of counted units that are like those of ``line``."""
    inc_tax, ex_tax = line.unit_inc_tax, line.unit_ex_tax
    total_inc_tax, total_ex_tax = units * inc_tax, units * ex_tax
    return UnitGroup(
        ordinal,
        line.sku,
        inc_tax,
        ex_tax,
        units,
        positions,
        item,
        total_inc_tax if isinstance(total_inc_tax, int) else round_half_up(total_inc_tax),
        total_ex_tax if isinstance(total_ex_tax, int) else round_half_up(total_ex_tax),
        None,
        line.no_discount,
        line.no_points,
    )


def _weighed(ordinal: int, position: int, line: Line, item: Item) -> UnitGroup:
    """Return the run of the one unit that was weighed of a line."""
    weight = Fraction(line.weight or 0)
    inc_tax, ex_tax = round_half_up(line.unit_inc_tax * weight), round_half_up(line.unit_ex_tax * weight)
    return UnitGroup(
        ordinal,
        line.sku,
        inc_tax,
        ex_tax,
        1,
        (position,),
        item,
        inc_tax,
        ex_tax,
        line.weight,
        line.no_discount,
        line.no_points,
    )


def _line_totals(lines: Sequence[Line], unit_groups: UnitGroups) -> tuple[int, ...]:
    """Return what the units of each line are worth together: the dearer units of a run are in its first lines."""
    totals = [0] * len(lines)
    for group in unit_groups:
        if len(group.lines) == 1:
            totals[group.lines[0]] += group.total_inc_tax
            continue
        low_price, dearer_units = divmod(group.total_inc_tax, group.units)
        for position in group.lines:
            units = lines[position].units
            dearer = min(units, dearer_units)
            totals[position] += units * low_price + dearer
            dearer_units -= dearer
    return tuple(totals)


def _item(sku: str, quantity: int | Decimal, category: str, brand: str, product: ProductFacts | None) -> Item:
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
