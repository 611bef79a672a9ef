"""A year of sales like a shop's: regulars and strangers, mornings and weekends, small baskets and large."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from consumers.services.consumer import ConsumerValues
from consumers.services.site import SiteValues
from loyalty.choices import ReversalKind
from loyalty.services.till.reversal import ReturnedLine, ReversalRequest
from loyalty.services.till.sale import Sale, SaleLine
from promotions.services.product import ProductValues

DAYS = 365
WEB = "900"
UNKNOWN_CARD = "79999999999"
_ABROAD = {"EUR": Decimal("1.15"), "USD": Decimal("1.25")}
_STANDARD_RATE = Decimal("1.2")
_ZERO_RATED = frozenset({"Pantry"})
_POPULARITY = {"Café": 12.0, "Pantry": 3.0, "Home": 1.0, "Gifts": 0.8}
_QUANTITIES, _QUANTITY_WEIGHTS = (1, 2, 3, 4, 6), (78, 15, 4, 2, 1)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a promotion changes: ``share`` of all sales are visits that ``consumers`` make because of it.

    They come on ``weekdays`` (0 is Monday), from the day ``since`` on.
    """

    consumers: Sequence[ConsumerValues]
    since: date
    weekdays: Collection[int]
    share: float


@dataclass(frozen=True, kw_only=True)
class Trade:
    """What sales are generated from. ``currencies`` are those of sites that differ; SKUs end in numbers."""

    zone: str
    currency: str
    currencies: Mapping[str, str]
    sites: Sequence[SiteValues]
    products: Sequence[ProductValues]
    consumers: Sequence[ConsumerValues]
    effect: Effect | None = None


def sales(trade: Trade, *, until: datetime, count: int) -> list[Sale]:
    """Return a year of sales up to a moment, in order of time, always the same for a moment; references D-00001…"""
    chance = random.Random(f"{trade.zone} sales")  # noqa: S311 - a demo has no secrets
    shelves = _shelves(trade.products)
    loyalty = [min(chance.paretovariate(0.9), 60.0) for _ in trade.consumers]
    # The first consumer, whose page is shown first, is a regular.
    loyalty[0] = 60.0
    days = [until.date() - timedelta(days=back) for back in range(DAYS)]
    busy = [(1.4 if day.weekday() >= 5 else 1.0) * (1.3 - 0.6 * back / DAYS) for back, day in enumerate(days)]
    effect = trade.effect
    days_of_effect = [day for day in days if effect and day >= effect.since and day.weekday() in effect.weekdays]
    extra = round(count * effect.share) if effect and effect.consumers and days_of_effect else 0
    generated: list[Sale] = []
    while len(generated) < count - extra:
        (consumer,) = chance.choices(trade.consumers, loyalty)
        (day,) = chance.choices(days, busy)
        generated += _visit(trade, consumer, day, shelves=shelves, until=until, chance=chance)
    while effect and len(generated) < count:
        consumer, day = chance.choice(effect.consumers), chance.choice(days_of_effect)
        generated += _visit(trade, consumer, day, shelves=shelves, until=until, chance=chance)
    generated.sort(key=lambda sale: (sale.occurred_at, sale.site, sale.consumer, sale.loyalty_card))
    return [replace(sale, reference=f"D-{number:05}") for number, sale in enumerate(generated, start=1)]


def _visit(
    trade: Trade,
    consumer: ConsumerValues,
    day: date,
    *,
    shelves: "Mapping[str, _Shelf]",
    until: datetime,
    chance: random.Random,
) -> list[Sale]:
    """Return a consumer's sale on a day; none after ``until``."""
    site = _site(trade, consumer, chance)
    at = _moment(day, site, trade, chance)
    in_cafe = "Café" in shelves and site.number != WEB and chance.random() < 0.7
    chosen = _cafe_visit(shelves, chance) if in_cafe else _errand(shelves, chance)
    currency = trade.currencies.get(site.number, trade.currency)
    shopper, card = _shopper(consumer, day, chance)
    if at > until:
        return []
    return [
        Sale(
            occurred_at=at,
            site=site.number,
            currency=currency,
            source=chance.choice(("web", "app")) if site.number == WEB else "till",
            payment_card_type=chance.choice(("visa", "visa", "mastercard", "amex", "")),
            consumer=shopper,
            loyalty_card=card,
            lines=_sold(chosen, currency, chance),
        )
    ]


def returns(sold: Sequence[Sale], *, until: datetime) -> list[ReversalRequest]:
    """Return the returns of sales up to a moment: of some a unit, of some all in two parts; some sales are voided."""
    requests = (request for sale in sold for request in _returns_of(sale))
    return [request for request in requests if request.occurred_at and request.occurred_at <= until]


