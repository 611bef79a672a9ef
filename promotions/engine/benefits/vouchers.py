"""Vouchers presented at the till: which of them pay, and how much."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from promotions.engine.facts.basket import Basket
from promotions.engine.matching.prices import PriceReduction, Prices, share_reduction
from promotions.engine.money import exponent, round_half_up


@dataclass(frozen=True, kw_only=True, slots=True)
class Benefit:
    """What an offer's voucher gives: ``kind`` amount (major units), percentage, product (one of a SKU) or external."""

    kind: str
    currency: str
    value: Fraction
    product: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PresentedVoucher:
    """A code as the till sent it, with what is known of it; ``benefit`` None for a code that nobody has.

    ``is_own`` says whether the basket's consumer holds it.
    """

    code: str
    offer: str = ""
    benefit: Benefit | None = None
    status: str = ""
    is_own: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PaidVoucher:
    """A voucher that pays, and the units it lowers."""

    voucher: PresentedVoucher
    kind: str
    reductions: tuple[PriceReduction, ...]

    @property
    def off(self) -> int:
        """What it pays, in minor units."""
        return sum(reduction.off for reduction in self.reductions)


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedVoucher:
    """A voucher that does not pay, and why."""

    code: str
    reason: str


def pay(
    vouchers: Sequence[PresentedVoucher], basket: Basket, prices: Prices
) -> tuple[Prices, list[PaidVoucher], list[RefusedVoucher]]:
    """Let vouchers pay in the order presented, each from what those before it left."""
    paid: list[PaidVoucher] = []
    refused: list[RefusedVoucher] = []
    for voucher in vouchers:
        reason = _refused(voucher, basket.at)
        reductions: list[PriceReduction] = []
        if not reason and voucher.benefit is not None:
            reductions = _cuts(voucher.benefit, basket, prices)
            if not any(reduction.off for reduction in reductions) and voucher.benefit.kind != "external":
                reason = "not_applicable"
        if reason or voucher.benefit is None:
            refused.append(RefusedVoucher(code=voucher.code, reason=reason))
            continue
        paid.append(PaidVoucher(voucher=voucher, kind=voucher.benefit.kind, reductions=tuple(reductions)))
        prices = prices.after(reductions)
    return prices, paid, refused


def _refused(voucher: PresentedVoucher, at: datetime) -> str:
    """Why a voucher may not pay whatever the basket; the state of somebody else's is not told.

    Whether it is expired follows its end and the moment of the basket, never a stored status.
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


def _cuts(benefit: Benefit, basket: Basket, prices: Prices) -> list[PriceReduction]:
    if benefit.kind == "external" or benefit.currency != basket.currency:
        return []
    if benefit.kind == "product":
        fitting = [
            s for s in prices.priced_units if basket.unit_groups[s.unit_group].sku == benefit.product and s.value
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
