"""Describe a discount in one sentence.

Every claim of the sentence is what the engine does: tests read it back and compare it with decisions.
"""

from collections.abc import Iterator, Sequence

from consumers.models import Account
from consumers.types import JsonMapping
from promotions.admin.editor.summary import (
    MISSING,
    Beginning,
    PartialDefinition,
    RuleDescriber,
    asks_for_line_items,
    condition_trees,
    describe_beginning,
    describe_budgets,
    describe_count,
    describe_extras,
    describe_limits,
    describe_money,
    describe_set,
    is_limited,
    rule_describer,
    set_rows,
)
from promotions.admin.rules.phrases import bracketed, describe_product
from promotions.choices import DiscountType
from promotions.engine.rules.attributes import Scope


def describe_discount(account: Account, definition: PartialDefinition) -> str:
    """Describe when, to whom, where and for what a discount applies, what it takes off, and how often."""
    sets = definition.outcome.get("product_sets") or []
    trees = [*condition_trees(definition), *((product_set.get("rules"), Scope.LINE_ITEM) for product_set in sets)]
    describer = rule_describer(account, currency=definition.currency, trees=trees, rows=set_rows(sets))
    basket = _Purchase(definition, describer, sets)
    beginning = describe_beginning(
        definition,
        describer,
        Beginning(
            who="identified customers" if _needs_consumer(definition, sets) else "customers",
            other_currency=definition.currency if definition.currency != account.currency else "",
            purchases=basket.once(),
        ),
    )
    limits = (
        {**definition.eligibility, "transaction_redemption_limit": None} if basket.is_once else definition.eligibility
    )
    sentence = (
        f"{beginning} get {basket.benefit()}{describe_limits(limits)}{describe_budgets(definition, in_money=True)}."
    )
    return " ".join((sentence, *basket.added(), *describe_extras(definition.eligibility, describer)))


def discount_advice(definition: PartialDefinition) -> str:
    """Warn where the basket must contain something, and yet every product gets the discount."""
    gets_all = any(
        product_set.get("gets_discount") and "rules" in product_set and not (product_set["rules"] or {})
        for product_set in definition.outcome.get("product_sets") or []
    )
    if not (gets_all and asks_for_line_items(definition)):
        return ""
    return "“Basket must contain” does not choose what is discounted: a product set here takes every product."


def _needs_consumer(definition: PartialDefinition, sets: Sequence[JsonMapping]) -> bool:
    """Return whether a basket without a known consumer never gets the discount."""
    return (
        bool((definition.eligibility.get("customer_rules") or {}).get("rules"))
        or bool(definition.eligibility.get("customer_redemption_limit"))
        or definition.customer_budget is not None
        or any("personalized_promotion" in product_set for product_set in sets)
    )


