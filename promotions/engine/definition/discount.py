"""Check the definition of a discount."""

from collections.abc import Mapping

from promotions.engine.definition.budgets import NO_BUDGETS, read_budget, read_customer_budget
from promotions.engine.definition.content import read_content
from promotions.engine.definition.eligibility import read_discount_eligibility
from promotions.engine.definition.fields import (
    DISCOUNT_OUTCOME,
    DISCOUNT_TYPES,
    MAX_NAME_LENGTH,
    MAX_PRODUCT_SETS,
    MAX_PRODUCTS_IN_SET,
    MAX_UNITS,
    PRICE_ORDERS,
    Document,
)
from promotions.engine.definition.reader import Definition, Findings, InvalidDefinition, ObjectReader, read_key
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.problems import join_path

_SOURCES = ("rules", "products", "personalized_promotion")


def check_discount(
    discount_type: str,
    *,
    outcome: object,
    eligibility: object,
    content: object = None,
    budgets: Mapping[str, object] = NO_BUDGETS,
    currency: str,
    catalogue_enabled: bool,
) -> Definition:
    """Check the documents of a discount.

    Args:
        discount_type: one of DISCOUNT_TYPES.
        outcome: as sent: ``value``, ``maximum_discount``, ``price_order`` and ``product_sets``.
        eligibility: as sent: the four trees of conditions, the three limits and ``always_apply``.
        content: as sent; None is an empty object.
        budgets: as sent, under the names of BUDGETS; left out or None are none.
        currency: the discount's; its amounts have no more decimals, and in normal form exactly as many.
        catalogue_enabled: whether the account has its product catalogue switched on.

    Raises:
        InvalidDefinition: with every problem; paths begin with the document's name.
    """
    findings = Findings(catalogue_enabled=catalogue_enabled)
    checked_outcome = _read_outcome(discount_type, ObjectReader(outcome, "outcome", findings), currency)
    checked_eligibility = read_discount_eligibility(ObjectReader(eligibility, "eligibility", findings))
    checked_content = read_content(ObjectReader(content, "content", findings))
    budget = read_budget(budgets.get("budget"), currency=currency, findings=findings)
    customer_budget = read_customer_budget(budgets.get("customer_budget"), currency=currency, findings=findings)
    if findings.problems:
        raise InvalidDefinition(findings.problems)
    is_personalized = any("personalized_promotion" in document for document in checked_outcome["product_sets"])
    return Definition(
        type=discount_type,
        subtype="personalized" if is_personalized else "product_sets",
        outcome=checked_outcome,
        eligibility=checked_eligibility,
        content=checked_content,
        references=tuple(findings.references),
        budget=budget,
        customer_budget=customer_budget,
    )


def _read_outcome(discount_type: str, sent: ObjectReader, currency: str) -> Document:
    value = _read_value(discount_type, sent, currency)
    maximum = None
    if discount_type in DISCOUNT_OUTCOME["maximum_discount"].types:
        maximum = sent.optional_money("maximum_discount", currency=currency)
    else:
        sent.refuse("maximum_discount", owner=f"A discount of type {discount_type}")
    outcome = {
        "value": value,
        "maximum_discount": maximum,
        "price_order": sent.choice("price_order", PRICE_ORDERS, default="cheapest"),
        "product_sets": _read_product_sets(discount_type, sent, currency),
    }
    sent.finish()
    return outcome


def _read_value(discount_type: str, sent: ObjectReader, currency: str) -> str | None:
    match discount_type:
        case "amount":
            return sent.money("value", currency=currency)
        case "percentage":
            return sent.number(
                "value",
                allowed=lambda number: 0 < number <= 100,
                expected="Must be a percentage above 0 and at most 100.",
            )
        case "fixed_price":
            return sent.money("value", currency=currency, above_zero=False)
        case "free_product":
            sent.refuse("value", owner="A discount of type free_product")
        case _:
            sent.take("value")
            sent.findings.add_problem("type", "invalid_choice", f"Must be one of {', '.join(DISCOUNT_TYPES)}.")
    return None


def _read_product_sets(discount_type: str, sent: ObjectReader, currency: str) -> list[Document]:
    if sent.unread.get("product_sets") in (None, []):
        sent.add_problem("product_sets", "required", "Add at least one product set.")
    readers = sent.objects("product_sets", max_entries=MAX_PRODUCT_SETS)
    sets = [_read_product_set(reader, currency) for reader in readers]
    if sets and not any(product_set["gets_discount"] for product_set in sets):
        sent.add_problem("product_sets", "no_discounted_set", "At least one product set must get the discount.")
    for reader, product_set in zip(readers, sets, strict=True):
        if product_set.get("repeats") and (problem := _repeats_problem(discount_type, product_set, sets=len(sets))):
            reader.add_problem("repeats", "invalid", problem)
    return sets


