"""Search for a basket in which two promotions meet, and confirm it by the engine. Pure: no database, no clock."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import islice, product
from typing import NamedTuple
from zoneinfo import ZoneInfo

from conflicts.analysis.example_baskets import (
    CatalogueContext,
    ExampleLine,
    baskets_for_both,
    baskets_with_shared_units,
)
from conflicts.analysis.moments import LocalMoment, common_window
from conflicts.analysis.satisfiability import (
    Conjunction,
    NumberDomain,
    conditions_by_attribute,
    conjunctions_of,
    satisfying_values,
)
from conflicts.resolver import Policy
from promotions.engine.facts.basket import (
    Basket,
    Line,
    ProductFacts,
    SiteFacts,
    TransactionTexts,
    UnitPrice,
    line_traits,
    make_basket,
    make_line,
)
from promotions.engine.facts.consumer import PersonalizedChoice, Shopper, Usage
from promotions.engine.money import from_minor, minor_unit, to_minor
from promotions.engine.pipeline.decision import Decision
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.promotion import Promotion
from promotions.engine.rulebook.rulebook import Rulebook
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.compile import compile_tree
from promotions.engine.rules.tree import Tree

MAX_TRIALS = 60
"""Example baskets put to the engine before a pair is left undecided."""

_MAX_SITES = 4
_MAX_SHOPPERS = 4
_MAX_BASKETS = 8
_MAX_TOTALS = 8
_MAX_CONSUMER_IDS = 39
_TEXT_ATTRIBUTES = ("payment_card_type", "source", "loyalty_card_type")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleSite:
    """A site as an example may use it."""

    name: str
    facts: SiteFacts
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A basket for which both promotions qualify, at a site, by a shopper; and the decision where both compete.

    ``lines`` are what the basket was made of. ``assumes_history``: the shopper is taken to have bought as often as
    repeat-behaviour rules require.
    """

    basket: Basket
    lines: Sequence[ExampleLine]
    site: ExampleSite
    shopper: Shopper
    decision: Decision
    assumes_history: bool


def find_example(
    pair: Sequence[Promotion],
    catalogue: CatalogueContext,
    sites: Sequence[ExampleSite],
    policy: Policy,
    moments: Sequence[LocalMoment],
) -> Example | None:
    """Return the first example that the engine confirms; None where none of those tried is confirmed.

    Args:
        pair: the promotions.
        catalogue: the account's terms, offers and catalogue.
        sites: those whose site rules both promotions satisfy.
        policy: who wins.
        moments: those that the rules of both admit.
    """
    audience = conjunctions_of(*audience_trees(pair))
    if audience is None:
        return None
    remembered = [replace(promotion, application_rules=()) for promotion in pair]
    alone = [rulebook_of([promotion], catalogue) for promotion in remembered]
    together = rulebook_of(remembered, catalogue)
    baskets = list(islice(_example_lines(pair, catalogue, policy), _MAX_BASKETS))
    for trial in islice(_trials(pair, sites, moments, audience, baskets), MAX_TRIALS):
        for basket in islice(_baskets(pair, trial, catalogue), _MAX_TOTALS):
            shopper = _shopper(trial.shopper_facts, basket.today, pair, trial.lines)
            if all(_decide(basket, shopper, rulebook, policy).applied for rulebook in alone):
                return Example(
                    basket=basket,
                    lines=trial.lines,
                    site=trial.site,
                    shopper=shopper,
                    decision=_decide(basket, shopper, together, policy),
                    assumes_history=any(promotion.application_rules for promotion in pair),
                )
    return None


def audience_trees(pair: Sequence[Promotion]) -> list[Tree | None]:
    """Return the rules that a shopper must satisfy for both promotions."""
    trees: list[Tree | None] = [promotion.source.eligibility["customer_rules"] for promotion in pair]
    if any(promotion.gives_points for promotion in pair):
        is_member: Tree = {"attribute": "is_loyalty_member", "operator": "is", "value": True}
        trees.append({"match": "all", "rules": [is_member]})
    return trees


def shopper_facts(conjunction: Conjunction, today: date) -> dict[str, object] | None:
    """Return facts of a shopper that satisfy a conjunction; None where no value of some attribute does."""
    facts: dict[str, object] = {}
    for name, conditions in conditions_by_attribute(conjunction).items():
        values = satisfying_values(Scope.CUSTOMER, conditions, today=today, domain=WHOLE_NUMBERS).values
        if not values:
            return None
        facts[name] = values[0]
    return facts


