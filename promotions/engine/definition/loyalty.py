"""Check the definition of a loyalty promotion."""

from collections.abc import Callable, Mapping

from promotions.engine.definition.budgets import (
    NO_BUDGETS,
    is_budget_in_money,
    read_budget,
    read_customer_budget,
)
from promotions.engine.definition.content import read_content
from promotions.engine.definition.eligibility import read_loyalty_eligibility
from promotions.engine.definition.fields import (
    LOYALTY_OUTCOME,
    LOYALTY_TYPES,
    MAX_NAME_LENGTH,
    MAX_PRODUCT_SETS,
    MAX_UNITS,
    PRICE_ORDERS,
    Document,
    FieldKind,
    OutcomeField,
)
from promotions.engine.definition.reader import Definition, Findings, InvalidDefinition, ObjectReader
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.problems import Reference


def check_loyalty(
    promotion_type: str,
    *,
    outcome: object,
    eligibility: object,
    content: object,
    budgets: Mapping[str, object] = NO_BUDGETS,
    currency: str = "",
    catalogue_enabled: bool,
) -> Definition:
    """Check the documents of a loyalty promotion.

    Args:
        promotion_type: one of LOYALTY_TYPES.
        outcome: as sent; None is an empty object.
        eligibility: as sent.
        content: as sent.
        budgets: as sent, under the names of BUDGETS; left out or None are none.
        currency: the promotion's; needed for budgets of vouchers, which are money.
        catalogue_enabled: whether the account has its product catalogue switched on.

    Raises:
        InvalidDefinition: with every problem; paths begin with the document's name.
    """
    findings = Findings(catalogue_enabled=catalogue_enabled)
    checked_outcome = _read_outcome(promotion_type, ObjectReader(outcome, "outcome", findings))
    checked_eligibility = read_loyalty_eligibility(ObjectReader(eligibility, "eligibility", findings))
    checked_content = read_content(ObjectReader(content, "content", findings))
    unit = currency if is_budget_in_money("loyalty", promotion_type) else ""
    budget = read_budget(budgets.get("budget"), currency=unit, findings=findings)
    customer_budget = read_customer_budget(budgets.get("customer_budget"), currency=unit, findings=findings)
    if findings.problems:
        raise InvalidDefinition(findings.problems)
    return Definition(
        type=promotion_type,
        subtype=checked_outcome.get("multiplier_scope") or checked_outcome.get("issue_points_on") or "",
        outcome=checked_outcome,
        eligibility=checked_eligibility,
        content=checked_content,
        references=tuple(findings.references),
        budget=budget,
        customer_budget=customer_budget,
    )


def _read_outcome(promotion_type: str, sent: ObjectReader) -> Document:
    if promotion_type not in LOYALTY_TYPES:
        sent.findings.add_problem("type", "invalid_choice", f"Must be one of {', '.join(LOYALTY_TYPES)}.")
    outcome: Document = {}
    for field in LOYALTY_OUTCOME.values():
        if promotion_type in field.types or field.types == LOYALTY_TYPES:
            outcome[field.name] = _read_field(field, sent)
    sent.finish(fields_of_other_types=LOYALTY_OUTCOME, owner=promotion_type)
    return outcome


def _read_field(field: OutcomeField, sent: ObjectReader) -> object:
    match field.kind:
        case FieldKind.TEXT:
            return sent.text(field.name, max_length=field.max_length, inserts=field.inserts)
        case FieldKind.WHOLE:
            return sent.whole(field.name, lowest=1, highest=field.highest)
        case FieldKind.NUMBER:
            return sent.number(field.name, allowed=field.allowed, expected=field.expected)
        case FieldKind.FLAG:
            return sent.boolean(field.name, default=bool(field.default))
        case FieldKind.CHOICE:
            default = field.default if isinstance(field.default, str) else None
            return sent.choice(field.name, field.choices, default=default)
        case FieldKind.KEY:
            return _read_offer(field, sent)
        case FieldKind.DOCUMENT:
            return _DOCUMENTS[field.name](sent.optional_object(field.name))


def _read_offer(field: OutcomeField, sent: ObjectReader) -> str:
    key = sent.text(field.name, max_length=field.max_length)
    if key:
        sent.findings.references.append(Reference(kind=field.reference, key=key, path=sent.at(field.name)))
    elif not sent.findings.problems:
        sent.findings.add_problem(sent.at(field.name), "required", "Choose the offer that customers get.")
    return key


def _read_product_selection(sent: ObjectReader | None) -> Document:
    if sent is None:
        return {"match": "any", "sets": []}
    match = sent.choice("match", ("all", "any"), default="any")
    sets = [_read_product_set(product_set) for product_set in sent.objects("sets", max_entries=MAX_PRODUCT_SETS)]
    sent.finish()
    return {"match": match, "sets": sets}


def _read_product_set(sent: ObjectReader) -> Document:
    tree = sent.tree("rules", Scope.LINE_ITEM)
    sent.findings.check_catalogue_free(tree, sent.at("rules"))
    product_set = {
        "name": sent.text("name", max_length=MAX_NAME_LENGTH),
        "rules": tree,
        "units": sent.whole("units", lowest=1, highest=MAX_UNITS, default=1, digits=True),
    }
    sent.finish()
    return product_set


def _read_quantity_rule(sent: ObjectReader | None) -> Document | None:
    if sent is None or not sent.unread:
        return None
    rule = {
        "apply_to": sent.choice("apply_to", ("all", "every", "first")),
        "units": sent.whole("units", lowest=1, highest=MAX_UNITS, default=1, digits=True),
    }
    sent.finish()
    return rule


def _read_pricing_rule(sent: ObjectReader | None) -> Document | None:
    if sent is None or not sent.unread:
        return None
    rule = {
        "order": sent.choice("order", PRICE_ORDERS, default="cheapest"),
        "by": sent.choice("by", ("inc_tax", "ex_tax", "tax"), default="inc_tax"),
    }
    sent.finish()
    return rule


_DOCUMENTS: Mapping[str, Callable[[ObjectReader | None], Document | None]] = {
    "product_selection": _read_product_selection,
    "quantity_rule": _read_quantity_rule,
    "pricing_rule": _read_pricing_rule,
}
