"""Vouchers presented at the till: which of them pay, and how much."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from promotions.engine.facts.basket import Basket
from promotions.engine.matching.prices import PriceReduction, Prices, share_reduction
from promotions.engine.money import exponent, round_half_up


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

    ``benefit`` is None for an unknown code; ``is_own``: the basket's consumer holds it.
    """

    code: str
    offer: str = ""
    benefit: Benefit | None = None
    status: str = ""
    is_own: bool = False
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


def pay_with_vouchers(vouchers: Sequence[PresentedVoucher], basket: Basket, prices: Prices) -> VoucherPayment:
    """Let vouchers pay in the order presented, each from what the ones before it left."""
    paid: list[PaidVoucher] = []
    refused: list[RefusedVoucher] = []
    for voucher in vouchers:
        reason = _refusal_reason(voucher, basket.at)
        reductions: list[PriceReduction] = []
        if not reason and voucher.benefit is not None:
            reductions = _reductions(voucher.benefit, basket, prices)
            if not any(reduction.off for reduction in reductions) and voucher.benefit.kind != "external":
                reason = "not_applicable"
        if reason or voucher.benefit is None:
            refused.append(RefusedVoucher(code=voucher.code, reason=reason))
            continue
        paid.append(PaidVoucher(voucher=voucher, kind=voucher.benefit.kind, reductions=tuple(reductions)))
        prices = prices.after(reductions)
    return VoucherPayment(prices, paid, refused)


def _refusal_reason(voucher: PresentedVoucher, at: datetime) -> str:
    """Return why a voucher may pay for no basket at this moment; empty where it may.

    The status of another consumer's voucher is not disclosed. Whether one is expired follows its end and the moment of
    the basket, never a stored status.
    """
    if voucher.benefit is None:
        return "unknown"
    if not voucher.is_own:
        return "other_consumer"
    if voucher.status in ("redeemed", "cancelled"):
        return voucher.status
    if voucher.expires_at is not None and voucher.expires_at <= at:
        return "expired"
    return ""


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
