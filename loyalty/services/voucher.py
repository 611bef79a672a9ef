"""Vouchers: their codes and their issue."""

import secrets
from datetime import datetime, timedelta

from consumers.models import Consumer
from loyalty.models import Offer, Voucher

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Letters and digits that cannot be mistaken for each other when read aloud or from a receipt."""

CODE_LENGTH = 14
"""31^14 codes: 69 bits, far beyond guessing."""


def voucher_codes(count: int) -> list[str]:
    """So many new codes, each from the system's source of randomness."""
    return ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(count)]


def voucher_rows(*, offer: Offer, consumer: Consumer, count: int, at: datetime) -> list[Voucher]:
    """So many unsaved vouchers of an offer, issued to a consumer at a moment.

    One expires ``valid_days`` after its issue, and never later than its offer ends.
    """
    ends = [offer.ends_at] if offer.ends_at else []
    if offer.valid_days:
        ends.append(at + timedelta(days=offer.valid_days))
    return [
        Voucher(
            account_id=offer.account_id,
            code=code,
            offer=offer,
            consumer=consumer,
            issued_at=at,
            expires_at=min(ends, default=None),
        )
        for code in voucher_codes(count)
    ]
