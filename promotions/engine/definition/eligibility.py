"""Check the eligibility of a promotion: rules, repeat behaviour, control group and limits."""

from promotions.engine.definition.fields import (
    CONDITIONS,
    DISCOUNT_LIMITS,
    IGNORES_UNIVERSAL_HOLDOUT,
    LIMIT_PERIOD,
    LIMIT_PERIODS,
    LIMITS,
    MAX_APPLICATION_RULES,
    MAX_KEY_LENGTH,
    MAX_PERIOD,
    MAX_REDEMPTIONS,
    WHOLE_PROMOTION,
    Document,
)
from promotions.engine.definition.reader import ObjectReader
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.problems import Reference

_SCOPES = (Scope.SITE, Scope.CUSTOMER, Scope.TRANSACTION, Scope.LINE_ITEM)
"""The scope of each of ``CONDITIONS``."""


def read_discount_eligibility(sent: ObjectReader) -> Document:
    """Return the eligibility of a discount in normal form: it has no application rules and no control group."""
    for name in ("application_rules", "control_group"):
        if sent.unread.get(name) == []:
            sent.take(name)
        sent.refuse(name, owner="A discount")
    eligibility = {
        **_read_conditions(sent),
        "application_rules": [],
        "control_group": None,
        **_read_limits(sent, DISCOUNT_LIMITS),
        "always_apply": sent.boolean("always_apply", default=False),
        IGNORES_UNIVERSAL_HOLDOUT: sent.boolean(IGNORES_UNIVERSAL_HOLDOUT, default=False),
    }
    sent.finish()
    return eligibility


def read_loyalty_eligibility(sent: ObjectReader) -> Document:
    """Return the eligibility of a loyalty promotion in normal form."""
    rules = _read_conditions(sent)
    application_rules = [
        _read_application_rule(rule) for rule in sent.objects("application_rules", max_entries=MAX_APPLICATION_RULES)
    ]
    eligibility = {
        **rules,
        "application_rules": application_rules,
        "control_group": _read_control_group(sent.optional_object("control_group")),
        **_read_limits(sent, LIMITS),
        "always_apply": sent.boolean("always_apply", default=False),
        IGNORES_UNIVERSAL_HOLDOUT: sent.boolean(IGNORES_UNIVERSAL_HOLDOUT, default=False),
    }
    sent.finish()
    return eligibility


def _read_conditions(sent: ObjectReader) -> Document:
    return {name: sent.tree(name, scope) for name, scope in zip(CONDITIONS, _SCOPES, strict=True)}


def _read_limits(sent: ObjectReader, names: tuple[str, ...]) -> Document:
    has_customer_limit = sent.has_value("customer_redemption_limit")
    limits: Document = {name: sent.optional_whole(name, lowest=1, highest=MAX_REDEMPTIONS) for name in names}
    limits[LIMIT_PERIOD] = sent.choice(LIMIT_PERIOD, LIMIT_PERIODS, default=WHOLE_PROMOTION)
    if limits[LIMIT_PERIOD] != WHOLE_PROMOTION and not has_customer_limit:
        sent.add_problem(
            LIMIT_PERIOD, "invalid", "Enter a limit per customer, or leave its period at the whole promotion."
        )
    return limits


def _read_application_rule(sent: ObjectReader) -> Document:
    rule = {
        "measure": sent.choice("measure", ("transactions", "quantity", "spend")),
        "threshold": sent.number("threshold", allowed=lambda number: number > 0, expected="Must be a number above 0."),
        "period": _read_period(sent.optional_object("period"), sent),
        "line_item_rules": sent.tree("line_item_rules", Scope.LINE_ITEM),
        "counting": sent.choice("counting", ("reached", "every"), default="reached"),
    }
    sent.finish()
    return rule


def _read_period(sent: ObjectReader | None, rule: ObjectReader) -> Document:
    if sent is None:
        rule.add_problem("period", "required", "This field is required.")
        return {"unit": "promotion", "length": None}
    unit = sent.choice("unit", ("days", "weeks", "months", "promotion"))
    if unit == "promotion":
        length = None
        sent.take("length")
    else:
        length = sent.whole("length", lowest=1, highest=MAX_PERIOD)
    sent.finish()
    return {"unit": unit, "length": length}


def _read_control_group(sent: ObjectReader | None) -> Document | None:
    if sent is None or not sent.unread:
        return None
    group = sent.text("group", max_length=MAX_KEY_LENGTH)
    if group:
        sent.findings.references.append(Reference(kind="group", key=group, path=sent.at("group")))
    else:
        sent.add_problem("group", "required", "This field is required.")
    percentage = sent.number(
        "percentage",
        allowed=lambda number: 0 <= number <= 100,
        expected="Must be a percentage from 0 to 100.",
    )
    sent.finish()
    return {"group": group, "percentage": percentage}
