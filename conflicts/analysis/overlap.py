"""Whether two promotions can meet in one basket, and which of them would win. Pure: no database, no clock.

Three verdicts, each with what stands behind it. *Disjoint* is proved: no value satisfies what both ask. *Overlapping*
is shown: in an example basket the engine gives either promotion when the other is not there. *Possible* is neither:
nothing was proved, and no example was found. What is proved holds for the sites and the catalogue as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import islice, product
from zoneinfo import ZoneInfo

from conflicts.analysis.example_baskets import CatalogueContext, Wanted, shared_units, wanted_baskets
from conflicts.analysis.satisfiability import Conjunction, Grid, TooManyConjunctions, solve, ways
from conflicts.resolver import Policy
from promotions.engine.facts.basket import Basket, Line, SiteFacts, make_basket, make_line
from promotions.engine.facts.consumer import PersonalizedChoice, Shopper, Usage
from promotions.engine.money import from_minor, minor_unit, to_minor
from promotions.engine.pipeline.decision import Decision
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rulebook.rulebook import Rulebook
from promotions.engine.rules.attributes import WEEKDAYS, Scope
from promotions.engine.rules.compile import compile_tree
from promotions.engine.rules.tree import Tree

MOST_ATTEMPTS = 60
"""Example baskets put to the engine before a pair is left undecided."""

_MOST_DAYS = 800
_WHEN = frozenset({"transaction_date", "transaction_time", "transaction_weekday"})
_TEXTS = ("payment_card_type", "source", "loyalty_card_type")
_DAYS_OF = {"birthday": "date_of_birth", "membership_anniversary": "enrolled_on"}
_FEW = 4


class Verdict(StrEnum):
    """How sure it is that two promotions meet."""

    DISJOINT = "disjoint"
    OVERLAPPING = "overlapping"
    POSSIBLE = "possible"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleSite:
    """A site as an example may use it."""

    name: str
    facts: SiteFacts
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A basket that both promotions match, at a place, by a shopper; and the decision where both are there.

    ``assumes_history`` says that the shopper is taken to have bought as often as repeat-behaviour rules ask.
    """

    basket: Basket
    place: ExampleSite
    shopper: Shopper
    decision: Decision
    assumes_history: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Who would win the example. ``winner`` is a promotion's id, None where both apply; ``decided_by`` as a refusal."""

    winner: int | None
    decided_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """The verdicts on a pair in each respect, and the example where there is one."""

    time: Verdict
    site: Verdict
    audience: Verdict
    products: Verdict
    example: Example | None = None
    outcome: Outcome | None = None

    @property
    def verdict(self) -> Verdict:
        """On the pair as a whole: disjoint in one respect is disjoint."""
        if Verdict.DISJOINT in (self.time, self.site, self.audience, self.products):
            return Verdict.DISJOINT
        return Verdict.OVERLAPPING if self.example is not None else Verdict.POSSIBLE


def overlap(
    first: Promotion,
    second: Promotion,
    *,
    world: CatalogueContext,
    places: Sequence[ExampleSite],
    policy: Policy,
    at: datetime,
) -> Overlap:
    """Judge a pair. Drafts are judged as if they were published.

    Args:
        first: a promotion.
        second: another, of the same type and subtype, or a discount as the first is.
        world: the account's terms, offers and catalogue.
        places: the sites at which transactions happen.
        policy: who wins.
        at: a moment from which examples are preferred.
    """
    pair = tuple(replace(one, source=replace(one.source, draft=False)) for one in (first, second))
    start, end = _window(pair)
    found = [place for place in places if all(one.site_rules is None or one.site_rules(place.facts) for one in pair)]
    audience, moments = _audience(pair, start.date()), _when(pair, places, at)
    products = _products(pair, world, policy)
    time_verdict = Verdict.POSSIBLE
    if (end is not None and start >= end) or moments.impossible:
        time_verdict = Verdict.DISJOINT
    judged = Overlap(
        time=time_verdict,
        site=Verdict.OVERLAPPING if found else Verdict.DISJOINT,
        audience=audience,
        products=products,
    )
    if judged.verdict is Verdict.DISJOINT:
        return judged
    example = _example(pair, world, found, policy, moments.values)
    if example is None:
        return judged
    return Overlap(
        time=Verdict.OVERLAPPING,
        site=Verdict.OVERLAPPING,
        audience=Verdict.OVERLAPPING,
        products=Verdict.OVERLAPPING,
        example=example,
        outcome=_outcome(pair, example.decision),
    )


# --- what can be proved ---------------------------------------------------------------------------------------------


def _window(pair: Sequence[Promotion]) -> tuple[datetime, datetime | None]:
    """When both are in force."""
    ends = [end for one in pair for end in (one.source.ends_at, one.source.stopped_at) if end is not None]
    return max(one.source.starts_at for one in pair), min(ends, default=None)


