"""Vouchers presented at the till: which of them pay, and how much."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from promotions.engine.facts.basket import Basket
from promotions.engine.matching.prices import PriceReduction, Prices, share_reduction
from promotions.engine.money import exponent, round_half_up


def voucher_key(code: str) -> str:
    """Return a voucher's code as it is stored and compared: in capitals, without blanks at its ends."""
    return code.strip().upper()


@dataclass(frozen=True, kw_only=True, slots=True)
class Benefit:
    """What an offer's voucher gives.

    ``kind`` is amount (``value`` in major units), percentage, product (one unit of the SKU ``product``) or external.
    """

    kind: str
    currency: str
    value: Fraction
    product: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PresentedVoucher:
    """A voucher's code as the till sent it, with what is stored of it.

    ``benefit`` is None for an unknown code; ``is_own``: the basket's consumer holds it. ``issued_at`` None is always,
    ``expires_at`` None never.
    """

    code: str
    offer: str = ""
    benefit: Benefit | None = None
    status: str = ""
    is_own: bool = False
    issued_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PaidVoucher:
    """A voucher that pays, and the prices it reduces."""

    voucher: PresentedVoucher
    kind: str
    reductions: tuple[PriceReduction, ...]

    @property
    def off(self) -> int:
        """The amount it pays, in minor units."""
        return sum(reduction.off for reduction in self.reductions)


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedVoucher:
    """A voucher that does not pay, and the reason."""

    code: str
    reason: str


class VoucherPayment(NamedTuple):
    """The prices after vouchers have paid, and the vouchers that paid and that did not."""

    prices: Prices
    paid: Sequence[PaidVoucher]
    refused: Sequence[RefusedVoucher]


class _Presentation(NamedTuple):
    """A voucher at its turn: the basket, and what it would take off the prices that are left."""

    voucher: PresentedVoucher
    basket: Basket
    reductions: Sequence[PriceReduction]


def pay_with_vouchers(vouchers: Sequence[PresentedVoucher], basket: Basket, prices: Prices) -> VoucherPayment:
    """Let vouchers pay in the order presented, each from what the ones before it left."""
    paid: list[PaidVoucher] = []
    refused: list[RefusedVoucher] = []
    for voucher in vouchers:
        benefit = voucher.benefit
        reductions = [] if benefit is None else _reductions(benefit, basket, prices)
        reason = _refusal_reason(_Presentation(voucher, basket, reductions))
        if reason or benefit is None:
            refused.append(RefusedVoucher(code=voucher.code, reason=reason))
            continue
        paid.append(PaidVoucher(voucher=voucher, kind=benefit.kind, reductions=tuple(reductions)))
        prices = prices.after(reductions)
    return VoucherPayment(prices, paid, refused)


def _refusal_reason(presentation: _Presentation) -> str:
    """Return the first reason for which a voucher does not pay; empty where it pays."""
    return next((reason for reason, holds in _REFUSALS if holds(presentation)), "")


def _is_unknown(presentation: _Presentation) -> bool:
    return presentation.voucher.benefit is None


def _is_of_another_consumer(presentation: _Presentation) -> bool:
    return not presentation.voucher.is_own


def _is_cancelled(presentation: _Presentation) -> bool:
    return presentation.voucher.status == "cancelled"


def _is_redeemed(presentation: _Presentation) -> bool:
    return presentation.voucher.status == "redeemed"


def _is_not_yet_valid(presentation: _Presentation) -> bool:
    """Compare whole seconds: a till's clock has no more."""
    issued_at = presentation.voucher.issued_at
    return issued_at is not None and presentation.basket.at < issued_at.replace(microsecond=0)


def _has_expired(presentation: _Presentation) -> bool:
    expires_at = presentation.voucher.expires_at
    return expires_at is not None and expires_at <= presentation.basket.at


def _is_in_another_currency(presentation: _Presentation) -> bool:
    benefit = presentation.voucher.benefit
    return benefit is not None and benefit.currency != presentation.basket.currency


def _gives_nothing(presentation: _Presentation) -> bool:
    """Return whether nothing would be paid. What a till honours itself needs something that is bought."""
    benefit = presentation.voucher.benefit
    if benefit is not None and benefit.kind == "external":
        return not presentation.basket.lines
    return not any(reduction.off for reduction in presentation.reductions)


_REFUSALS: tuple[tuple[str, Callable[[_Presentation], bool]], ...] = (
    ("unknown", _is_unknown),
    # Before its state, which is not disclosed to others.
    ("other_consumer", _is_of_another_consumer),
    ("cancelled", _is_cancelled),
    ("redeemed", _is_redeemed),
    # By the moments of the voucher and of the basket, never by a stored status.
    ("not_yet_valid", _is_not_yet_valid),
    ("expired", _has_expired),
    ("not_applicable", _is_in_another_currency),
    ("not_applicable", _gives_nothing),
)
"""Why a voucher does not pay, in order: the first that holds is the reason."""

VOUCHER_REASONS = tuple(dict.fromkeys(reason for reason, _ in _REFUSALS))
"""The reasons, in order."""


def _reductions(benefit: Benefit, basket: Basket, prices: Prices) -> list[PriceReduction]:
    """Return what a benefit takes off the prices; nothing in another currency."""
    if benefit.kind == "external" or benefit.currency != basket.currency:
        return []
    if benefit.kind == "product":
        fitting = [
            priced
            for priced in prices.priced_units
            if priced.value and basket.unit_groups[priced.unit_group].sku == benefit.product
        ]
        if not fitting:
            return []
        cheapest = min(fitting, key=lambda priced: (priced.value, priced.unit_group, priced.first))
        return [PriceReduction(priced=cheapest.part(0, 1), off=cheapest.value)]
    total = prices.total
    if benefit.kind == "percentage":
        off = round_half_up(benefit.value * total / 100)
    else:
        off = min(round_half_up(benefit.value * 10 ** exponent(basket.currency)), total)
    return share_reduction(off, prices.priced_units)
