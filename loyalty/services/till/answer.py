"""The till's answer: a decision in the terms of the REST contract."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from msgspec import Struct

from consumers.moments import moment_text
from loyalty.models import Voucher
from loyalty.services.till.quote import Quote, TillWarning
from promotions.choices import Family
from promotions.engine.money import amount_text, minor_unit, money_text
from promotions.engine.pipeline.decision import (
    Applied,
    AppliedVoucher,
    Decision,
    LineShare,
    NearMiss,
    PersonalizedState,
)

Answer = dict[str, object]


class IssuedVoucher(Struct, frozen=True):
    """A voucher that was issued, as it is answered."""

    code: str
    offer: str
    expires_at: str | None
    last_day: date | None


class Difference(Struct, frozen=True):
    """A field of the decision that is not what the till expected, as it is answered."""

    field: str
    expected: object
    got: object


def amount_decimal(amount: Fraction) -> Decimal:
    """Return an amount in major units as it is stored: rounded half up to four decimals."""
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    return exact.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def answer_of(
    decision: Decision,
    *,
    reference: str,
    status: str,
    balance: int | None,
    issued: Mapping[int, Sequence[IssuedVoucher]] | None = None,
    warnings: Sequence[TillWarning] = (),
    differences: Sequence[Difference] = (),
) -> Answer:
    """Return the answer to a quote, commit or return, without its explanation.

    Args:
        decision: on the basket, or on what is left of it.
        reference: the transaction's; empty for none.
        status: of the transaction, or ``quoted``.
        balance: the points balance that it leads to; None without a membership.
        issued: the vouchers that were issued, by promotion id.
        warnings: that stop nothing.
        differences: from what the till expected.
    """
    currency = decision.basket.currency
    issued = issued or {}
    return {
        "reference": reference or None,
        "currency": currency,
        "occurred_at": moment_text(decision.basket.at),
        "status": status,
        "total_inc_tax": money_text(decision.total, currency),
        "discount_total": money_text(decision.total - decision.net, currency),
        "net_total_inc_tax": money_text(decision.net, currency),
        "points": {
            "base": decision.base_points,
            "promotion": decision.promotion_points,
            "total": decision.points,
            "balance": balance,
        },
        "lines": _lines(decision, currency),
        "applied": _all_applied(decision, currency, issued),
        "vouchers_issued": [voucher for vouchers in issued.values() for voucher in vouchers],
        "vouchers_refused": [{"code": voucher.code, "reason": voucher.reason} for voucher in decision.vouchers_refused],
        "add_products": [
            {"discount": product.discount, "sku": product.sku, "quantity": str(product.quantity)}
            for product in decision.add_products
        ],
        "personalized": personalized_answer(decision.personalized),
        "warnings": [{"code": warning.code, "detail": warning.detail} for warning in warnings],
        "differences": differences,
    }


def _lines(decision: Decision, currency: str) -> list[Answer]:
    return [
        {
            "line_id": line.line_id,
            "total_inc_tax": money_text(line.total, currency),
            "discount": money_text(line.discount, currency),
            "net_total_inc_tax": money_text(line.net, currency),
            "base_points": line.base_points,
        }
        for line in decision.lines
    ]


def personalized_answer(states: Iterable[PersonalizedState]) -> list[Answer]:
    """Return the answer of a consumer's lists."""
    return [
        {
            "backend_id": state.backend_id,
            "requires_selection": state.requires_selection,
            "locks_after_first_apply": state.locks_after_first_apply,
            "locked": state.locked,
            "selected": state.selected,
        }
        for state in states
    ]


def _all_applied(decision: Decision, currency: str, issued: Mapping[int, Sequence[IssuedVoucher]]) -> list[Answer]:
    """Return what applies, in order of application: discounts, the vouchers presented, loyalty promotions."""
    answers = [
        (applied.promotion.source.family, _applied(applied, currency, issued.get(applied.promotion.id, ())))
        for applied in decision.applied
    ]
    return [
        *(answer for family, answer in answers if family == Family.DISCOUNT),
        *(_applied_voucher(voucher, currency) for voucher in decision.vouchers),
        *(answer for family, answer in answers if family != Family.DISCOUNT),
    ]