def _days(start: datetime, end: datetime | None) -> tuple[date, date | None]:
    """The local days that moments of a window may have anywhere."""
    around = timedelta(days=1)
    return (start - around).date(), (end + around).date() if end is not None else None


def _trees(pair: Sequence[Promotion], name: str) -> list[Tree | None]:
    return [one.source.eligibility[name] for one in pair]


def _ways_of(*trees: Tree | None) -> list[Conjunction] | None:
    try:
        return ways(*trees)
    except TooManyConjunctions:
        return None


def _audience_trees(pair: Sequence[Promotion]) -> list[Tree | None]:
    member: Tree = {"attribute": "is_loyalty_member", "operator": "is", "value": True}
    trees = _trees(pair, "customer_rules")
    return [*trees, {"match": "all", "rules": [member]}] if any(one.gives_points for one in pair) else trees


def _audience(pair: Sequence[Promotion], today: date) -> Verdict:
    found = _ways_of(*_audience_trees(pair))
    if found is not None and all(_shopper_facts(way, today) is None for way in found):
        # Nothing here counts from today, or else the proof does without it.
        return Verdict.DISJOINT if all(_is_impossible(way, today) for way in found) else Verdict.POSSIBLE
    return Verdict.POSSIBLE


def _by_thing(way: Conjunction) -> dict[str, list[Tree]]:
    """A way's conditions by what they are about: a birthday is about a date of birth."""
    things: dict[str, list[Tree]] = {}
    for one in way:
        name: str = one["attribute"]
        things.setdefault(_DAYS_OF.get(name, name), []).append(one)
    return things


def _is_impossible(way: Conjunction, today: date) -> bool:
    solved = [solve(Scope.CUSTOMER, some, today=today, grid=_WHOLE).impossible for some in _by_thing(way).values()]
    return any(solved)


_WHOLE = Grid(step=Decimal(1))


def _shopper_facts(way: Conjunction, today: date) -> dict[str, object] | None:
    """Facts of a shopper that satisfy a way; None where some condition has no value."""
    facts: dict[str, object] = {}
    for thing, some in _by_thing(way).items():
        values = solve(Scope.CUSTOMER, some, today=today, grid=_WHOLE).values
        if not values:
            return None
        facts[thing] = values[0]
    return facts


@dataclass(frozen=True, kw_only=True, slots=True)
class _Moments:
    """Local moments that both promotions' rules on dates, weekdays and times admit, each with the rest of its way."""

    values: tuple[tuple[datetime, Conjunction], ...]
    impossible: bool


def _when(pair: Sequence[Promotion], places: Sequence[ExampleSite], at: datetime) -> _Moments:
    start, end = _window(pair)
    found = _ways_of(*_trees(pair, "transaction_rules"))
    if found is None:
        return _Moments(values=(), impossible=False)
    first, last = _days(start, end)
    values: list[tuple[datetime, Conjunction]] = []
    begins = tuple(dict.fromkeys(start.astimezone(place.zone).time() for place in places))
    impossible = True
    for way in found:
        when = tuple(one for one in way if one["attribute"] in _WHEN)
        rest = tuple(one for one in way if one["attribute"] not in _WHEN)
        days, is_all = _days_tried(when, first, last, at)
        local = list(islice(_local_moments(when, days, begins), _MOST_DAYS))
        values += [(moment, rest) for moment in local]
        if local or not (is_all or _contradicts(when, first)):
            impossible = False
    values.sort(key=lambda one: (one[0].date() < at.date(), abs((one[0].date() - at.date()).days)))
    return _Moments(values=tuple(values), impossible=impossible)


def _contradicts(when: Conjunction, today: date) -> bool:
    by_attribute = _by_thing(when)
    return any(solve(Scope.TRANSACTION, some, today=today).impossible for some in by_attribute.values())


def _days_tried(when: Conjunction, first: date, last: date | None, at: datetime) -> tuple[list[date], bool]:
    """Days to try, and whether these are all that there are."""
    if last is not None and (last - first).days < _MOST_DAYS:
        return [first + timedelta(days=n) for n in range((last - first).days + 1)], True
    named = [one for one in when if one["attribute"] == "transaction_date"]
    tried = {day for day in solve(Scope.TRANSACTION, named, today=at.date()).values if day is not None}
    begin = max(first, at.date())
    tried |= {begin + timedelta(days=n) for n in range(14)} | {first + timedelta(days=n) for n in range(14)}
    return sorted(day for day in tried if first <= day and (last is None or day <= last)), False


