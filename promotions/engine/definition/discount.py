"""Check the definition of a discount."""

from promotions.engine.definition.content import blank_content
from promotions.engine.definition.eligibility import read_discount_eligibility
from promotions.engine.definition.fields import (
    DISCOUNT_TYPES,
    MAX_LENGTHS,
    MAX_PRODUCT_SETS,
    MAX_PRODUCTS_IN_SET,
    MAX_UNITS,
    PRICE_ORDERS,
)
from promotions.engine.definition.reader import Definition, Document, Findings, InvalidDefinition, ObjectReader
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.problems import Reference, join_path


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
    checks = Findings(catalogue_enabled=catalogue_enabled)
    checked_outcome = _discount_outcome(discount_type, ObjectReader(outcome, "outcome", checks), currency)
    checked_eligibility = read_discount_eligibility(ObjectReader(eligibility, "eligibility", checks))
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


def _discount_outcome(discount_type: str, sent: ObjectReader, currency: str) -> Document:
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


def _discount_value(discount_type: str, sent: ObjectReader, currency: str) -> str | None:
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


def _discount_sets(sent: ObjectReader, currency: str) -> list[Document]:
    at = sent.at("product_sets")
    if sent.unread.get("product_sets") in (None, []):
        sent.checks.problem(at, "required", "A discount has at least one product set.")
    sets = [_discount_set(one, currency) for one in sent.objects("product_sets", most=MAX_PRODUCT_SETS)]
    if sets and not any(one["gets_discount"] for one in sets):
        sent.checks.problem(at, "no_discounted_set", "At least one product set must get the discount.")
    return sets


def _discount_set(sent: ObjectReader, currency: str) -> Document:
    source = _source(sent)
    gets_discount = sent.boolean("gets_discount", default=True)
    by_spend = sent.says("required_spend")
    if by_spend and sent.says("required_quantity"):
        sent.checks.problem(
            sent.at("required_spend"), "not_together", "A product set requires a quantity or a spend, not both."
        )
    quantity = sent.optional_whole("required_quantity", lowest=1, highest=MAX_UNITS, digits=True)
    checked = {
        "name": sent.text("name", longest=MAX_LENGTHS["short"]),
        **source,
        "required_quantity": None if by_spend else quantity or 1,
        "required_spend": sent.optional_money("required_spend", currency=currency),
        "gets_discount": gets_discount,
    }
    checked["discounted_quantity"] = _discounted_quantity(sent, gets_discount, checked["required_quantity"])
    checked["default_product"] = _default_product(sent, checked)
    sent.end()
    return checked


def _source(sent: ObjectReader) -> Document:
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


def _products(checks: Findings, value: object, path: str) -> list[str]:
    if not isinstance(value, list):
        checks.problem(path, "invalid", "Expected a list of SKUs.")
        return []
    if not value:
        checks.problem(path, "required", "Name at least one product.")
    if len(value) > MAX_PRODUCTS_IN_SET:
        checks.problem(path, "max_length", f"Expected {MAX_PRODUCTS_IN_SET} products at most.")
        return []
    keys = [_named(checks, one, kind="product", path=join_path(path, i)) for i, one in enumerate(value)]
    return list(dict.fromkeys(keys))


def _named(checks: Findings, value: object, *, kind: str, path: str) -> str:
    """The key of a row of another table; without a catalogue any SKU is taken."""
    if not isinstance(value, str) or not value.strip() or "\x00" in value or len(value) > MAX_LENGTHS["key"]:
        checks.problem(path, "invalid", f"Expected a key of 1 to {MAX_LENGTHS['key']} characters.")
        return ""
    if kind != "product" or checks.catalogue_enabled:
        checks.references.append(Reference(kind=kind, key=value, path=path))
    return value


def _discounted_quantity(sent: ObjectReader, gets_discount: bool, required_quantity: int | None) -> int | None:
    """How many units of a matching set are discounted; None, of a set with a required spend: all of them."""
    at = sent.at("discounted_quantity")
    discounted = sent.optional_whole("discounted_quantity", lowest=int(gets_discount), highest=MAX_UNITS, digits=True)
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


def _default_product(sent: ObjectReader, product_set: Document) -> str | None:
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
