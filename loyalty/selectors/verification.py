"""Compare every stored figure with what the history adds up to.

Each check is one statement that returns only the differences, so that memory stays flat whatever the history.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

from promotions.engine.money import EXPONENTS


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A stored figure that differs from the history."""

    account: str
    figure: str
    row: str
    stored: int | str
    history: int | str

    def __str__(self) -> str:
        return f"{self.account}: {self.figure} of {self.row} is {self.stored}, history says {self.history}"


_MINOR_UNITS = (
    "CASE p.currency "
    + " ".join(f"WHEN '{currency}' THEN {10**decimals}" for currency, decimals in sorted(EXPONENTS.items()))
    + " ELSE 100 END"
)
"""SQL: the minor units in a unit of a promotion's currency."""

_CHECKS = {
    "points balance": """
        SELECT a.code, c.consumer_id, c.points_balance, COALESCE(l.points, 0)
        FROM consumers_consumer c
        JOIN consumers_account a ON a.id = c.account_id
        LEFT JOIN (
            SELECT consumer_id, SUM(points) AS points FROM loyalty_ledgerentry GROUP BY consumer_id
        ) l ON l.consumer_id = c.id
        WHERE c.points_balance <> COALESCE(l.points, 0)
        ORDER BY a.code, c.consumer_id
    """,
    "points": """
        SELECT a.code, t.reference, t.base_points + t.promotion_points, COALESCE(l.points, 0)
        FROM loyalty_transaction t
        JOIN consumers_account a ON a.id = t.account_id
        LEFT JOIN (
            SELECT transaction_id, SUM(points) AS points FROM loyalty_ledgerentry
            WHERE transaction_id IS NOT NULL GROUP BY transaction_id
        ) l ON l.transaction_id = t.id
        WHERE t.base_points + t.promotion_points <> COALESCE(l.points, 0)
        ORDER BY a.code, t.reference
    """,
    "day of the last offer": """
        SELECT a.code, c.consumer_id, c.last_offer_redeemed_on, h.day
        FROM consumers_consumer c
        JOIN consumers_account a ON a.id = c.account_id
        LEFT JOIN (
            SELECT consumer_id, MAX(day) AS day FROM (
                SELECT consumer_id, claimed_on AS day FROM loyalty_voucher WHERE claimed_on IS NOT NULL
                UNION ALL
                SELECT v.consumer_id, t.local_day
                FROM loyalty_voucher v
                JOIN loyalty_offer o ON o.id = v.offer_id
                JOIN loyalty_transaction t ON t.id = v.redeemed_by_id
                WHERE o.kind = 'personalised'
            ) days GROUP BY consumer_id
        ) h ON h.consumer_id = c.id
        WHERE c.last_offer_redeemed_on <> h.day OR (c.last_offer_redeemed_on IS NULL) <> (h.day IS NULL)
        ORDER BY a.code, c.consumer_id
    """,
    "claims": """
        SELECT a.code, c.consumer_id || ' / ' || v.claim_reference, 1, COUNT(l.id)
        FROM loyalty_voucher v
        JOIN consumers_account a ON a.id = v.account_id
        JOIN consumers_consumer c ON c.id = v.consumer_id
        LEFT JOIN loyalty_ledgerentry l
            ON l.consumer_id = v.consumer_id AND l.reference = v.claim_reference AND l.kind = 'claim' AND l.points < 0
        WHERE v.claim_reference <> ''
        GROUP BY a.code, c.consumer_id, v.claim_reference
        HAVING COUNT(l.id) <> 1
        ORDER BY a.code, c.consumer_id, v.claim_reference
    """,
    "redemptions": """
        SELECT a.code, p.code, p.redemptions, COALESCE(h.redemptions, 0)
        FROM promotions_promotion p
        JOIN consumers_account a ON a.id = p.account_id
        LEFT JOIN (
            SELECT promotion_id, SUM(redemptions) AS redemptions FROM loyalty_appliedpromotion GROUP BY promotion_id
        ) h ON h.promotion_id = p.id
        WHERE p.redemptions <> COALESCE(h.redemptions, 0)
        ORDER BY a.code, p.code
    """,
    # What discounts take off and vouchers are worth is whole minor units: their sum is exact in any database.
    "budget used": f"""
        SELECT a.code, p.code, p.budget_used, COALESCE(h.used, 0)
        FROM promotions_promotion p
        JOIN consumers_account a ON a.id = p.account_id
        LEFT JOIN (
            SELECT ap.promotion_id, CASE WHEN p.family = 'discount' OR p.type = 'redeem_offer'
                THEN CAST(ROUND(SUM(ap.saving) * {_MINOR_UNITS}) AS bigint) ELSE SUM(ap.points) END AS used
            FROM loyalty_appliedpromotion ap JOIN promotions_promotion p ON p.id = ap.promotion_id
            GROUP BY ap.promotion_id, p.family, p.type, p.currency
        ) h ON h.promotion_id = p.id
        WHERE p.budget_used <> COALESCE(h.used, 0)
        ORDER BY a.code, p.code
    """,  # noqa: S608 - its only insert is made of currencies and numbers
    "budget used by a campaign": """
        SELECT a.code, c.code, c.budget_used, COALESCE(h.given, 0)
        FROM promotions_campaign c
        JOIN consumers_account a ON a.id = c.account_id
        LEFT JOIN (
            SELECT campaign_id, SUM(saving_given) AS given FROM promotions_promotion
            WHERE campaign_id IS NOT NULL GROUP BY campaign_id
        ) h ON h.campaign_id = c.id
        WHERE c.budget_amount IS NOT NULL AND c.budget_used <> COALESCE(h.given, 0)
        ORDER BY a.code, c.code
    """,
    "share in its campaign's budget": """
        SELECT a.code, p.code, CASE WHEN p.in_campaign_budget THEN 'yes' ELSE 'no' END,
            CASE WHEN c.budget_amount IS NULL THEN 'no' ELSE 'yes' END
        FROM promotions_promotion p
        JOIN consumers_account a ON a.id = p.account_id
        LEFT JOIN promotions_campaign c ON c.id = p.campaign_id
        WHERE (p.in_campaign_budget AND c.budget_amount IS NULL)
            OR (NOT p.in_campaign_budget AND c.budget_amount IS NOT NULL)
        ORDER BY a.code, p.code
    """,
    "redemptions by consumer": """
        WITH history AS (
            SELECT ap.promotion_id, t.consumer_id, SUM(ap.redemptions) AS redemptions
            FROM loyalty_appliedpromotion ap JOIN loyalty_transaction t ON t.id = ap.transaction_id
            WHERE t.consumer_id IS NOT NULL
            GROUP BY ap.promotion_id, t.consumer_id
        ), kept AS (
            SELECT promotion_id, consumer_id, redemptions FROM loyalty_promotionusage WHERE redemptions <> 0
        ), compared AS (
            SELECT promotion_id, consumer_id, SUM(kept) AS kept, SUM(history) AS history FROM (
                SELECT promotion_id, consumer_id, redemptions AS kept, 0 AS history FROM kept
                UNION ALL SELECT promotion_id, consumer_id, 0, redemptions FROM history
            ) both_sides GROUP BY promotion_id, consumer_id
        )
        SELECT a.code, p.code || ' / ' || c.consumer_id, b.kept, b.history
        FROM compared b
        JOIN promotions_promotion p ON p.id = b.promotion_id
        JOIN consumers_consumer c ON c.id = b.consumer_id
        JOIN consumers_account a ON a.id = p.account_id
        WHERE b.kept <> b.history
        ORDER BY a.code, p.code, c.consumer_id
    """,
    "points taken back": """
        SELECT a.code, r.reference, r.points, COALESCE(l.points, 0)
        FROM loyalty_reversal r
        JOIN consumers_account a ON a.id = r.account_id
        LEFT JOIN (
            SELECT transaction_id, reference, -SUM(points) AS points FROM loyalty_ledgerentry
            WHERE kind = 'return' GROUP BY transaction_id, reference
        ) l ON l.transaction_id = r.transaction_id AND l.reference = r.reference
        WHERE r.points <> COALESCE(l.points, 0)
        ORDER BY a.code, r.reference
    """,
    "vouchers of a promotion": """
        SELECT a.code, t.reference || ' / ' || p.code,
            SUM(CASE WHEN v.status <> 'cancelled' THEN 1 ELSE 0 END), ap.redemptions
        FROM loyalty_appliedpromotion ap
        JOIN promotions_promotion p ON p.id = ap.promotion_id AND p.type = 'redeem_offer'
        JOIN loyalty_transaction t ON t.id = ap.transaction_id
        JOIN consumers_account a ON a.id = t.account_id
        LEFT JOIN loyalty_voucher v ON v.issued_by_id = ap.id
        GROUP BY a.code, t.reference, p.code, ap.id, ap.redemptions
        HAVING SUM(CASE WHEN v.status <> 'cancelled' THEN 1 ELSE 0 END) < ap.redemptions
            OR SUM(CASE WHEN v.status IN ('issued', 'expired') THEN 1 ELSE 0 END) > ap.redemptions
        ORDER BY a.code, t.reference, p.code
    """,
    "state of a voucher": """
        SELECT a.code, v.code, v.status, COALESCE(t.status, 'not paid with')
        FROM loyalty_voucher v
        JOIN consumers_account a ON a.id = v.account_id
        LEFT JOIN loyalty_transaction t ON t.id = v.redeemed_by_id
        WHERE (v.status = 'redeemed') <> (v.redeemed_by_id IS NOT NULL) OR t.status IN ('voided', 'returned')
        ORDER BY a.code, v.code
    """,
    "choice made final": """
        SELECT a.code, c.consumer_id || ' / ' || pp.backend_id,
            CASE WHEN l.locked THEN 'final' ELSE 'open' END, COALESCE(t.status, 'no transaction')
        FROM promotions_personalizedlist l
        JOIN promotions_personalizedpromotion pp ON pp.id = l.promotion_id
        JOIN consumers_consumer c ON c.id = l.consumer_id
        JOIN consumers_account a ON a.id = pp.account_id
        LEFT JOIN loyalty_transaction t ON t.id = l.locked_by_id
        WHERE l.locked_by_id IS NOT NULL AND (NOT l.locked OR t.id IS NULL OR t.status = 'voided')
        ORDER BY a.code, c.consumer_id, pp.backend_id
    """,
    "vouchers issued": """
        SELECT a.code, o.code, o.issued, COALESCE(v.issued, 0)
        FROM loyalty_offer o
        JOIN consumers_account a ON a.id = o.account_id
        LEFT JOIN (
            SELECT offer_id, COUNT(*) AS issued FROM loyalty_voucher WHERE status <> 'cancelled' GROUP BY offer_id
        ) v ON v.offer_id = o.id
        WHERE o.issued <> COALESCE(v.issued, 0)
        ORDER BY a.code, o.code
    """,
}
"""For each figure the SQL of account, row, stored and computed figure, only where the two differ."""


def ledger_differences() -> Iterator[Difference]:
    """Yield every figure of every account that differs from the history."""
    for figure, sql in _CHECKS.items():
        with connection.cursor() as cursor:
            cursor.execute(sql)
            for account, row, stored, history in cursor:
                yield Difference(
                    account=account, figure=figure, row=row, stored=_value(stored), history=_value(history)
                )


def _value(value: Any) -> int | str:
    """Return a number as int and a day as text, whatever type the database gives them."""
    if value is None:
        return "none"
    return str(value) if isinstance(value, str | date) else int(value)
