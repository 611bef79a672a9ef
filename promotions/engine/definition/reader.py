"""The one place that checks what a promotion says.

A definition is three documents as marketers and integrators write them: ``outcome``, ``eligibility`` and ``content``.
``check_loyalty`` and ``check_discount`` turn them into normal form (defaults filled in, numbers as plain text, trees
checked) or say everything that is wrong, each with its path. The admin, the REST API and imports all call them; the
rulebook compiles nothing else.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from promotions.engine.money import money_text, to_minor
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.tree import Problem, Reference, check_tree, checked_number, join_path

Document = dict[str, Any]

LOYALTY_TYPES = ("fixed_points", "points_multiplier", "bonus_points", "redeem_offer")
DISCOUNT_TYPES = ("amount", "percentage", "fixed_price", "free_product")
PRICE_ORDERS = ("cheapest", "most_expensive")
CONDITIONS = ("site_rules", "customer_rules", "transaction_rules", "line_item_rules")
LIMITS = ("total_redemption_limit", "customer_redemption_limit")
DISCOUNT_LIMITS = (*LIMITS, "transaction_redemption_limit")
ACTIVITY_INSERTS = ("promotion_name", "currency", "spend", "site_name")
MESSAGE_INSERTS = (
    "promotion_name",
    "short_description",
    "long_description",
    "confirmation_message",
    "terms_and_conditions",
    *(f"{name}_{n}" for name in ("link_url", "anchor_text", "image_url", "alt_text") for n in (1, 2, 3)),
)
MAXIMUM_LINKS = 3
MAXIMUM_SETS = 10
MAXIMUM_PRODUCTS = 1_000
MAXIMUM_APPLICATION_RULES = 10
MAXIMUM_UNITS = 1_000_000
MAXIMUM_POINTS = 1_000_000_000
MAXIMUM_LENGTHS = {"key": 64, "short": 200, "text": 20_000, "url": 2_000}

_INSERT = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


class InvalidDefinition(ValueError):
    """A definition with everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.detail}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A promotion's documents in normal form, its subtype, and the rows of other tables that it names."""

    type: str
    subtype: str
    outcome: Document
    eligibility: Document
    content: Document
    references: tuple[Reference, ...]


@dataclass(kw_only=True, slots=True)
class _Checks:
    """What a check has found so far."""

    catalogue_enabled: bool
    problems: list[Problem] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)

    def problem(self, path: str, code: str, detail: str) -> None:
        self.problems.append(Problem(path=path, code=code, detail=detail))

    def tree(self, value: object, scope: Scope, path: str) -> Document | None:
        tree, problems, references = check_tree(value, scope, path=path, catalogue_enabled=self.catalogue_enabled)
        self.problems += problems
        self.references += references
        return tree

    def only_catalogue_free(self, tree: Document | None, path: str) -> None:
        """Without a catalogue a product selection knows products by SKU alone."""
        if tree is None or self.catalogue_enabled:
            return
        for i, rule in enumerate(tree["rules"]):
            if rule is None:
                continue
            at = join_path(path, "rules", i)
            if "rules" in rule:
                self.only_catalogue_free(rule, at)
            elif rule["attribute"] != "sku":
                self.problem(
                    join_path(at, "attribute"),
                    "catalogue_disabled",
                    "Without a product catalogue products are selected by SKU alone.",
                )