WHOLE_NUMBERS = NumberDomain(step=Decimal(1))


def _example_lines(
    pair: Sequence[Promotion], catalogue: CatalogueContext, policy: Policy
) -> Iterator[Sequence[ExampleLine]]:
    if pair[0].source.family == "discount" and policy.discounts_per_transaction is None:
        yield from baskets_with_shared_units(pair, catalogue).baskets
    yield from baskets_for_both(pair, catalogue).baskets


class _Trial(NamedTuple):
    """One site, moment, shopper and basket to try; the total and the cards follow from ``conditions``."""

    site: ExampleSite
    moment: datetime
    shopper_facts: Mapping[str, object]
    conditions: Conjunction
    lines: Sequence[ExampleLine]


def _trials(
    pair: Sequence[Promotion],
    sites: Sequence[ExampleSite],
    moments: Sequence[LocalMoment],
    audience: Sequence[Conjunction],
    baskets: Sequence[Sequence[ExampleLine]],
) -> Iterator[_Trial]:
    window = common_window(pair)
    for site, (local, conditions) in product(sites[:_MAX_SITES], moments):
        moment = local.replace(tzinfo=site.zone)
        if not window.holds(moment):
            continue
        shoppers = (shopper_facts(conjunction, local.date()) for conjunction in audience)
        for facts in islice((facts for facts in shoppers if facts is not None), _MAX_SHOPPERS):
            for lines in baskets:
                yield _Trial(site, moment, facts, conditions, lines)


def rulebook_of(promotions: Sequence[Promotion], catalogue: CatalogueContext) -> Rulebook:
    """Return a rulebook of some promotions alone, on the account's terms, for a shopper whom no draw holds out."""
    terms = replace(catalogue.terms, universal_holdout=None)
    return Rulebook.build(promotions, terms=terms, offers=catalogue.offers, personalized=catalogue.personalized)


def _decide(basket: Basket, shopper: Shopper, rulebook: Rulebook, policy: Policy) -> Decision:
    return evaluate(EvaluationCase(basket=basket, shopper=shopper, usage=Usage()), rulebook, policy)


def _shopper(
    facts: Mapping[str, object], today: date, pair: Sequence[Promotion], lines: Sequence[ExampleLine]
) -> Shopper:
    """Return a shopper with these facts, whom nothing holds out, with the basket's products on every list."""
    lists = {backend_id for promotion in pair for backend_id in promotion.personalized}
    bought = tuple(dict.fromkeys(line.sku for line in lines))
    known: dict[str, object] = {"is_loyalty_member": True, **facts}
    known["groups"] = known.get("groups") or frozenset()
    shoppers = [
        Shopper(
            consumer_id=f"example-{number}",
            today=today,
            personalized=dict.fromkeys(lists, PersonalizedChoice(products=bought)),
            **known,  # type: ignore[arg-type]
        )
        for number in range(1, _MAX_CONSUMER_IDS + 1)
    ]
    return next((shopper for shopper in shoppers if not _is_held_out(shopper, pair)), shoppers[-1])


def _is_held_out(shopper: Shopper, pair: Sequence[Promotion]) -> bool:
    return any(
        promotion.control_group is not None and promotion.control_group.holds_out(promotion, shopper)
        for promotion in pair
    )


# --- baskets with the totals and cards that rules require -------------------------------------------------------------


def _baskets(pair: Sequence[Promotion], trial: _Trial, catalogue: CatalogueContext) -> Iterator[Basket]:
    """Yield baskets of a trial's lines, with totals and cards that satisfy its conditions."""
    conditions, lines = conditions_by_attribute(trial.conditions), trial.lines
    texts: dict[str, str] = {}
    for name in _TEXT_ATTRIBUTES:
        on_it = conditions.get(name, ())
        values = satisfying_values(Scope.TRANSACTION, on_it, today=trial.moment.date()).values
        if not values:
            return
        texts[name] = str(values[0] or "")
    currency = pair[0].source.currency
    usual = sum(line.price * line.units for line in lines)
    products = {line.sku: line.facts for line in lines if line.facts is not None} | catalogue.products_of(lines)
    for inc_tax in _totals(conditions.get("total_inc_tax", ()), currency, usual):
        for ex_tax in (inc_tax, *_totals(conditions.get("total_ex_tax", ()), currency, inc_tax)):
            yield make_basket(
                at=trial.moment,
                local=trial.moment,
                site=trial.site.facts,
                currency=currency,
                lines=_lines(lines, inc_tax, ex_tax, products),
                products=products,
                texts=TransactionTexts(**texts),
            )


