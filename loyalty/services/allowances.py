"""What customers may still get of promotions that have a budget for each customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from consumers.models import Consumer
from loyalty.services.statements.combined_query import CombinedQuery
from loyalty.services.till.quote import allowance_requests, budget_unit
from loyalty.services.till.reads import received_select, sale_context_read
from loyalty.services.till.snapshot import snapshot_current
from promotions.engine.definition.fields import WHOLE_PROMOTION
from promotions.engine.facts.consumer import Shopper
from promotions.engine.money import money_text
from promotions.engine.rulebook.life import life_reason
from promotions.engine.rulebook.promotion import Promotion


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """A customer's budget of a promotion in the period that holds a moment: minor units of money, or points."""

    promotion: Promotion
    period: str
    used: int
    left: int

    def text(self, amount: int) -> str | int:
        """Return an amount as REST says it: with the currency's decimals, or as points."""
        return amount if self.promotion.gives_points else money_text(amount, self.promotion.source.currency)


def allowances_of(*, consumer: Consumer, at: datetime) -> Sequence[Allowance]:
    """Return a customer's budgets of the promotions in force, in the order of codes.

    Those of promotions that are not for the customer, as the staff's are not for others, are left out unless the
    customer had something of them.
    """
    snapshot = snapshot_current(account=consumer.account)
    promotions = {
        promotion.id: promotion
        for promotion in snapshot.rulebook
        if promotion.customer_budget is not None and life_reason(promotion.source, at) is None
    }
    if not promotions:
        return []
    query = CombinedQuery()
    reads = [
        received_select(query, consumer.pk, period)
        for period in allowance_requests(promotions.values(), at=at, zone=snapshot.zone)
    ]
    query.run()
    received = {row.promotion_id: row for rows in reads for row in rows}
    record = sale_context_read(account=consumer.account, consumer_id=consumer.consumer_id).shopper
    shopper = None if record is None else record.shopper_on(at.astimezone(snapshot.zone).date())
    allowances = []
    for promotion in sorted(promotions.values(), key=lambda promotion: (promotion.code, promotion.source.family)):
        budget, row = promotion.customer_budget, received.get(promotion.id)
        if budget is None or (row is None and not _is_for(promotion, shopper)):
            continue
        used = 0 if row is None else budget_unit(promotion, points=row.points, saving=row.saving)
        period = budget.period or WHOLE_PROMOTION
        left = max(budget.amount - used, 0)
        allowances.append(Allowance(promotion=promotion, period=period, used=used, left=left))
    return allowances


def _is_for(promotion: Promotion, shopper: Shopper | None) -> bool:
    """Return whether a customer may have a promotion at all: by membership and customer rules."""
    if shopper is None or (promotion.gives_points and not shopper.is_loyalty_member):
        return False
    return promotion.customer_rules is None or promotion.customer_rules(shopper)
