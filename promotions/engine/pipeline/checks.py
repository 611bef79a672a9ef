"""The checks before products are matched, in order: the first that fails is the promotion's reason.

The later ones (products, limits, the offer to issue, and whether anything is given) are made by ``apply``; a conflict
is decided when all candidates are known.
"""

from collections.abc import Mapping

from promotions.engine.facts.progress import is_reached
from promotions.engine.pipeline.context import Check, EvaluationContext
from promotions.engine.pipeline.decision import Refusal
from promotions.engine.rulebook.life import life_reason
from promotions.engine.rulebook.promotion import Promotion, needs_consumer

# Refusals are made by position, which takes half the time: a commit makes hundreds of them.


def _in_force(promotion: Promotion, context: EvaluationContext) -> Refusal | None:
    reason = life_reason(promotion.source, context.basket.at)
    return None if reason is None else Refusal(promotion, reason, _LIFE_DETAILS[reason])


_LIFE_DETAILS = {
    "draft": "It is a draft.",
    "scheduled": "It has not started.",
    "stopped": "Stopped.",
    "ended": "It has ended.",
}


def _currency(promotion: Promotion, context: EvaluationContext) -> Refusal | None:
    if promotion.source.currency == context.basket.currency:
        return None
    return Refusal(promotion, "currency", f"Only for baskets in {promotion.source.currency}.")


def _consumer_required(promotion: Promotion, context: EvaluationContext) -> Refusal | None:
    if context.shopper is not None or not needs_consumer(promotion):
        return None
    return Refusal(promotion, "consumer_required", "No customer was identified.")


def _membership(promotion: Promotion, context: EvaluationContext) -> Refusal | None:
    if not promotion.gives_points or (context.shopper and context.shopper.is_loyalty_member):
        return None
    return Refusal(promotion, "not_a_member", "The customer is not an active loyalty member.")


def _site_rules(promotion: Promotion, context: EvaluationContext) -> Refusal | None:
    if promotion.site_rules is None or promotion.site_rules(context.basket.site):
        return None
    return Refusal(promotion, "site_rules", "Not at this site.")


def _customer_rules(promotion: Promotion, context: EvaluationContext) -> Refusal | None:
    if promotion.customer_rules is None or promotion.customer_rules(context.shopper):
        return None
    return Refusal(promotion, "customer_rules", "Not for this customer.")


def _universal_holdout(promotion: Promotion, context: EvaluationContext) -> Refusal | None:
    if not context.is_held_out or promotion.ignores_universal_holdout:
        return None
    return Refusal(promotion, "universal_holdout", "The customer is in the universal holdout.")


def _control_group(promotion: Promotion, context: EvaluationContext) -> Refusal | None:
    group, shopper = promotion.control_group, context.shopper
    if group is None or shopper is None or not group.holds_out(promotion, shopper):
        return None
    return Refusal(promotion, "control_group", "The customer is in the control group.")


def _transaction_rules(promotion: Promotion, context: EvaluationContext) -> Refusal | None:
    if promotion.transaction_rules is None or promotion.transaction_rules(context.basket):
        return None
    return Refusal(promotion, "transaction_rules", "Not for this transaction.")


def _line_item_rules(promotion: Promotion, context: EvaluationContext) -> Refusal | None:
    rules = promotion.line_item_rules
    if rules is None or rules.accept_any(context.basket.unit_groups.counting):
        return None
    return Refusal(promotion, "line_item_rules", "The basket lacks products that it must contain.")


def _application_rules(promotion: Promotion, context: EvaluationContext) -> Refusal | None:
    rules = promotion.application_rules
    if not rules:
        return None
    progress = context.usage.progress.get(promotion.id)
    if is_reached(rules, progress, context.basket, context.basket_value.net):
        return None
    return Refusal(promotion, "application_rules", "The customer has not reached the target yet.")


CHECKS: tuple[Check, ...] = (
    _in_force,  # draft, scheduled, stopped, ended
    _currency,  # currency
    _consumer_required,  # consumer_required
    _membership,  # not_a_member
    _site_rules,  # site_rules
    _customer_rules,  # customer_rules
    _universal_holdout,  # universal_holdout
    _control_group,  # control_group
    _transaction_rules,  # transaction_rules
    _line_item_rules,  # line_item_rules
    _application_rules,  # application_rules
)
"""All checks before products are matched, in order, each with its reasons."""

CANDIDATE_CHECKS = CHECKS[CHECKS.index(_site_rules) + 1 :]
"""The checks that a rulebook's candidates still need: its masks are exact on the ones before."""

CHECKS_AFTER_HOLDOUT: Mapping[str, tuple[Check, ...]] = {
    "universal_holdout": CHECKS[CHECKS.index(_universal_holdout) + 1 :],
    "control_group": CHECKS[CHECKS.index(_control_group) + 1 :],
}
"""The checks by which the promotion of a consumer who is held out is judged on, by the reason.

The universal holdout comes first, and its ghosts pass the control group: they are what the programme would have given.
"""

RETURN_CHECKS: tuple[Check, ...] = (_transaction_rules, _line_item_rules)
"""The checks that are made again when a part of a transaction is returned; the others were decided at the sale."""

CHECK_BY_REASON: Mapping[str, Check] = {
    "site_rules": _site_rules,
    "customer_rules": _customer_rules,
    "transaction_rules": _transaction_rules,
    "line_item_rules": _line_item_rules,
    "application_rules": _application_rules,
}
"""The checks that a customer could have passed by bringing one thing more."""
