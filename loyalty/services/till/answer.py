"""The till's answer: a decision in the words of the REST contract."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from consumers.moments import moment_text
from loyalty.models import Voucher
from loyalty.services.till.quote import Quote, Warned
from promotions.choices import Family
from promotions.engine.money import exponent, minor_unit, money_text, round_half_up_ratio
from promotions.engine.pipeline.decision import Applied, AppliedVoucher, Decision, LineShare, NearMiss

Answer = dict[str, Any]


def amount_text(amount: Fraction, currency: str) -> str:
    """An amount in major units, rounded half up to the currency's minor unit."""
    minor = round_half_up_ratio(amount.numerator * 10 ** exponent(currency), amount.denominator)
    return money_text(minor, currency)


def amount_decimal(amount: Fraction) -> Decimal:
    """An amount in major units as it is stored: rounded half up to four decimals."""
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    return exact.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def answer_of(
    decision: Decision,
    *,
    reference: str,
    status: str,
    balance: int | None,
    issued: Mapping[int, Sequence[Mapping[str, Any]]] | None = None,
    warnings: Sequence[Warned] = (),
    differences: Sequence[Mapping[str, Any]] = (),
) -> Answer:
    """The answer to a quote, commit or return, without its explanation.

    Args:
        decision: on the basket, or on what is left of it.
        reference: the transaction's; empty for none.
        status: of the transaction, or ``quoted``.
        balance: the points balance that it leads to; None without a membership.
        issued: the vouchers that were issued, by promotion id, each with code, offer and expires_at.
        warnings: that stop nothing.
        differences: from what the till expected.
    """
    basket = decision.basket
    currency = basket.currency
    issued = issued or {}

    def money(minor: int) -> str:
        return money_text(minor, currency)

    return {
        "reference": reference or None,
        "currency": currency,
        "occurred_at": moment_text(basket.at),
        "status": status,
        "total_inc_tax": money(decision.total),
        "discount_total": money(decision.total - decision.net),
        "net_total_inc_tax": money(decision.net),
        "points": {
            "base": decision.base_points,
            "promotion": decision.promotion_points,
            "total": decision.points,
            "balance": balance,
        },
        "lines": [
            {
                "line_id": line.line_id,
                "total_inc_tax": money(line.total),
                "discount": money(line.discount),
                "net_total_inc_tax": money(line.net),
                "base_points": line.base_points,
            }
            for line in decision.lines
        ],
        "applied": _all_applied(decision, currency, issued),
        "vouchers_issued": [voucher for vouchers in issued.values() for voucher in vouchers],
        "vouchers_refused": [{"code": one.code, "reason": one.reason} for one in decision.vouchers_refused],
        "add_products": [
            {"discount": one.discount, "sku": one.sku, "quantity": str(one.quantity)} for one in decision.add_products
        ],
        "personalized": [
            {
                "backend_id": one.backend_id,
                "requires_selection": one.requires_selection,
                "locks_after_first_apply": one.locks_after_first_apply,
                "locked": one.locked,
                "selected": list(one.selected),
            }
            for one in decision.personalized
        ],
        "warnings": [{"code": warned.code, "detail": warned.detail} for warned in warnings],
        "differences": list(differences),
    }


def _all_applied(decision: Decision, currency: str, issued: Mapping[int, Sequence[Mapping[str, Any]]]) -> list[Answer]:
    """What applies, in order of application: discounts, the vouchers presented, loyalty promotions."""
    promotions = [
        (one.promotion.source.family, _applied(one, currency, issued.get(one.promotion.id, ())))
        for one in decision.applied
    ]
    return [
        *(answer for family, answer in promotions if family == Family.DISCOUNT),
        *(_applied_voucher(voucher, currency) for voucher in decision.vouchers),
        *(answer for family, answer in promotions if family != Family.DISCOUNT),
    ]


def _applied_voucher(voucher: AppliedVoucher, currency: str) -> Answer:
    """A voucher that paid; an offer has no versions and no content."""
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
        "lines": lines_stored(voucher.lines, currency),
        "vouchers": [voucher.code],
        "confirmation_message": "",
        "content": {},
    }


def _applied(applied: Applied, currency: str, vouchers: Iterable[Mapping[str, Any]]) -> Answer:
    source = applied.promotion.source
    return {
        "promotion": source.code,
        "version": source.version,
        "family": source.family,
        "type": source.type,
        "subtype": source.subtype,
        "redemptions": applied.redemptions,
        "points": applied.points,
        "discount": money_text(applied.discount, currency),
        "saving": amount_text(applied.saving, currency),
        "lines": lines_stored(applied.lines, currency),
        "vouchers": [voucher["code"] for voucher in vouchers],
        "confirmation_message": source.content.get("confirmation_message", ""),
        "content": source.content,
    }


def voucher_answer(voucher: Voucher) -> Answer:
    """A voucher that was issued."""
    return {
        "code": voucher.code,
        "offer": voucher.offer.code,
        "expires_at": moment_text(voucher.expires_at) if voucher.expires_at else None,
    }


def lines_stored(lines: Iterable[LineShare], currency: str) -> list[Answer]:
    """The lines that a promotion took, as they are answered and kept."""
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
    """Why promotions (or only the one of a code) did not apply, as it is answered and kept."""
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
    said: Answer = {"lacking": miss.lacking}
    if miss.amount is not None:
        said["amount"] = money_text(miss.amount, currency)
    if miss.units is not None:
        said["units"] = miss.units
    if miss.count is not None:
        said["count"] = miss.count
    if miss.rule is not None:
        said["rule"] = miss.rule
    return said


def differences_of(quote: Quote) -> list[Answer]:
    """Where the decision differs from what the till expected."""
    expected, decision, currency = quote.sale.expected, quote.decision, quote.sale.currency
    if expected is None:
        return []
    found: list[Answer] = []
    if expected.net_total_inc_tax is not None:
        wanted = f"{expected.net_total_inc_tax.quantize(minor_unit(currency)):f}"
        _compare(found, "net_total_inc_tax", wanted, money_text(decision.net, currency))
    if expected.points is not None:
        _compare(found, "points", expected.points, decision.points)
    if expected.applied is not None:
        _compare(found, "applied", sorted(expected.applied), sorted(applied_codes(decision)))
    return found


def _compare(found: list[Answer], name: str, expected: object, got: object) -> None:
    if expected != got:
        found.append({"field": name, "expected": expected, "got": got})


def applied_codes(decision: Decision) -> set[str]:
    """The codes of what applies: of promotions, and of the offers whose vouchers pay."""
    return {one.promotion.code for one in decision.applied} | {voucher.offer for voucher in decision.vouchers}