def _applied_voucher(voucher: AppliedVoucher, currency: str) -> Answer:
    """Return the answer of a voucher that paid; an offer has no versions and no content."""
    return {
        "promotion": voucher.offer,
        "version": None,
        "family": "voucher",
        "type": voucher.benefit,
        "subtype": "",
        "redemptions": 1,
        "points": 0,
        "discount": money_text(voucher.discount, currency),
        "saving": money_text(voucher.discount, currency),
        "lines": lines_answer(voucher.lines, currency),
        "vouchers": [voucher.code],
        "confirmation_message": "",
        "content": {},
    }


def _applied(applied: Applied, currency: str, vouchers: Iterable[IssuedVoucher]) -> Answer:
    source = applied.promotion.source
    answer: Answer = {
        "promotion": source.code,
        "version": source.version,
        "family": source.family,
        "type": source.type,
        "subtype": source.subtype,
        "redemptions": applied.redemptions,
        "points": applied.points,
        "discount": money_text(applied.discount, currency),
        "saving": amount_text(applied.saving, currency),
        "lines": lines_answer(applied.lines, currency),
        "vouchers": [voucher.code for voucher in vouchers],
        "confirmation_message": source.content.get("confirmation_message", ""),
        "content": source.content,
    }
    if applied.cut:
        answer["cut"] = True
    return answer


def voucher_answer(voucher: Voucher) -> IssuedVoucher:
    """Return the answer of a voucher that was issued."""
    return IssuedVoucher(
        code=voucher.code,
        offer=voucher.offer.code,
        expires_at=moment_text(voucher.expires_at) if voucher.expires_at else None,
        last_day=voucher.last_day,
    )


def lines_answer(lines: Iterable[LineShare], currency: str) -> list[Answer]:
    """Return the lines that a promotion took, as they are answered and stored."""
    return [
        {
            "line_id": line.line_id,
            "quantity": f"{line.quantity:f}",
            "discount": money_text(line.discount, currency),
            "points": line.points,
        }
        for line in lines
    ]


def explanation_of(decision: Decision, *, only: str | None = None) -> list[Answer]:
    """Return why promotions (or only the one of a code) did not apply, as it is answered and stored."""
    currency = decision.basket.currency
    return [
        {
            "promotion": refusal.promotion.code,
            "family": refusal.promotion.source.family,
            "reason": refusal.reason,
            "detail": refusal.detail,
            "won_by": list(refusal.won_by),
            "decided_by": refusal.decided_by or None,
            "near_miss": None if refusal.near_miss is None else _near_miss(refusal.near_miss, currency),
        }
        for refusal in decision.refused
        if only is None or refusal.promotion.code == only
    ]


def _near_miss(miss: NearMiss, currency: str) -> Answer:
    answer: Answer = {"lacking": miss.lacking}
    if miss.amount is not None:
        answer["amount"] = money_text(miss.amount, currency)
    if miss.units is not None:
        answer["units"] = miss.units
    if miss.count is not None:
        answer["count"] = miss.count
    if miss.rule is not None:
        answer["rule"] = miss.rule
    return answer


def differences_of(quote: Quote) -> list[Difference]:
    """Return where the decision differs from what the till expected."""
    expected, decision, currency = quote.sale.expected, quote.decision, quote.sale.currency
    if expected is None:
        return []
    compared: list[Difference] = []
    if expected.net_total_inc_tax is not None:
        net = f"{expected.net_total_inc_tax.quantize(minor_unit(currency)):f}"
        compared.append(Difference("net_total_inc_tax", net, money_text(decision.net, currency)))
    if expected.points is not None:
        compared.append(Difference("points", expected.points, decision.points))
    if expected.applied is not None:
        compared.append(Difference("applied", sorted(expected.applied), sorted(applied_codes(decision))))
    return [difference for difference in compared if difference.expected != difference.got]


def applied_codes(decision: Decision) -> set[str]:
    """Return the codes of what applies: of promotions, and of the offers whose vouchers pay."""
    promotions = {applied.promotion.code for applied in decision.applied}
    return promotions | {voucher.offer for voucher in decision.vouchers}