def basket_with(example: Example, lines: Sequence[ExampleLine], catalogue: CatalogueContext) -> Basket:
    """Return an example's basket with other lines, at their own prices."""
    total = sum(line.price * line.units for line in lines)
    products = {line.sku: line.facts for line in lines if line.facts is not None} | catalogue.products_of(lines)
    basket = example.basket
    return make_basket(
        at=basket.at,
        local=basket.local,
        site=basket.site,
        currency=basket.currency,
        lines=_lines(lines, total, total, products),
        products=products,
        texts=TransactionTexts(**{name: getattr(basket, name) or "" for name in _TEXT_ATTRIBUTES}),
    )


def _totals(conditions: Sequence[Tree], currency: str, usual: int) -> list[int]:
    """Return totals in minor units that conditions admit, the nearest to the usual one first."""
    if not conditions:
        return [usual]
    not_negative = {"attribute": conditions[0]["attribute"], "operator": "is_at_least", "value": "0"}
    values = satisfying_values(
        Scope.TRANSACTION, [*conditions, not_negative], today=_ANY_DAY, domain=amounts_of(currency)
    ).values
    admits = compile_tree({"match": "all", "rules": list(conditions)}, Scope.TRANSACTION)
    amounts = {usual, *(to_minor(value, currency) for value in values if isinstance(value, Decimal))}
    admitted = [amount for amount in amounts if admits is None or admits(_Total(from_minor(amount, currency)))]
    return sorted(admitted, key=lambda amount: (abs(amount - usual), amount))


def amounts_of(currency: str) -> NumberDomain:
    """Return the amounts of money that a basket can come to."""
    return NumberDomain(step=minor_unit(currency), minimum=Decimal(0))


_ANY_DAY = date(2000, 1, 1)


class _Total:
    """A total as the rules on transactions read it, with tax and without."""

    def __init__(self, amount: Decimal) -> None:
        self.total_inc_tax = self.total_ex_tax = amount


class _PricedLine(NamedTuple):
    """Units of a product at a price, in minor units, with and without tax."""

    line: ExampleLine
    units: int
    inc_tax: int
    ex_tax: int


def _lines(lines: Sequence[ExampleLine], inc_tax: int, ex_tax: int, products: Mapping[str, ProductFacts]) -> list[Line]:
    """Return a basket's lines, which come to these totals."""
    return [
        make_line(
            line_id=str(number),
            sku=priced.line.sku,
            quantity=Decimal(priced.units),
            unit_price=UnitPrice(priced.inc_tax, priced.ex_tax),
            category=priced.line.category,
            brand=priced.line.brand,
            traits=line_traits(quantity=Decimal(priced.units), product=products.get(priced.line.sku)),
        )
        for number, priced in enumerate(_priced(lines, inc_tax, ex_tax), start=1)
        if priced.units
    ]


def _priced(lines: Sequence[ExampleLine], inc_tax: int, ex_tax: int) -> list[_PricedLine]:
    """Price lines at their usual prices if these come to the totals; or else all units alike, but one for the rest."""
    if sum(line.price * line.units for line in lines) == inc_tax == ex_tax:
        return [_PricedLine(line, line.units, line.price, line.price) for line in lines]
    units = sum(line.units for line in lines)
    each_inc_tax, rest_inc_tax = divmod(inc_tax, units)
    each_ex_tax, rest_ex_tax = divmod(ex_tax, units)
    priced = [_PricedLine(line, line.units, each_inc_tax, each_ex_tax) for line in lines]
    if rest_inc_tax or rest_ex_tax:
        first = priced[0]
        priced[0] = first._replace(units=first.units - 1)
        priced.append(_PricedLine(first.line, 1, each_inc_tax + rest_inc_tax, each_ex_tax + rest_ex_tax))
    return priced
