"""Rule trees as parts of a sentence: "in the group Gold members", "at Leeds or York", "Chocolate or Pastries".

Each condition becomes a phrase that follows its noun. Phrases are joined by ", and" or ", or", the values inside one by
"and" or "or" alone, and a group inside a group is in brackets, so that a sentence has one reading.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promotions.admin.rules.wording import EMPTY, PLAIN, UNREADABLE, Wording, describe_value, format_value
from promotions.engine.rules.attributes import ATTRIBUTES, Attribute, Kind, Operator, Scope
from promotions.engine.rules.tree import COMPARABLE, Tree, without_empty_groups


@dataclass(frozen=True, kw_only=True)
class TextFrame:
    """How a text or reference is said.

    ``being`` holds its values, ``not_being`` by default puts "not" before it; ``subject`` is followed by "contains" or
    "starts with". ``all_of`` and ``not_all_of`` are those of an attribute with many values.
    """

    being: str
    subject: str
    not_being: str = ""
    all_of: str = ""
    not_all_of: str = ""


_TEXTS: Mapping[str, TextFrame] = {
    "site_name": TextFrame(being="named {}", not_being="whose name is not {}", subject="whose name"),
    "site_number": TextFrame(being="with the number {}", not_being="whose number is not {}", subject="whose number"),
    "address_line_1": TextFrame(being="at the address {}", subject="whose address"),
    "town": TextFrame(being="in the town of {}", subject="whose town"),
    "county": TextFrame(being="in the county of {}", subject="whose county"),
    "postcode": TextFrame(being="with the postcode {}", not_being="whose postcode is not {}", subject="whose postcode"),
    "groups": TextFrame(
        being="in the group {}",
        subject="in a group that",
        all_of="in the groups {}",
        not_all_of="not in all of the groups {}",
    ),
    "home_site": TextFrame(
        being="whose home site is {}", not_being="whose home site is not {}", subject="whose home site"
    ),
    "payment_card_type": TextFrame(being="paying with {}", subject="whose payment card type"),
    "source": TextFrame(being="with the source {}", not_being="whose source is not {}", subject="whose source"),
    "loyalty_card_type": TextFrame(
        being="with the loyalty card type {}",
        not_being="whose loyalty card type is not {}",
        subject="whose loyalty card type",
    ),
    "product": TextFrame(being="that are {}", not_being="other than {}", subject="whose product"),
    "sku": TextFrame(being="with the SKU {}", not_being="other than SKU {}", subject="whose SKU"),
    "program_brand": TextFrame(being="of the program brand {}", subject="whose program brand"),
    "product_brand": TextFrame(being="of the brand {}", subject="whose brand"),
    "category": TextFrame(being="in the category {}", subject="whose category"),
    "labels": TextFrame(
        being="labelled {}",
        subject="with a label that",
        all_of="labelled with all of {}",
        not_all_of="not labelled with all of {}",
    ),
}

_NUMBERS: Mapping[str, str] = {
    "quantity": "of which they buy {}",
    "cost_price": "with a cost price of {}",
    "retail_price": "with a retail price of {}",
    "profit_margin": "with a profit margin of {}",
    "points_balance": "with a balance of {}",
    "total_inc_tax": "whose total before discounts is {}",
    "total_ex_tax": "whose total excl. tax before discounts is {}",
}
_UNITS: Mapping[str, tuple[str, str]] = {
    "quantity": (" unit", " units"),
    "points_balance": (" point", " points"),
    "profit_margin": ("%", "%"),
}
_COMPARISONS = {
    Operator.IS: "exactly {}",
    Operator.IS_NOT: "anything but {}",
    Operator.IS_GREATER_THAN: "more than {}",
    Operator.IS_AT_LEAST: "at least {}",
    Operator.IS_LESS_THAN: "less than {}",
    Operator.IS_AT_MOST: "at most {}",
    Operator.IS_BETWEEN: "between {} and {}",
}


@dataclass(frozen=True, kw_only=True)
class DateFrame:
    """How a date is said: ``did`` and ``did_not`` are followed by a day, the others by a number of days."""

    did: str
    did_not: str
    recently: str = ""
    not_recently: str = ""


_DATES: Mapping[str, DateFrame] = {
    "enrolled_on": DateFrame(did="who joined", did_not="who did not join"),
    "date_of_birth": DateFrame(did="born", did_not="not born"),
    "last_transaction_on": DateFrame(
        did="who last shopped",
        did_not="who did not last shop",
        recently="who have shopped",
        not_recently="who have not shopped",
    ),
    "last_offer_redeemed_on": DateFrame(
        did="who last redeemed an offer",
        did_not="who did not last redeem an offer",
        recently="who have redeemed an offer",
        not_recently="who have not redeemed an offer",
    ),
    "last_promotion_redeemed_on": DateFrame(
        did="who last redeemed a promotion",
        did_not="who did not last redeem a promotion",
        recently="who have redeemed a promotion",
        not_recently="who have not redeemed a promotion",
    ),
    "transaction_date": DateFrame(did="shopping", did_not="not shopping"),
}
_RECURRING = {"membership_anniversary": "whose membership anniversary is", "birthday": "whose birthday is"}

_DAYS = {
    Operator.IS: "on {}",
    Operator.IS_NOT: "on {}",
    Operator.IS_BEFORE: "before {}",
    Operator.IS_AFTER: "after {}",
    Operator.IS_BETWEEN: "between {} and {}",
}
_NEGATIVE = {Operator.IS_NOT, Operator.IS_NOT_ANY_OF}
_ALL_OF = {Operator.IS_ALL_OF, Operator.IS_NOT_ALL_OF}
_UNMISTAKABLE = re.compile(r"[\w&'’/+-]+( [\w&'’/+-]+)*")
_JOINTS = frozenset(
    (
        *(
            "a",
            "all",
            "and",
            "any",
            "at",
            "before",
            "between",
            "born",
            "bought",
            "bundle",
            "but",
            "buy",
            "every",
            "for",
        ),
        *(
            "from",
            "get",
            "in",
            "not",
            "of",
            "on",
            "once",
            "or",
            "other",
            "per",
            "products",
            "sku",
            "spend",
            "that",
            "they",
        ),
        *("this", "unit", "units", "until", "who", "whose", "with", "within"),
    )
)
"""Words that would be read as part of the sentence."""


def mention(text: str) -> str:
    """Return a value as a sentence has it: in quotation marks where it would be read as part of the sentence."""
    plain = _UNMISTAKABLE.fullmatch(text) and not _JOINTS.intersection(text.casefold().split())
    return text if plain or text == "…" else f"“{text}”"


def enumerate_texts(texts: Sequence[str], joint: str = "or") -> str:
    """Join texts as a sentence does: "A, B or C"."""
    return f" {joint} ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:]))) or "…"


def bracketed(words: str, *, among_others: bool = False) -> str:
    """Put brackets around a phrase of several parts, as the sentence goes on after it.

    ``among_others``: further products follow after "or", which would be read as values of its last part.
    """
    if words.startswith("“"):
        return words
    several = re.search(", (and|or) ", words) or (among_others and words.startswith(("products ", "SKU ")))
    return f"({words})" if several else words


# --- trees -----------------------------------------------------------------------------------------------------------


def describe_rules(tree: Tree | None, scope: Scope, wording: Wording = PLAIN) -> str:
    """Describe a tree as it stands in a sentence; empty where it is always satisfied.

    Sites are "at Leeds or York", line items are "Chocolate or Pastries"; the others follow their noun.

    Raises:
        UNREADABLE: the tree is far from normal form.
    """
    asked = without_empty_groups(tree) if tree else None
    if asked is None:
        return ""
    while len(asked["rules"]) == 1 and "rules" in asked["rules"][0]:
        (asked,) = asked["rules"]
    match scope:
        case Scope.SITE:
            return _places(asked, wording)
        case Scope.LINE_ITEM:
            return _products(asked, wording)
        case _:
            return _group(asked, scope, wording)


_WHOLE: Mapping[Scope, str] = {Scope.CUSTOMER: "customers {}", Scope.TRANSACTION: "customers {}"}


def describe_tree(tree: Tree | None, scope: Scope, wording: Wording = PLAIN) -> str:
    """Describe a tree where it is not part of a sentence: "customers paying with Visa", or that all qualify.

    Raises:
        UNREADABLE: the tree is far from normal form.
    """
    words = describe_rules(tree, scope, wording) if tree and tree.get("rules") else ""
    return _WHOLE.get(scope, "{}").format(words) if words else EMPTY[scope]


def _group(tree: Tree, scope: Scope, wording: Wording) -> str:
    joint = ", and " if tree["match"] == "all" else ", or "
    return joint.join(_part(rule, scope, wording) for rule in tree["rules"])


def _part(rule: Tree, scope: Scope, wording: Wording) -> str:
    if "rules" not in rule:
        return _condition(rule, scope, wording)
    if len(rule["rules"]) == 1:
        return _part(rule["rules"][0], scope, wording)
    return f"({_group(rule, scope, wording)})"


def _only_values(tree: Tree, wording: Wording, *names: str) -> tuple[str, bool, str]:
    """Return attribute, whether it is negated, and its values, of a tree that is one condition on one of ``names``."""
    node = tree
    while "rules" in node and len(node["rules"]) == 1:
        (node,) = node["rules"]
    operator = node.get("operator")
    if node.get("attribute") not in names or operator not in {"is", "is_any_of", "is_not", "is_not_any_of"}:
        return "", False, ""
    attribute = next(
        attributes[node["attribute"]] for attributes in ATTRIBUTES.values() if node["attribute"] in attributes
    )
    return attribute.name, operator in _NEGATIVE, enumerate_texts(_texts(attribute, node["value"], wording))


def _places(tree: Tree, wording: Wording) -> str:
    name, negated, values = _only_values(tree, wording, "site_name", "site_number")
    number = "site " if name == "site_number" else ""
    if name:
        return f"at any site except {number}{values}" if negated else f"at {number}{values}"
    return f"at sites {_group(tree, Scope.SITE, wording)}"


def _products(tree: Tree, wording: Wording) -> str:
    name, negated, values = _only_values(tree, wording, "category", "product", "sku")
    if name and not negated:
        return f"SKU {values}" if name == "sku" else values
    return f"products {_group(tree, Scope.LINE_ITEM, wording)}"


_MISSING: Mapping[Scope, str] = {
    Scope.SITE: "It applies only {}.",
    Scope.CUSTOMER: "It is only for customers {}.",
    Scope.TRANSACTION: "It is only for customers {}.",
    Scope.LINE_ITEM: "The basket must contain {}.",
}


def describe_missing(rule: Tree, scope: Scope, wording: Wording = PLAIN) -> str:
    """Describe the condition or group that a basket lacked, as a sentence; empty where it cannot be read."""
    tree = rule if "rules" in rule else {"match": "all", "rules": [rule]}
    try:
        words = describe_rules(tree, scope, wording)
    except UNREADABLE:
        return ""
    return _MISSING[scope].format(words) if words else ""


# --- conditions ------------------------------------------------------------------------------------------------------


def _condition(condition: Tree, scope: Scope, wording: Wording) -> str:
    attribute = ATTRIBUTES[scope][condition["attribute"]]
    operator, value = Operator(condition["operator"]), condition["value"]
    if operator not in attribute.operators:
        raise ValueError(operator)
    match attribute.kind:
        case Kind.BOOLEAN:
            return "who are loyalty members" if value else "who are not loyalty members"
        case Kind.NUMBER | Kind.MONEY:
            return _NUMBERS[attribute.name].format(_comparison(attribute, operator, value, wording))
        case Kind.DATE:
            return _date(attribute, operator, value, wording)
        case Kind.RECURRING_DAY:
            return f"{_RECURRING[attribute.name]} {_recurrence(operator, value)}"
        case Kind.TIME:
            return f"shopping {_DAYS[operator].format(*_texts(attribute, value, wording))}"
        case Kind.WEEKDAY:
            no = "not " if operator in _NEGATIVE else ""
            return f"{no}shopping on {enumerate_texts(_texts(attribute, value, wording))}"
        case _:
            return _text(_TEXTS[attribute.name], operator, _texts(attribute, value, wording))


def _text(frame: TextFrame, operator: Operator, texts: Sequence[str]) -> str:
    if operator is Operator.CONTAINS:
        return f"{frame.subject} contains {enumerate_texts(texts)}"
    if operator is Operator.STARTS_WITH:
        return f"{frame.subject} starts with {enumerate_texts(texts)}"
    not_being = frame.not_being or f"not {frame.being}"
    if operator in _ALL_OF and len(texts) > 1:
        positive = frame.all_of or f"{frame.subject} is all of {{}}"
        negative = frame.not_all_of or f"{frame.subject} is not all of {{}}"
        return (positive if operator is Operator.IS_ALL_OF else negative).format(enumerate_texts(texts, "and"))
    negated = operator in _NEGATIVE or operator is Operator.IS_NOT_ALL_OF
    return (not_being if negated else frame.being).format(enumerate_texts(texts))


def _comparison(attribute: Attribute, operator: Operator, value: Any, wording: Wording) -> str:
    texts = _texts(attribute, value, wording)
    if attribute.kind is Kind.MONEY:
        unit = f" {wording.unit(attribute)}"
    else:
        singular, plural = _UNITS[attribute.name]
        unit = singular if texts[-1] == "1" else plural
    return f"{_COMPARISONS[operator].format(*texts)}{unit.rstrip()}"


def _date(attribute: Attribute, operator: Operator, value: Any, wording: Wording) -> str:
    frame = _DATES[attribute.name]
    negated = operator in {Operator.IS_NOT, Operator.IS_NOT_IN_LAST_DAYS}
    if operator in {Operator.IS_IN_LAST_DAYS, Operator.IS_NOT_IN_LAST_DAYS}:
        verb = (frame.not_recently or frame.did_not) if negated else (frame.recently or frame.did)
        return f"{verb} in the last {describe_span(value, 'day')}"
    verb = frame.did_not if negated else frame.did
    return f"{verb} {_DAYS[operator].format(*_texts(attribute, value, wording))}"


def _recurrence(operator: Operator, value: Any) -> str:
    match operator:
        case Operator.IS_TODAY:
            return "today"
        case Operator.IS_THIS_MONTH:
            return "this month"
        case _:
            return f"within {describe_span(value, 'day', one='a day')} of today"


def describe_span(length: object, unit: str, *, one: str = "") -> str:
    """Format a length of time, as in "3 days"; a single unit is ``one``, by default the unit alone."""
    return (one or unit) if str(length) == "1" else f"{describe_value(length)} {unit}s"


def _texts(attribute: Attribute, value: Any, wording: Wording) -> list[str]:
    """Return the values of a condition as the sentence has them."""
    values = value if isinstance(value, list | tuple) else [value]
    if attribute.kind in {Kind.TEXT, Kind.TEXTS, Kind.REFERENCE, Kind.REFERENCES}:
        # Values that compare as equal are said once.
        distinct = {COMPARABLE[attribute.kind](entry): entry for entry in reversed(values)}
        return [_named(attribute, entry, wording) for entry in reversed(distinct.values())]
    texts = [format_value(attribute, entry, wording) for entry in values] or ["…"]
    return list(dict.fromkeys(texts)) if attribute.kind is Kind.WEEKDAY else texts


def _named(attribute: Attribute, value: Any, wording: Wording) -> str:
    if attribute.reference == "product":
        return describe_product(value, wording)
    name = wording.names.get((attribute.reference, value)) if attribute.reference else None
    return mention(name or describe_value(value))


def describe_product(sku: object, wording: Wording) -> str:
    """Describe a product by its name and SKU, or by its SKU alone where the catalogue has no name."""
    name = wording.names.get(("product", str(sku)))
    return f"{mention(name)} ({sku})" if name else f"SKU {mention(describe_value(sku))}"