def _local_moments(when: Conjunction, days: Sequence[date], begins: Sequence[time]) -> Iterator[datetime]:
    """The moments of some days, without a zone, that conditions on dates, weekdays and times admit.

    ``begins`` are times at which the first of the days may begin to count.
    """
    timed = [one for one in when if one["attribute"] == "transaction_time"]
    times = [moment for moment in solve(Scope.TRANSACTION, timed, today=date.min).values if moment is not None]
    admitted = compile_tree({"match": "all", "rules": list(when)}, Scope.TRANSACTION)
    for number, day in enumerate(days):
        usual = times[:_FEW] if timed else _NOON
        for moment in (*usual, *begins[:_FEW]) if number <= _FIRST_DAYS else usual:
            if admitted is None or admitted(_Moment(today=day, transaction_time=moment)):
                yield datetime.combine(day, moment)


_NOON = (time(12), time(0), time(23, 59))
_FIRST_DAYS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class _Moment:
    """A moment as the rules on transactions read it."""

    today: date
    transaction_time: time

    @property
    def transaction_date(self) -> date:
        """The day."""
        return self.today

    @property
    def transaction_weekday(self) -> str:
        """Its weekday."""
        return WEEKDAYS[self.today.weekday()]


def _products(pair: Sequence[Promotion], world: CatalogueContext, policy: Policy) -> Verdict:
    """Whether one basket cannot hold what both ask for; discounts must want the same units to compete."""
    if pair[0].source.currency != pair[1].source.currency:
        return Verdict.DISJOINT
    found = _ways_of(*_trees(pair, "transaction_rules"))
    step = Grid(step=minor_unit(pair[0].source.currency), least=Decimal(0))
    if found is not None and all(_asks_the_impossible(way, step) for way in found):
        return Verdict.DISJOINT
    is_of_units = pair[0].source.family == "discount" and policy.discounts_per_transaction is None
    if is_of_units and not any(one.always_apply for one in pair) and shared_units(pair, world).impossible:
        return Verdict.DISJOINT
    return Verdict.DISJOINT if wanted_baskets(pair, world).impossible else Verdict.POSSIBLE


def _asks_the_impossible(way: Conjunction, money: Grid) -> bool:
    things = {name: some for name, some in _by_thing(way).items() if name not in _WHEN}
    return any(solve(Scope.TRANSACTION, some, today=date.min, grid=money).impossible for some in things.values())


# --- what can be shown ----------------------------------------------------------------------------------------------


def _example(
    pair: Sequence[Promotion],
    world: CatalogueContext,
    places: Sequence[ExampleSite],
    policy: Policy,
    moments: Sequence[tuple[datetime, Conjunction]],
) -> Example | None:
    """The first basket that the engine confirms."""
    audience = _ways_of(*_audience_trees(pair))
    if audience is None:
        return None
    alone = [_rulebook([_without_history(one)], world) for one in pair]
    both = _rulebook([_without_history(one) for one in pair], world)
    baskets = list(islice(_wanted(pair, world, policy), 2 * _FEW))
    tried = _tried(pair, places, moments, audience, baskets)
    for place, moment, facts, rest, wanted in islice(tried, MOST_ATTEMPTS):
        for basket in islice(_baskets(pair, world, place=place, moment=moment, rest=rest, wanted=wanted), 2 * _FEW):
            shopper = _shopper(facts, basket.today, pair, wanted)
            decided = [_decide(basket, shopper, book, policy) for book in alone]
            if all(decision.applied for decision in decided):
                return Example(
                    basket=basket,
                    place=place,
                    shopper=shopper,
                    decision=_decide(basket, shopper, both, policy),
                    assumes_history=any(one.application_rules for one in pair),
                )
    return None


def _wanted(pair: Sequence[Promotion], world: CatalogueContext, policy: Policy) -> Iterator[Sequence[Wanted]]:
    if pair[0].source.family == "discount" and policy.discounts_per_transaction is None:
        yield from shared_units(pair, world).baskets
    yield from wanted_baskets(pair, world).baskets


def _tried(
    pair: Sequence[Promotion],
    places: Sequence[ExampleSite],
    moments: Sequence[tuple[datetime, Conjunction]],
    audience: Sequence[Conjunction],
    baskets: Sequence[Sequence[Wanted]],
) -> Iterator[tuple[ExampleSite, datetime, Mapping[str, object], Conjunction, Sequence[Wanted]]]:
    start, end = _window(pair)
    for place, (local, rest) in product(places[:_FEW], moments):
        moment = local.replace(tzinfo=place.zone)
        if moment < start or (end is not None and moment >= end):
            continue
        known = (_shopper_facts(way, local.date()) for way in audience)
        for facts in islice((one for one in known if one is not None), _FEW):
            for wanted in baskets:
                yield place, moment, facts, rest, wanted


def _without_history(promotion: Promotion) -> Promotion:
    return replace(promotion, application_rules=())


def _rulebook(promotions: Sequence[Promotion], world: CatalogueContext) -> Rulebook:
    return Rulebook.build(promotions, terms=world.terms, offers=world.offers, personalized=world.personalized)


