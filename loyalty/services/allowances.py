"""What customers may still get of promotions that have a budget for each customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from consumers.models import Consumer
from loyalty.services.statements.combined_query import CombinedQuery
from loyalty.services.till.quote import allowance_requests, budget_unit
from loyalty.services.till.reads import received_select
from loyalty.services.till.snapshot import snapshot_current
from promotions.engine.definition.fields import WHOLE_PROMOTION
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
    """Return a customer's budgets of the promotions in force, in the order of codes."""
    snapshot = snapshot_current(account=consumer.account)
    promotions = {
        promotion.id: promotion
        for promotion in snapshot.rulebook
        if promotion.customer_budget is not None and life_reason(promotion.source, at) is None
    }
    query = CombinedQuery()
    reads = [
        received_select(query, consumer.pk, period)
        for period in allowance_requests(promotions.values(), at=at, zone=snapshot.zone)
    ]
    query.run()
    received = {row.promotion_id: row for rows in reads for row in rows}
    allowances = []
    for promotion in sorted(promotions.values(), key=lambda promotion: (promotion.code, promotion.source.family)):
        budget, row = promotion.customer_budget, received.get(promotion.id)
        if budget is None:
            continue
        used = 0 if row is None else budget_unit(promotion, points=row.points, saving=row.saving)
        period = budget.period or WHOLE_PROMOTION
        left = max(budget.amount - used, 0)
        allowances.append(Allowance(promotion=promotion, period=period, used=used, left=left))
    return allowances