def _returns_of(sale: Sale) -> list[ReversalRequest]:
    number = int(sale.reference.rpartition("-")[2])
    whole = [ReturnedLine(line_id=line.line_id, quantity=line.quantity) for line in sale.lines]

    def back(*lines: ReturnedLine, after: timedelta, part: str = "") -> ReversalRequest:
        return ReversalRequest(
            kind=ReversalKind.RETURN if lines else ReversalKind.VOID,
            transaction=sale.reference,
            reference=f"{'R' if lines else 'V'}-{number:05}{part}",
            lines=lines,
            occurred_at=sale.occurred_at + after,
        )

    # No number has two of these remainders.
    if number % 120 == 12:
        return [back(replace(whole[0], quantity=Decimal(1)), after=timedelta(days=2, hours=1))]
    if number % 180 == 30:
        rest = [back(*whole[1:], after=timedelta(days=6), part="-B")] if whole[1:] else []
        return [back(whole[0], after=timedelta(days=3), part="-A"), *rest]
    if number % 300 == 45:
        return [back(after=timedelta(minutes=4))]
    return []


@dataclass(frozen=True, kw_only=True)
class _Shelf:
    """Products with how often each is bought: the café's far more than gifts, the first of a range more than others."""

    products: list[ProductValues]
    weights: list[float]

    def pick(self, chance: random.Random, count: int = 1) -> list[ProductValues]:
        return chance.choices(self.products, self.weights, k=count)


def _shelves(products: Sequence[ProductValues]) -> dict[str, _Shelf]:
    """Return shelves by category, by program brand, and one of all products under an empty name."""
    shelves: dict[str, _Shelf] = {}
    for product in products:
        weight = _POPULARITY.get(product.program_brand, 1.0) / (1 + int(product.sku[-3:]) / 6)
        for name in ("", product.program_brand, product.category):
            shelf = shelves.setdefault(name, _Shelf(products=[], weights=[]))
            shelf.products.append(product)
            shelf.weights.append(weight)
    return shelves


def _cafe_visit(shelves: Mapping[str, _Shelf], chance: random.Random) -> list[ProductValues]:
    """Return mostly a hot drink, often a pastry with it, sometimes more."""
    chosen: list[ProductValues] = []
    for name, share in (("Hot drinks", 0.7), ("Pastries", 0.35), ("Sandwiches", 0.2), ("Café", 0.3), ("Pantry", 0.1)):
        if chance.random() < share:
            chosen += shelves[name].pick(chance)
    return chosen or shelves["Café"].pick(chance)


def _errand(shelves: Mapping[str, _Shelf], chance: random.Random) -> list[ProductValues]:
    """Return a basket of any products of the shop."""
    return shelves[""].pick(chance, chance.choices((1, 2, 3, 4, 5, 6, 8), (18, 24, 20, 14, 11, 8, 5))[0])


def _site(trade: Trade, consumer: ConsumerValues, chance: random.Random) -> SiteValues:
    by_number = {site.number: site for site in trade.sites}
    draw = chance.random()
    if draw < 0.08 and WEB in by_number:
        return by_number[WEB]
    if draw < 0.9 and consumer.home_site:
        return by_number[consumer.home_site]
    return chance.choice(trade.sites)


def _moment(day: date, site: SiteValues, trade: Trade, chance: random.Random) -> datetime:
    (opens, closes) = (6, 23) if site.number == WEB else chance.choices(((7, 10), (11, 14), (14, 18)), (38, 30, 32))[0]
    minutes = chance.randrange(opens * 60, closes * 60)
    zone = ZoneInfo(site.time_zone or trade.zone)
    return datetime.combine(day, time(minutes // 60, minutes % 60, chance.randrange(60)), tzinfo=zone)


def _sold(chosen: Sequence[ProductValues], currency: str, chance: random.Random) -> tuple[SaleLine, ...]:
    lines = []
    for number, product in enumerate(chosen, start=1):
        price = (product.retail_price or Decimal(0)) * _ABROAD.get(currency, Decimal(1))
        inc_tax = (price * 20).quantize(Decimal(1)) / 20
        rate = Decimal(1) if product.program_brand in _ZERO_RATED or product.category == "Books" else _STANDARD_RATE
        (quantity,) = chance.choices(_QUANTITIES, _QUANTITY_WEIGHTS)
        lines.append(
            SaleLine(
                line_id=str(number),
                sku=product.sku,
                quantity=Decimal(quantity),
                unit_price_inc_tax=inc_tax.quantize(Decimal("0.01")),
                unit_price_ex_tax=(inc_tax / rate).quantize(Decimal("0.01")),
            )
        )
    return tuple(lines)


def _shopper(consumer: ConsumerValues, day: date, chance: random.Random) -> tuple[str, str]:
    """Return the consumer id and the card that the till sends: one of them, or neither; sometimes an unknown card."""
    draw = chance.random()
    if draw < 0.005:
        return "", UNKNOWN_CARD
    if consumer.loyalty is None:
        return (consumer.consumer_id, "") if draw < 0.3 else ("", "")
    if draw < 0.1 or consumer.loyalty.enrolled_on > day:
        return "", ""
    return ("", consumer.loyalty.cards[0].number) if draw < 0.6 else (consumer.consumer_id, "")
