"""Search for a basket in which ranked discounts save customers less than the best combination would. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from conflicts.analysis.example_baskets import CatalogueContext, ExampleLine
from conflicts.analysis.examples import Example, basket_with, rulebook_of
from conflicts.resolver import Policy
from promotions.engine.facts.basket import Basket
from promotions.engine.facts.consumer import Usage
from promotions.engine.pipeline.decision import Decision
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.rulebook.promotion import Promotion

MAX_BASKETS = 60
"""Baskets that are decided both ways before the search ends without one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LostSaving:
    """A basket, as an example, and what the account's discounts take off it: as they are ranked, and at the best."""

    example: Example
    ranked: Decision
    best: Decision


def find_lost_saving(
    examples: Sequence[Example], discounts: Sequence[Promotion], catalogue: CatalogueContext, policy: Policy
) -> LostSaving | None:
    """Return the first basket, of those tried, in which ranking costs customers money; None where it costs nothing.

    It is asked only where discounts are ranked and the greater saving wins.

    Args:
        examples: baskets in which discounts compete, each with its shopper, site and moment.
        discounts: all that may apply to these baskets.
        catalogue: the account's terms, offers and catalogue.
        policy: the account's settings.
    """
    if policy.discount_combination != "ranked" or policy.promotion_bias != "max_customer_saving":
        return None
    competing = [
        replace(discount, source=replace(discount.source, draft=False), application_rules=())
        for discount in discounts
        if not discount.always_apply
    ]
    rulebook = rulebook_of(competing, catalogue)
    best_policy = replace(policy, discount_combination="best_total")
    for example, basket in islice(_baskets(examples, catalogue), MAX_BASKETS):
        case = EvaluationCase(basket=basket, shopper=example.shopper, usage=Usage())
        ranked, best = evaluate(case, rulebook, policy), evaluate(case, rulebook, best_policy)
        if best.net < ranked.net:
            return LostSaving(example=replace(example, basket=basket, decision=ranked), ranked=ranked, best=best)
    return None


def _baskets(examples: Sequence[Example], catalogue: CatalogueContext) -> Iterator[tuple[Example, Basket]]:
    """Yield the baskets of examples as they are, then all of their products together, then with other units and prices.

    What ranking costs shows where one discount takes units that others would use better: it depends on how many units
    there are, and on what they cost next to one another.
    """
    variants = [list(_variants(example.lines)) for example in examples]
    for number in range(max(map(len, variants), default=0)):
        for example, lines_of in zip(examples, variants, strict=True):
            if number < len(lines_of):
                yield example, basket_with(example, lines_of[number], catalogue)
        if number == 0 and len(examples) > 1:
            yield examples[0], basket_with(examples[0], _together(examples), catalogue)


def _variants(lines: Sequence[ExampleLine]) -> Iterator[Sequence[ExampleLine]]:
    yield lines
    yield [replace(line, units=line.units + 1) for line in lines]
    for position in range(len(lines)):
        yield [replace(line, price=line.price * 2) if at == position else line for at, line in enumerate(lines)]
    for position in range(len(lines)):
        yield [replace(line, units=line.units + 1) if at == position else line for at, line in enumerate(lines)]


def _together(examples: Sequence[Example]) -> Sequence[ExampleLine]:
    lines: dict[str, ExampleLine] = {}
    for example in examples:
        for line in example.lines:
            known = lines.get(line.sku, line)
            lines[line.sku] = replace(line, units=max(line.units, known.units))
    return list(lines.values())