def _decide(basket: Basket, shopper: Shopper, rulebook: Rulebook, policy: Policy) -> Decision:
    return evaluate(EvaluationCase(basket=basket, shopper=shopper, usage=Usage()), rulebook, policy)


def _shopper(facts: Mapping[str, object], today: date, pair: Sequence[Promotion], wanted: Sequence[Wanted]) -> Shopper:
    """A shopper of these facts, outside every control group, with what is bought on every list that matters."""
    lists = {key for one in pair for key in one.personalized}
    bought = tuple(dict.fromkeys(one.sku for one in wanted))
    known: dict[str, object] = {"is_loyalty_member": True, **facts}
    known["groups"] = known.get("groups") or frozenset()
    shoppers = (
        Shopper(
            consumer_id=f"example-{number}",
            today=today,
            personalized=dict.fromkeys(lists, PersonalizedChoice(products=bought)),
            **known,  # type: ignore[arg-type]
        )
        for number in range(1, 40)
    )
    *held_out, last = shoppers
    groups = [(one, one.control_group) for one in pair if one.control_group is not None]
    free = (one for one in held_out if not any(group.holds_out(promotion, one) for promotion, group in groups))
    return next(free, last)


def _baskets(
    pair: Sequence[Promotion],
    world: CatalogueContext,
    *,
    place: ExampleSite,
    moment: datetime,
    rest: Conjunction,
    wanted: Sequence[Wanted],
) -> Iterator[Basket]:
    """Baskets of what is wanted, with totals and cards as a way asks."""
    currency, things, today = pair[0].source.currency, _by_thing(rest), moment.date()
    grid = Grid(step=minor_unit(currency), least=Decimal(0))
    texts: dict[str, str] = {}
    for name in _TEXTS:
        values = solve(Scope.TRANSACTION, things.get(name, ()), today=today).values
        if not values:
            return
        texts[name] = values[0] or ""
    usual = sum(one.price * one.units for one in wanted)
    totals = _totals(things.get("total_inc_tax", ()), grid, today, currency, usual)
    for total in totals:
        for without in (total, *_totals(things.get("total_ex_tax", ()), grid, today, currency, total)):
            yield make_basket(
                at=moment,
                local=moment,
                site=place.facts,
                currency=currency,
                lines=_lines(wanted, total, without),
                products={one.sku: one.facts for one in wanted if one.facts is not None} | world.products_of(wanted),
                **texts,
            )


def _totals(conditions: Sequence[Tree], grid: Grid, today: date, currency: str, usual: int) -> list[int]:
    """Totals in minor units that conditions admit, the nearest to the usual one first."""
    if not conditions:
        return [usual]
    within = [*conditions, {"attribute": conditions[0]["attribute"], "operator": "is_at_least", "value": "0"}]
    amounts = [usual, *(to_minor(v, currency) for v in solve(Scope.TRANSACTION, within, today=today, grid=grid).values)]
    holds = compile_tree({"match": "all", "rules": list(conditions)}, Scope.TRANSACTION)
    found = [one for one in amounts if holds is None or holds(_Total(from_minor(one, currency)))]
    return sorted(set(found), key=lambda one: (abs(one - usual), one))


class _Total:
    """A total as the rules on transactions read it, with tax and without."""

    def __init__(self, amount: Decimal) -> None:
        self.total_inc_tax = self.total_ex_tax = amount


def _lines(wanted: Sequence[Wanted], total: int, without_tax: int) -> list[Line]:
    """Lines that come to a total: at the usual prices if these do, or else at one price with the rest on one unit."""
    if sum(one.price * one.units for one in wanted) == total == without_tax:
        prices = [(one, one.units, one.price, one.price) for one in wanted]
    else:
        units = sum(one.units for one in wanted)
        each, rest = divmod(total, units)
        each_without, rest_without = divmod(without_tax, units)
        prices = [(one, one.units, each, each_without) for one in wanted]
        if rest or rest_without:
            head = wanted[0]
            prices[0] = (head, head.units - 1, each, each_without)
            prices.append((head, 1, each + rest, each_without + rest_without))
    return [
        make_line(
            line_id=str(number),
            sku=one.sku,
            quantity=Decimal(units),
            unit_price_inc_tax=price,
            unit_price_ex_tax=without,
            category=one.category,
            brand=one.brand,
        )
        for number, (one, units, price, without) in enumerate(prices, start=1)
        if units
    ]


def _outcome(pair: Sequence[Promotion], decision: Decision) -> Outcome | None:
    applied = {one.promotion.id for one in decision.applied}
    if len(applied) == len(pair):
        return Outcome(winner=None)
    for refusal in decision.refused:
        if refusal.reason == "lost_conflict" and applied:
            return Outcome(winner=applied.pop(), decided_by=refusal.decided_by)
    return None
