"""Check the eligibility of a promotion: rules, repeat behaviour, control group and limits."""

from promotions.engine.definition.fields import CONDITIONS, DISCOUNT_LIMITS, LIMITS, MAX_APPLICATION_RULES
from promotions.engine.definition.reader import Document, ObjectReader
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.problems import Reference


def read_discount_eligibility(sent: ObjectReader) -> Document:
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


def read_loyalty_eligibility(sent: ObjectReader) -> Document:
    eligibility = _qualification(sent)
    eligibility["application_rules"] = [
        _application_rule(one) for one in sent.objects("application_rules", most=MAX_APPLICATION_RULES)
    ]
    eligibility["control_group"] = _control_group(sent.optional_object("control_group"))
    eligibility |= _limits(sent, LIMITS)
    eligibility["always_apply"] = sent.boolean("always_apply", default=False)
    sent.end()
    return eligibility


def _qualification(sent: ObjectReader) -> Document:
    trees: Document = {}
    for name, scope in zip(CONDITIONS, (Scope.SITE, Scope.CUSTOMER, Scope.TRANSACTION, Scope.LINE_ITEM), strict=True):
        trees[name] = sent.checks.tree(sent.take(name), scope, sent.at(name))
    return trees


def _limits(sent: ObjectReader, names: tuple[str, ...]) -> Document:
    return {name: sent.optional_whole(name, lowest=1, highest=2_000_000_000) for name in names}


def _application_rule(sent: ObjectReader) -> Document:
    rule = {
        "measure": sent.choice("measure", ("transactions", "quantity", "spend")),
        "threshold": sent.number("threshold", allowed=lambda number: number > 0, expected="Expected a number above 0."),
        "period": _period(sent.optional_object("period"), sent),
        "line_item_rules": sent.checks.tree(sent.take("line_item_rules"), Scope.LINE_ITEM, sent.at("line_item_rules")),
        "counting": sent.choice("counting", ("reached", "every"), default="reached"),
    }
    sent.end()
    return rule


def _period(sent: ObjectReader | None, rule: ObjectReader) -> Document:
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


def _control_group(sent: ObjectReader | None) -> Document | None:
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