def _repeats_problem(discount_type: str, product_set: Document, *, sets: int) -> str:
    """Return why a product set cannot repeat its required spend; empty where it can."""
    if product_set["required_spend"] is None:
        return "Only a required spend can repeat. Enter one, or do not repeat it."
    if discount_type != "amount":
        return "A required spend can repeat only in an amount-off discount."
    if sets > 1:
        return "A required spend can repeat only if the discount has no other product set."
    if product_set["discounted_quantity"] is not None:
        return "A required spend that repeats discounts all units: leave the number of discounted units blank."
    return ""


def _read_product_set(sent: ObjectReader, currency: str) -> Document:
    source = _read_source(sent)
    gets_discount = sent.boolean("gets_discount", default=True)
    by_spend = sent.has_value("required_spend")
    if by_spend and sent.has_value("required_quantity"):
        sent.add_problem("required_spend", "not_together", "Enter a required quantity or a required spend, not both.")
    quantity = sent.optional_whole("required_quantity", lowest=1, highest=MAX_UNITS, digits=True)
    product_set = {
        "name": sent.text("name", max_length=MAX_NAME_LENGTH),
        **source,
        "required_quantity": None if by_spend else quantity or 1,
        "required_spend": sent.optional_money("required_spend", currency=currency),
        "gets_discount": gets_discount,
    }
    product_set["discounted_quantity"] = _read_discounted_quantity(
        sent, gets_discount, product_set["required_quantity"]
    )
    product_set["default_product"] = _read_default_product(sent, product_set)
    # Left out where it is false, so that what was stored before sets could repeat is still in normal form.
    if sent.boolean("repeats", default=False):
        product_set["repeats"] = True
    sent.finish()
    return product_set


def _read_source(sent: ObjectReader) -> Document:
    """Return where the products of a set come from. Empty rules next to another source are no source."""
    expected = "Choose the products by rules, by a list or by a personalized promotion: one of the three."
    values = {name: sent.unread[name] for name in _SOURCES if name in sent.unread}
    given = [name for name, value in values.items() if value is not None and not (name == "rules" and value == {})]
    is_decided = len(given) == 1 or (not given and "rules" in values)
    source: Document = {}
    if not is_decided:
        sent.findings.add_problem(sent.path, "one_source" if given else "required", expected)
    elif given == ["products"]:
        source = {"products": _read_products(sent)}
    elif given == ["personalized_promotion"]:
        source = {"personalized_promotion": sent.key("personalized_promotion", kind="personalized_promotion")}
    else:
        tree = sent.tree("rules", Scope.LINE_ITEM)
        sent.findings.check_catalogue_free(tree, sent.at("rules"))
        source = {"rules": tree}
    for name in _SOURCES:
        sent.take(name)
    return source


def _read_products(sent: ObjectReader) -> list[str]:
    value, path, findings = sent.take("products"), sent.at("products"), sent.findings
    if not isinstance(value, list):
        findings.add_problem(path, "invalid", "Must be a list of SKUs.")
        return []
    if not value:
        findings.add_problem(path, "required", "Name at least one product.")
    if len(value) > MAX_PRODUCTS_IN_SET:
        findings.add_problem(path, "max_length", f"Must have at most {MAX_PRODUCTS_IN_SET} products.")
        return []
    skus = [read_key(sku, kind="product", path=join_path(path, i), findings=findings) for i, sku in enumerate(value)]
    return list(dict.fromkeys(skus))


def _read_discounted_quantity(sent: ObjectReader, gets_discount: bool, required_quantity: int | None) -> int | None:
    """Return how many units of a matching set are discounted; None, of a set with a required spend: all of them."""
    name = "discounted_quantity"
    discounted = sent.optional_whole(name, lowest=int(gets_discount), highest=MAX_UNITS, digits=True)
    if not gets_discount:
        if discounted:
            sent.add_problem(name, "not_discounted", "Leave this blank: the product set does not get the discount.")
        return 0
    if discounted is None:
        return required_quantity
    if required_quantity is not None and discounted > required_quantity:
        detail = f"Must be at most the required quantity, {required_quantity}."
        sent.add_problem(name, "above_required_quantity", detail)
    return discounted


def _read_default_product(sent: ObjectReader, product_set: Document) -> str | None:
    """Return the product that a till adds, or that counts as chosen for a consumer who has not chosen."""
    name = "default_product"
    if not sent.has_value(name):
        sent.take(name)
        return None
    if not product_set["gets_discount"] and "personalized_promotion" not in product_set:
        sent.take(name)
        sent.add_problem(
            name, "not_discounted", "A product set that does not get the discount cannot have a default product."
        )
        return None
    sku = sent.key(name, kind="product")
    if sku and sku not in product_set.get("products", (sku,)):
        sent.add_problem(name, "not_in_set", "The default product must be one of the products of the set.")
    return sku