class _Purchase:
    """What must be bought for a discount, and what of it is discounted."""

    def __init__(self, definition: PartialDefinition, describer: RuleDescriber, sets: Sequence[JsonMapping]) -> None:
        self.definition, self.describer, self.sets = definition, describer, sets
        self.is_once = any(product_set.get("required_spend") for product_set in sets) and not self._repeats
        self.is_single = len(sets) == 1 and not self.is_once and not self._repeats

    @property
    def _repeats(self) -> bool:
        return any(product_set.get("repeats") for product_set in self.sets)

    def _words(self, product_set: JsonMapping, *, names_only: bool = False) -> str:
        words = bracketed(describe_set(product_set, self.describer, names_only=names_only))
        return words or ("any product" if len(self.sets) > 1 else "")

    def _money(self, value: object) -> str:
        return describe_money(value, self.definition.currency)

    # --- what must be bought ---

    def once(self) -> Iterator[str]:
        """Yield what must be bought where a transaction gets the discount once at most."""
        if self.is_once:
            required = (f"{self._verb(product_set)} {self._required(product_set)}" for product_set in self.sets)
            yield f"who {' and '.join(required)}"

    @staticmethod
    def _verb(product_set: JsonMapping) -> str:
        return "spend" if product_set.get("required_spend") else "buy"

    def _required(self, product_set: JsonMapping) -> str:
        words = self._words(product_set)
        if product_set.get("required_spend"):
            return f"at least {self._money(product_set['required_spend'])}{f' on {words}' if words else ''}"
        return f"{self._count(product_set, product_set.get('required_quantity') or 1)} of {words}"

    def _count(self, product_set: JsonMapping, quantity: object) -> str:
        """Format a number of units, "more" where a set before has the same products."""
        words = self._words(product_set, names_only=True)
        before = [self._words(other, names_only=True) for other in self.sets[: self._place(product_set)]]
        return describe_count(quantity, "more unit" if words in before else "unit")

    def _place(self, product_set: JsonMapping) -> int:
        return next(place for place, other in enumerate(self.sets) if other is product_set)

    def added(self) -> Iterator[str]:
        """Yield which free products the till adds."""
        for product_set in self.sets:
            default = product_set.get("default_product")
            if default and self.definition.type == DiscountType.FREE_PRODUCT and product_set.get("gets_discount"):
                product = describe_product(default, self.describer.wording)
                words = self._words(product_set, names_only=True)
                yield f"The till adds {product} if the basket has {_none_of(words, product)}."

    # --- what is discounted ---

    def benefit(self) -> str:
        """Describe what is taken off which units."""
        if not self.sets:
            return f"{self._off(MISSING)} for every {MISSING} they buy"
        if self._repeats:
            (product_set, *_) = self.sets
            words = self._words(product_set)
            spend = self._money(product_set.get("required_spend"))
            return f"{self._money(self.definition.outcome.get('value'))} off for every full {spend} they spend" + (
                f" on {words}" if words else ""
            )
        if self.is_single:
            return f"{self._off(self._single(self.sets[0]))}{self._order()}{self._maximum()}"
        discounted = [self._discounted(product_set) for product_set in self.sets if product_set.get("gets_discount")]
        units = " and ".join(discounted) or MISSING
        if self.is_once:
            return f"{self._off(units)}{self._order()}, once per transaction{self._maximum()}"
        bundle = f"every bundle of {' and '.join(self._required(product_set) for product_set in self.sets)} they buy"
        off = self._off(bundle) if self._discounts_bundles else f"{self._off(units)} for {bundle}"
        return f"{off}{self._order()}{self._maximum()}"

    @property
    def _discounts_bundles(self) -> bool:
        """Whether all units that make up a bundle are discounted."""
        return all(
            product_set.get("gets_discount")
            and product_set.get("discounted_quantity") in (None, product_set.get("required_quantity") or 1)
            for product_set in self.sets
        )

    def _single(self, product_set: JsonMapping) -> str:
        """Describe the discounted units of the only set, as in "1 of every 3 units of Tea they buy"."""
        words = self._words(product_set)
        required = product_set.get("required_quantity") or 1
        discounted = product_set.get("discounted_quantity") or required
        part = f"{discounted} of " if discounted != required else ""
        units = "unit" if str(required) == "1" else f"{required} units"
        if not product_set.get("gets_discount"):
            return MISSING
        return f"{part}every {units}{f' of {words}' if words else ''} they buy"

    def _discounted(self, product_set: JsonMapping) -> str:
        words = self._words(product_set, names_only=True)
        quantity = product_set.get("discounted_quantity")
        if product_set.get("required_spend") and not quantity:
            if len(self.sets) > 1:
                return f"all other units of {words}"
            return f"all units of {words}" if words else "the whole basket"
        count = self._count(product_set, quantity or product_set.get("required_quantity") or 1)
        return f"{count}{f' of {words}' if words else ''}"

    def _off(self, units: str) -> str:
        """Describe what is taken off some units."""
        value = self.definition.outcome.get("value")
        match self.definition.type:
            case DiscountType.AMOUNT:
                return f"{self._money(value)} off {units}"
            case DiscountType.PERCENTAGE:
                return f"{value or MISSING}% off {units}"
            case DiscountType.FIXED_PRICE:
                return f"{units} for {self._money(value)}"
            case _:
                return f"{units} free"

    def _maximum(self) -> str:
        maximum = self.definition.outcome.get("maximum_discount")
        return f", up to {self._money(maximum)} per transaction" if maximum else ""

    def _order(self) -> str:
        """Describe which units come first; empty where every unit gets the same, whatever the order."""
        if len(self.sets) == 1:
            (product_set,) = self.sets
            if product_set.get("required_spend"):
                alike = not product_set.get("discounted_quantity")
            else:
                each = (product_set.get("required_quantity") or 1) == 1
                cut_short = is_limited(self.definition.eligibility) or self.definition.outcome.get("maximum_discount")
                alike = each and not cut_short
            if alike:
                return ""
        order = self.definition.outcome.get("price_order")
        return f", {'most expensive' if order == 'most_expensive' else 'cheapest'} units first"


def _none_of(words: str, product: str) -> str:
    """Say that a basket has none of a set's products, the proposed ``product`` among them."""
    if words.startswith("products "):
        return f"no {words}"
    return f"none of {words}" if words and words != product else "none"