class _Object:
    """Reads one object of a definition, key by key; what is left unread at the end is unknown."""

    def __init__(self, value: object, path: str, checks: _Checks) -> None:
        self.path, self.checks = path, checks
        self.unread: dict[str, Any] = {}
        if isinstance(value, Mapping):
            self.unread = dict(value)
        elif value is not None:
            checks.problem(path, "invalid", "Expected an object.")

    def at(self, name: str) -> str:
        return join_path(self.path, name)

    def take(self, name: str) -> Any:
        """What stands under a name, which is read then; None is nothing, as null is."""
        return self.unread.pop(name, None)

    def says(self, name: str) -> bool:
        """Whether there is something under a name; null and an empty text say nothing."""
        return self.unread.get(name) not in (None, "")

    def nothing(self, name: str, *, owner: str) -> None:
        """Take what only other types have."""
        if self.says(name):
            self.checks.problem(self.at(name), "not_of_type", f"{owner} has no such field.")
        self.take(name)

    def end(self, *, elsewhere: frozenset[str] = frozenset(), owner: str = "") -> None:
        for name in self.unread:
            if name in elsewhere:
                self.checks.problem(
                    self.at(str(name)), "not_of_type", f"A promotion of type {owner} has no such field."
                )
            else:
                self.checks.problem(self.at(str(name)), "unknown_field", "Unknown field.")

    def text(self, name: str, *, longest: int, inserts: tuple[str, ...] | None = None) -> str:
        value = self.take(name)
        if value is None:
            return ""
        if not isinstance(value, str) or "\x00" in value:
            self.checks.problem(self.at(name), "invalid", "Expected a text.")
            return ""
        if len(value) > longest:
            self.checks.problem(self.at(name), "max_length", f"Expected {longest} characters at most.")
        for insert in _INSERT.findall(value) if inserts is not None else ():
            if insert.strip() not in (inserts or ()):
                known = ", ".join(inserts or ())
                self.checks.problem(
                    self.at(name), "unknown_insert", f"Unknown insert {{{{{insert}}}}}; known are {known}."
                )
        return value

    def url(self, name: str) -> str:
        value = self.text(name, longest=MAXIMUM_LENGTHS["url"]).strip()
        if value and not _is_https(value):
            self.checks.problem(self.at(name), "invalid_url", "Only addresses that start with https:// are allowed.")
        return value

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.checks.problem(self.at(name), "invalid", "Expected true or false.")
            return default
        return value

    def choice(self, name: str, choices: tuple[str, ...], *, default: str | None = None) -> str:
        value = self.take(name)
        if value is None and default is not None:
            return default
        if value is None or value == "":
            self.checks.problem(self.at(name), "required", "This field is required.")
            return choices[0]
        if value not in choices:
            self.checks.problem(self.at(name), "invalid_choice", f"Must be one of {', '.join(choices)}.")
            return choices[0]
        return str(value)

    def whole(self, name: str, *, lowest: int, highest: int, default: int | None = None, digits: bool = False) -> int:
        value = self.optional_whole(name, lowest=lowest, highest=highest, digits=digits)
        if value is not None:
            return value
        if default is None:
            if not any(problem.path == self.at(name) for problem in self.checks.problems):
                self.checks.problem(self.at(name), "required", "This field is required.")
            return lowest
        return default

    def optional_whole(self, name: str, *, lowest: int, highest: int, digits: bool = False) -> int | None:
        """A whole number. Quantities may be ``digits`` of a text too, as on a till's lines; points and limits not."""
        value = self.take(name)
        if value is None:
            return None
        if digits and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            self.checks.problem(self.at(name), "invalid_number", f"Expected a whole number from {lowest} to {highest}.")
            return None
        return value

    def number(
        self, name: str, *, allowed: Callable[[Decimal], bool], expected: str, default: str | None = None
    ) -> str:
        value = self.take(name)
        if value is None or value == "":
            if default is None:
                self.checks.problem(self.at(name), "required", "This field is required.")
            return default or "1"
        try:
            text = checked_number(value)
        except ValueError as error:
            self.checks.problem(self.at(name), "invalid_number", str(error))
            return default or "1"
        if not allowed(Decimal(text)):
            self.checks.problem(self.at(name), "invalid_number", expected)
        return text

    def optional_money(self, name: str, *, currency: str, above_zero: bool = True) -> str | None:
        """An amount with exactly the decimals of its currency."""
        value = self.take(name)
        if value is None or value == "":
            return None
        try:
            amount = Decimal(checked_number(value))
            text = money_text(to_minor(amount, currency), currency)
        except ValueError as error:
            self.checks.problem(self.at(name), "invalid_number", f"{error}".removesuffix(".") + ".")
            return None
        if amount < 0 or (above_zero and not amount):
            expected = "above 0" if above_zero else "of 0 or more"
            self.checks.problem(self.at(name), "invalid_number", f"Expected an amount {expected}.")
        return text

    def money(self, name: str, *, currency: str, above_zero: bool = True) -> str | None:
        """An amount that must be there."""
        if not self.says(name):
            self.checks.problem(self.at(name), "required", "This field is required.")
        return self.optional_money(name, currency=currency, above_zero=above_zero)

    def objects(self, name: str, *, most: int) -> "list[_Object]":
        value = self.take(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.checks.problem(self.at(name), "invalid", "Expected a list.")
            return []
        if len(value) > most:
            self.checks.problem(self.at(name), "max_length", f"Expected {most} entries at most.")
        entries = []
        for i, one in enumerate(value[:most]):
            path = join_path(self.path, name, i)
            if one is None:  # it leaves a field out; an entry that says nothing would be a set of every product
                self.checks.problem(path, "invalid", "Expected an object.")
            else:
                entries.append(_Object(one, path, self.checks))
        return entries

    def optional_object(self, name: str) -> "_Object | None":
        value = self.take(name)
        if value is None:
            return None
        return _Object(value, self.at(name), self.checks)


def _is_https(value: str) -> bool:
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme == "https" and bool(host) and not re.search(r"[\s\"'<>\\\x00-\x1f]", value)


_OUTCOME_FIELDS = {
    "fixed_points": frozenset({"points"}),
    "points_multiplier": frozenset({"multiplier", "multiplier_scope"}),
    "bonus_points": frozenset({"issue_points_on", "conversion_units", "conversion_points", "whole_ratio_units_only"}),
    "redeem_offer": frozenset({"offer"}),
}


def check_loyalty(
    promotion_type: str,
    *,
    outcome: object,
    eligibility: object,
    content: object,
    catalogue_enabled: bool,
) -> Definition:
    """Check the documents of a loyalty promotion.

    Args:
        promotion_type: one of LOYALTY_TYPES.
        outcome: as sent; None is an empty object.
        eligibility: as sent.
        content: as sent.
        catalogue_enabled: whether the account has its product catalogue switched on.

    Raises:
        InvalidDefinition: with every problem found; paths begin with the document's name.
    """
    checks = _Checks(catalogue_enabled=catalogue_enabled)
    checked_outcome = _outcome(promotion_type, _Object(outcome, "outcome", checks))
    checked_eligibility = _eligibility(_Object(eligibility, "eligibility", checks))
    checked_content = _content(_Object(content, "content", checks))
    if checks.problems:
        raise InvalidDefinition(checks.problems)
    return Definition(
        type=promotion_type,
        subtype=checked_outcome.get("multiplier_scope") or checked_outcome.get("issue_points_on") or "",
        outcome=checked_outcome,
        eligibility=checked_eligibility,
        content=checked_content,
        references=tuple(checks.references),
    )


def check_discount(
    discount_type: str,
    *,
    outcome: object,
    eligibility: object,
    currency: str,
    catalogue_enabled: bool,
) -> Definition:
    """Check the documents of a discount, which has no content of its own.

    Args:
        discount_type: one of DISCOUNT_TYPES.
        outcome: as sent: ``value``, ``maximum_discount``, ``price_order`` and ``product_sets``.
        eligibility: as sent: the four trees of conditions, the three limits and ``always_apply``.
        currency: the discount's; its amounts have no more decimals, and in normal form exactly as many.
        catalogue_enabled: whether the account has its product catalogue switched on.

    Raises:
        InvalidDefinition: with every problem found; paths begin with the document's name.
    """
    checks = _Checks(catalogue_enabled=catalogue_enabled)
    checked_outcome = _discount_outcome(discount_type, _Object(outcome, "outcome", checks), currency)
    checked_eligibility = _discount_eligibility(_Object(eligibility, "eligibility", checks))
    if checks.problems:
        raise InvalidDefinition(checks.problems)
    personalized = any("personalized_promotion" in one for one in checked_outcome["product_sets"])
    return Definition(
        type=discount_type,
        subtype="personalized" if personalized else "product_sets",
        outcome=checked_outcome,
        eligibility=checked_eligibility,
        content=blank_content(),
        references=tuple(checks.references),
    )


def _outcome(promotion_type: str, sent: _Object) -> Document:
    checks = sent.checks
    outcome: Document = {}
    match promotion_type:
        case "fixed_points":
            outcome["points"] = sent.whole("points", lowest=1, highest=MAXIMUM_POINTS)
        case "points_multiplier":
            outcome["multiplier"] = sent.number(
                "multiplier",
                allowed=lambda number: Decimal(1) <= number <= Decimal(100),
                expected="A multiplier is at least 1 and at most 100.",
            )
            outcome["multiplier_scope"] = sent.choice("multiplier_scope", ("basket", "line_items"), default="basket")
        case "bonus_points":
            outcome["issue_points_on"] = sent.choice("issue_points_on", ("currency", "quantity"))
            outcome["conversion_units"] = sent.number(
                "conversion_units", allowed=lambda number: number > 0, expected="Expected a number above 0."
            )
            outcome["conversion_points"] = sent.whole("conversion_points", lowest=1, highest=MAXIMUM_POINTS)
            outcome["whole_ratio_units_only"] = sent.boolean("whole_ratio_units_only", default=True)
        case "redeem_offer":
            outcome["offer"] = sent.text("offer", longest=64)
            if outcome["offer"]:
                checks.references.append(Reference(kind="offer", key=outcome["offer"], path=sent.at("offer")))
            elif not checks.problems:
                checks.problem(sent.at("offer"), "required", "Choose the offer to be redeemed.")
        case _:
            checks.problem("type", "invalid_choice", f"Must be one of {', '.join(LOYALTY_TYPES)}.")
    outcome["activity_description"] = sent.text("activity_description", longest=500, inserts=ACTIVITY_INSERTS)
    outcome["activity_type"] = sent.text("activity_type", longest=100)
    outcome["redemption_message_subject"] = sent.text(
        "redemption_message_subject", longest=200, inserts=MESSAGE_INSERTS
    )
    outcome["redemption_message"] = sent.text(
        "redemption_message", longest=MAXIMUM_LENGTHS["text"], inserts=MESSAGE_INSERTS
    )
    outcome["product_selection"] = _product_selection(sent.optional_object("product_selection"))
    outcome["quantity_rule"] = _quantity_rule(sent.optional_object("quantity_rule"))
    outcome["pricing_rule"] = _pricing_rule(sent.optional_object("pricing_rule"))
    others = frozenset().union(*(names for name, names in _OUTCOME_FIELDS.items() if name != promotion_type))
    sent.end(elsewhere=others, owner=promotion_type)
    return outcome


def _product_selection(sent: _Object | None) -> Document:
    if sent is None:
        return {"match": "any", "sets": []}
    match = sent.choice("match", ("all", "any"), default="any")
    sets = []
    for one in sent.objects("sets", most=MAXIMUM_SETS):
        tree = one.checks.tree(one.take("rules"), Scope.LINE_ITEM, one.at("rules"))
        one.checks.only_catalogue_free(tree, one.at("rules"))
        sets.append(
            {
                "name": one.text("name", longest=MAXIMUM_LENGTHS["short"]),
                "rules": tree,
                "units": one.whole("units", lowest=1, highest=MAXIMUM_UNITS, default=1, digits=True),
            }
        )
        one.end()
    sent.end()
    return {"match": match, "sets": sets}


def _quantity_rule(sent: _Object | None) -> Document | None:
    if sent is None or not sent.unread:
        return None
    rule = {
        "apply_to": sent.choice("apply_to", ("all", "every", "first")),
        "units": sent.whole("units", lowest=1, highest=MAXIMUM_UNITS, default=1, digits=True),
    }
    sent.end()
    return rule


def _pricing_rule(sent: _Object | None) -> Document | None:
    if sent is None or not sent.unread:
        return None
    rule = {
        "order": sent.choice("order", PRICE_ORDERS, default="cheapest"),
        "by": sent.choice("by", ("inc_tax", "ex_tax", "tax"), default="inc_tax"),
    }
    sent.end()
    return rule


def _discount_outcome(discount_type: str, sent: _Object, currency: str) -> Document:
    value = _discount_value(discount_type, sent, currency)
    maximum = None
    if discount_type == "percentage":
        maximum = sent.optional_money("maximum_discount", currency=currency)
    else:
        sent.nothing("maximum_discount", owner=f"A discount of type {discount_type}")
    outcome = {
        "value": value,
        "maximum_discount": maximum,
        "price_order": sent.choice("price_order", PRICE_ORDERS, default="cheapest"),
        "product_sets": _discount_sets(sent, currency),
    }
    sent.end()
    return outcome


def _discount_value(discount_type: str, sent: _Object, currency: str) -> str | None:
    match discount_type:
        case "amount":
            return sent.money("value", currency=currency)
        case "percentage":
            return sent.number(
                "value",
                allowed=lambda number: 0 < number <= 100,
                expected="Expected a percentage above 0 and of 100 at most.",
            )
        case "fixed_price":
            return sent.money("value", currency=currency, above_zero=False)
        case "free_product":
            sent.nothing("value", owner="A discount of type free_product")
        case _:
            sent.take("value")
            sent.checks.problem("type", "invalid_choice", f"Must be one of {', '.join(DISCOUNT_TYPES)}.")
    return None


def _discount_sets(sent: _Object, currency: str) -> list[Document]:
    at = sent.at("product_sets")
    if sent.unread.get("product_sets") in (None, []):
        sent.checks.problem(at, "required", "A discount has at least one product set.")
    sets = [_discount_set(one, currency) for one in sent.objects("product_sets", most=MAXIMUM_SETS)]
    if sets and not any(one["gets_discount"] for one in sets):
        sent.checks.problem(at, "no_discounted_set", "At least one product set must get the discount.")
    return sets


def _discount_set(sent: _Object, currency: str) -> Document:
    source = _source(sent)
    gets_discount = sent.boolean("gets_discount", default=True)
    by_spend = sent.says("required_spend")
    if by_spend and sent.says("required_quantity"):
        sent.checks.problem(
            sent.at("required_spend"), "not_together", "A product set requires a quantity or a spend, not both."
        )
    quantity = sent.optional_whole("required_quantity", lowest=1, highest=MAXIMUM_UNITS, digits=True)
    checked = {
        "name": sent.text("name", longest=MAXIMUM_LENGTHS["short"]),
        **source,
        "required_quantity": None if by_spend else quantity or 1,
        "required_spend": sent.optional_money("required_spend", currency=currency),
        "gets_discount": gets_discount,
    }
    checked["discounted_quantity"] = _discounted_quantity(sent, gets_discount, checked["required_quantity"])
    checked["default_product"] = _default_product(sent, checked)
    sent.end()
    return checked


def _source(sent: _Object) -> Document:
    """Where the products of a set come from; empty rules beside another source are no source."""
    sources = ("rules", "products", "personalized_promotion")
    expected = "A product set has one source: rules, products or a personalized promotion."
    said = {name: sent.take(name) for name in sources if name in sent.unread}
    named = [name for name, value in said.items() if value is not None and not (name == "rules" and value == {})]
    if len(named) > 1:
        sent.checks.problem(sent.path, "one_source", expected)
        return {}
    match named:
        case ["products"]:
            return {"products": _products(sent.checks, said["products"], sent.at("products"))}
        case ["personalized_promotion"]:
            return {name: _named(sent.checks, said[name], kind=name, path=sent.at(name)) for name in named}
    if "rules" not in said:
        sent.checks.problem(sent.path, "required", expected)
        return {}
    tree = sent.checks.tree(said["rules"], Scope.LINE_ITEM, sent.at("rules"))
    sent.checks.only_catalogue_free(tree, sent.at("rules"))
    return {"rules": tree}


def _products(checks: _Checks, value: object, path: str) -> list[str]:
    if not isinstance(value, list):
        checks.problem(path, "invalid", "Expected a list of SKUs.")
        return []
    if not value:
        checks.problem(path, "required", "Name at least one product.")
    if len(value) > MAXIMUM_PRODUCTS:
        checks.problem(path, "max_length", f"Expected {MAXIMUM_PRODUCTS} products at most.")
        return []
    keys = [_named(checks, one, kind="product", path=join_path(path, i)) for i, one in enumerate(value)]
    return list(dict.fromkeys(keys))


def _named(checks: _Checks, value: object, *, kind: str, path: str) -> str:
    """The key of a row of another table; without a catalogue any SKU is taken."""
    if not isinstance(value, str) or not value.strip() or "\x00" in value or len(value) > MAXIMUM_LENGTHS["key"]:
        checks.problem(path, "invalid", f"Expected a key of 1 to {MAXIMUM_LENGTHS['key']} characters.")
        return ""
    if kind != "product" or checks.catalogue_enabled:
        checks.references.append(Reference(kind=kind, key=value, path=path))
    return value


def _discounted_quantity(sent: _Object, gets_discount: bool, required_quantity: int | None) -> int | None:
    """How many units of a matching set are discounted; None, of a set with a required spend: all of them."""
    at = sent.at("discounted_quantity")
    discounted = sent.optional_whole(
        "discounted_quantity", lowest=int(gets_discount), highest=MAXIMUM_UNITS, digits=True
    )
    if not gets_discount:
        if discounted:
            sent.checks.problem(at, "not_discounted", "A product set that does not get the discount has none of these.")
        return 0
    if discounted is None:
        return required_quantity
    if required_quantity is not None and discounted > required_quantity:
        sent.checks.problem(
            at, "above_required_quantity", f"At most the required quantity, which is {required_quantity}."
        )
    return discounted


def _default_product(sent: _Object, product_set: Document) -> str | None:
    """The product that a till adds, or that is chosen for a consumer who has not chosen."""
    at = sent.at("default_product")
    value = sent.take("default_product")
    if value is None or value == "":
        return None
    if not product_set["gets_discount"] and "personalized_promotion" not in product_set:
        sent.checks.problem(at, "not_discounted", "A product set that only qualifies has no default product.")
        return None
    sku = _named(sent.checks, value, kind="product", path=at)
    if sku and sku not in product_set.get("products", (sku,)):
        sent.checks.problem(at, "not_in_set", "The default product is one of the set's products.")
    return sku


def _discount_eligibility(sent: _Object) -> Document:
    for name in ("application_rules", "control_group"):
        if sent.unread.get(name) == []:
            sent.take(name)
        sent.nothing(name, owner="A discount")
    eligibility = {
        **_qualification(sent),
        "application_rules": [],
        "control_group": None,
        **_limits(sent, DISCOUNT_LIMITS),
        "always_apply": sent.boolean("always_apply", default=False),
    }
    sent.end()
    return eligibility


def _eligibility(sent: _Object) -> Document:
    eligibility = _qualification(sent)
    eligibility["application_rules"] = [
        _application_rule(one) for one in sent.objects("application_rules", most=MAXIMUM_APPLICATION_RULES)
    ]
    eligibility["control_group"] = _control_group(sent.optional_object("control_group"))
    eligibility |= _limits(sent, LIMITS)
    eligibility["always_apply"] = sent.boolean("always_apply", default=False)
    sent.end()
    return eligibility


def _qualification(sent: _Object) -> Document:
    trees: Document = {}
    for name, scope in zip(CONDITIONS, (Scope.SITE, Scope.CUSTOMER, Scope.TRANSACTION, Scope.LINE_ITEM), strict=True):
        trees[name] = sent.checks.tree(sent.take(name), scope, sent.at(name))
    return trees


def _limits(sent: _Object, names: tuple[str, ...]) -> Document:
    return {name: sent.optional_whole(name, lowest=1, highest=2_000_000_000) for name in names}


def _application_rule(sent: _Object) -> Document:
    rule = {
        "measure": sent.choice("measure", ("transactions", "quantity", "spend")),
        "threshold": sent.number("threshold", allowed=lambda number: number > 0, expected="Expected a number above 0."),
        "period": _period(sent.optional_object("period"), sent),
        "line_item_rules": sent.checks.tree(sent.take("line_item_rules"), Scope.LINE_ITEM, sent.at("line_item_rules")),
        "counting": sent.choice("counting", ("reached", "every"), default="reached"),
    }
    sent.end()
    return rule


def _period(sent: _Object | None, rule: _Object) -> Document:
    if sent is None:
        rule.checks.problem(rule.at("period"), "required", "This field is required.")
        return {"unit": "promotion", "length": None}
    unit = sent.choice("unit", ("days", "weeks", "months", "promotion"))
    if unit == "promotion":
        length = None
        sent.take("length")
    else:
        length = sent.whole("length", lowest=1, highest=3650)
    sent.end()
    return {"unit": unit, "length": length}


def _control_group(sent: _Object | None) -> Document | None:
    if sent is None or not sent.unread:
        return None
    group = sent.text("group", longest=64)
    if group:
        sent.checks.references.append(Reference(kind="group", key=group, path=sent.at("group")))
    else:
        sent.checks.problem(sent.at("group"), "required", "This field is required.")
    percentage = sent.number(
        "percentage",
        allowed=lambda number: 0 <= number <= 100,
        expected="Expected a percentage from 0 to 100.",
    )
    sent.end()
    return {"group": group, "percentage": percentage}


def blank_content() -> Document:
    """A content document that says nothing, in normal form."""
    return _content(_Object(None, "content", _Checks(catalogue_enabled=True)))


def _content(sent: _Object) -> Document:
    longest = MAXIMUM_LENGTHS["text"]
    content: Document = {
        "short_description": sent.text("short_description", longest=500),
        "long_description": sent.text("long_description", longest=longest),
        "confirmation_message": sent.text("confirmation_message", longest=1000),
        "terms_and_conditions": sent.text("terms_and_conditions", longest=longest),
    }
    for name, address, text in (("links", "url", "anchor_text"), ("images", "url", "alt_text")):
        entries = []
        for one in sent.objects(name, most=MAXIMUM_LINKS):
            entry = {address: one.url(address), text: one.text(text, longest=MAXIMUM_LENGTHS["short"])}
            if entry[text] and not entry[address]:
                one.checks.problem(one.at(address), "required", "A text needs its address.")
            one.end()
            if entry[address]:
                entries.append(entry)
        content[name] = entries
    sent.end()
    return content
