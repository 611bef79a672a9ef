"""Describe a loyalty promotion in one sentence.

Every claim of the sentence is what the engine does: tests read it back and compare it with decisions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from consumers.models import Account
from consumers.types import JsonMapping
from loyalty.choices import PromotionType
from loyalty.selectors.promotion import offers_redeemable
from promotions.admin.editor.summary import (
    MISSING,
    Beginning,
    PartialDefinition,
    RuleDescriber,
    asks_for_line_items,
    condition_trees,
    control_group_rows,
    counts_only_such,
    describe_beginning,
    describe_budgets,
    describe_count,
    describe_extras,
    describe_limits,
    describe_money,
    describe_set,
    is_limited,
    rule_describer,
)
from promotions.admin.rules.phrases import bracketed, describe_span
from promotions.admin.rules.wording import PLAIN
from promotions.engine.rules.attributes import Scope


def describe_loyalty_promotion(account: Account, definition: PartialDefinition) -> str:
    """Describe when, to whom, where and for what it applies, what it gives, and how often."""
    rules = definition.eligibility.get("application_rules") or []
    selection = definition.outcome.get("product_selection") or {}
    trees = [
        *condition_trees(definition),
        *((product_set.get("rules"), Scope.LINE_ITEM) for product_set in selection.get("sets") or []),
        *((rule.get("line_item_rules"), Scope.LINE_ITEM) for rule in rules),
    ]
    describer = rule_describer(account, currency=definition.currency, trees=trees, rows=control_group_rows(definition))
    other_currency = definition.currency if definition.currency != account.currency else ""
    such = counts_only_such(definition, describer, other_currency)
    reward = _Reward(definition=definition, selected=_SelectedUnits(definition=definition, describer=describer))
    beginning = describe_beginning(
        definition,
        describer,
        Beginning(
            who="identified customers" if definition.type == PromotionType.REDEEM_OFFER else "loyalty members",
            other_currency=other_currency,
            history=[_history_clause(rule, definition, describer, such=such) for rule in rules],
            purchases=reward.purchases(),
        ),
    )
    budgets = describe_budgets(definition, in_money=definition.type == PromotionType.REDEEM_OFFER)
    benefit = f"{reward.benefit(account)}{describe_limits(definition.eligibility)}{budgets}"
    return " ".join((f"{beginning} get {benefit}.", *describe_extras(definition.eligibility, describer)))


def loyalty_promotion_advice(definition: PartialDefinition) -> str:
    """Warn where the basket must contain something, and yet all line items count."""
    units = _SelectedUnits(definition=definition, describer=RuleDescriber(wording=PLAIN))
    reward = _Reward(definition=definition, selected=units)
    if units.products or not asks_for_line_items(definition) or not reward.depends_on_units:
        return ""
    return "“Basket must contain” does not choose what counts: without product sets, all line items count."


# --- what they have bought before ------------------------------------------------------------------------------------


def _history_clause(rule: JsonMapping, definition: PartialDefinition, describer: RuleDescriber, *, such: bool) -> str:
    """Describe an application rule; ``such``: only transactions that satisfy the clauses before it count."""
    items = bracketed(describer.describe(rule.get("line_item_rules"), Scope.LINE_ITEM))
    threshold, measure = rule.get("threshold"), str(rule.get("measure"))
    in_such = " in such transactions" if such else ""
    reached = {
        "transactions": f"made {describe_count(threshold, 'such transaction' if such else 'transaction')}"
        f"{f' with {items}' if items else ''}",
        "quantity": f"bought {describe_count(threshold, 'unit')}{f' of {items}' if items else ''}{in_such}",
        "spend": f"spent {describe_money(threshold, definition.currency)}{f' on {items}' if items else ''}{in_such}",
    }.get(measure, MISSING)
    period = rule.get("period") or {}
    unit = str(period.get("unit") or MISSING)
    length, noun = period.get("length"), unit.removesuffix("s")
    if rule.get("counting") == "every":
        within = (
            "since the promotion started"
            if unit == "promotion"
            else f"within {describe_span(length, noun, one=f'a {noun}')}"
        )
        return f"each time they have {reached} {within} (counting restarts)"
    within = "since the promotion started" if unit == "promotion" else f"in the last {describe_span(length, noun)}"
    return f"on every transaction{f' with {items}' if items else ''} once they have {reached} {within}"


# --- which units count -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _SelectedUnits:
    """The units or bundles that a promotion selects, as its product sets, quantity rule and pricing rule say."""

    definition: PartialDefinition
    describer: RuleDescriber

    @cached_property
    def sets(self) -> Sequence[JsonMapping]:
        return (self.definition.outcome.get("product_selection") or {}).get("sets") or []

    @cached_property
    def in_bundles(self) -> bool:
        return (self.definition.outcome.get("product_selection") or {}).get("match") == "all" and len(self.sets) > 1

    @cached_property
    def apply_to(self) -> str:
        rule = self.definition.outcome.get("quantity_rule") or {}
        return str(rule.get("apply_to") or ("every" if self.in_bundles else "all"))

    @cached_property
    def group_size(self) -> object:
        """Return X of the quantity rule; None where it is not entered yet."""
        rule = self.definition.outcome.get("quantity_rule") or {"units": 1}
        return rule.get("units")

    @cached_property
    def products(self) -> str:
        """Return the products of the pool, or of a bundle; empty for every product."""
        among_others = len(self.sets) > 1 and not self.in_bundles
        words = [
            bracketed(describe_set(product_set, self.describer), among_others=among_others) for product_set in self.sets
        ]
        if self.in_bundles:
            units = [describe_count(product_set.get("units") or 1, "unit") for product_set in self.sets]
            return " and ".join(
                f"{count}{_of(name or 'any product')}" for count, name in zip(units, words, strict=True)
            )
        return " or ".join(words) if all(words) else ""

    @property
    def is_whole_pool(self) -> bool:
        """Whether it takes all units of its products, however many there are."""
        return self.apply_to == "all" and not self.in_bundles

    @cached_property
    def order(self) -> str:
        """Return which units come first, as the end of a clause; empty where no unit is left out."""
        if self.is_whole_pool:
            return ""
        if self._takes_each_unit and not is_limited(self.definition.eligibility):
            return ""
        rule = self.definition.outcome.get("pricing_rule") or {}
        order = "most expensive" if rule.get("order") == "most_expensive" else "cheapest"
        by = {"ex_tax": " by price excl. tax", "tax": " by tax"}.get(str(rule.get("by")), "")
        return f", {order} units first{by}"

    @property
    def _takes_each_unit(self) -> bool:
        return not self.in_bundles and self.apply_to == "every" and self.group_size == 1

    def group(self) -> str:
        """Return what makes one redemption where every X units or bundles do, as in "2 units of Tea"."""
        count = "" if self.group_size == 1 else f"{self.group_size or MISSING} "
        if self.in_bundles:
            return f"{count}bundle{'s' if count else ''} of {self.products}"
        return f"{count}unit{'s' if count else ''}{_of(self.products)}"

    def required(self) -> str:
        """Return what a basket needs for a first matching set, as in "at least 2 units of Tea"; empty for anything."""
        size = self.group_size if self.apply_to == "every" else 1
        if self.in_bundles:
            bundles = "a bundle" if size == 1 else f"at least {size or MISSING} bundles"
            return f"{bundles} of {self.products}"
        return self.products if size == 1 else f"at least {size or MISSING} units{_of(self.products)}"

    def taken(self) -> str:
        """Return the units whose value or number counts, as in "the first 2 units of Tea"; empty for all units."""
        several = self.group_size != 1
        match self.apply_to:
            case "every" if several:
                return f"complete groups of {self.group()}"
            case "every":
                return f"every {self.group()}"
            case "first":
                return f"the first {self.group()}"
            case _ if self.in_bundles:
                return f"all bundles of {self.products}"
            case _:
                return self.products


def _of(words: str) -> str:
    return f" of {words}" if words else ""


# --- what they get ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Reward:
    """What a promotion of one type gives, and for what."""

    definition: PartialDefinition
    selected: _SelectedUnits

    @property
    def _repeats(self) -> bool:
        """Whether it gives its points or voucher for each group of units."""
        each = self.definition.type in {PromotionType.FIXED_POINTS, PromotionType.REDEEM_OFFER}
        return each and self.selected.apply_to == "every"

    @property
    def _on_units(self) -> bool:
        """Whether what it gives depends on the units that it takes."""
        scope = self.definition.outcome.get("multiplier_scope")
        return self.definition.type == PromotionType.BONUS_POINTS or scope == "line_items"

    @property
    def depends_on_units(self) -> bool:
        """Whether it matters how many units, or which of them, are selected."""
        return self._repeats or self._on_units

    def purchases(self) -> Iterator[str]:
        """Yield what must be bought, where what they get does not say it."""
        required = self.selected.required()
        if required and not self._repeats and not self._on_units:
            yield f"who buy {required}"

    def benefit(self, account: Account) -> str:
        outcome = self.definition.outcome
        match self.definition.type:
            case PromotionType.FIXED_POINTS:
                return f"{describe_count(outcome.get('points'), 'point')}{self._how_often()}"
            case PromotionType.POINTS_MULTIPLIER:
                times = f"{outcome.get('multiplier') or MISSING} times the base points"
                if not self._on_units:
                    return f"{times} on the whole basket"
                return f"{times} on {self.selected.taken() or 'all line items'}{self.selected.order}"
            case PromotionType.BONUS_POINTS:
                return self._bonus()
            case _:
                code = outcome.get("offer")
                name = offers_redeemable(account.pk).filter(code=code or "").values_list("name", flat=True).first()
                return f"a voucher for “{name or code or MISSING}”{self._how_often()}"

    def _how_often(self) -> str:
        if self._repeats:
            return f" for every {self.selected.group()} they buy"
        return "" if self.definition.eligibility.get("application_rules") else " per transaction"

    def _bonus(self) -> str:
        """Describe bonus points, whose parts count unless only whole ratio units do."""
        outcome, currency = self.definition.outcome, self.definition.currency
        points, units = describe_count(outcome.get("conversion_points"), "point"), outcome.get("conversion_units")
        by_quantity = outcome.get("issue_points_on") == "quantity"
        ratio = describe_count(units, "unit") if by_quantity else describe_money(units, currency)
        taken = self.selected.taken()
        if by_quantity and self.selected.is_whole_pool:
            ratio += f"{_of(taken)} they buy"
        elif by_quantity:
            ratio += f" they buy, counting {taken}"
        else:
            ratio += f" they spend{f' on {taken}' if taken else ''}"
        if outcome.get("whole_ratio_units_only", True):
            return f"{points} for every full {ratio}{self.selected.order}"
        return f"{points} per {ratio}{self.selected.order}, pro rata"
