"""What the page of a transaction shows of its decision: as it was at the sale, and what returns left of it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from consumers.admin.framework.formatting import format_moment, format_number
from consumers.models import Account
from loyalty.admin.wording import describe_amount, describe_type
from loyalty.choices import Benefit, ReversalKind, TransactionStatus
from loyalty.models import AppliedPromotion, Reversal, Transaction, Voucher
from loyalty.selectors.message import messages_of_transaction
from loyalty.selectors.rewards import vouchers_by_code
from loyalty.selectors.transaction import reversals_of
from promotions.admin.editor.summary import Trees, trees_of
from promotions.admin.rules.wording import SCOPES, label_of
from promotions.choices import Family
from promotions.engine.pipeline.decision import DECIDED_BY, REASONS
from promotions.engine.rules.attributes import Scope
from promotions.models import Promotion
from promotions.selectors.promotion import promotions_by_code

REFUSED_VOUCHERS = {
    "unknown": "There was no such voucher.",
    "other_consumer": "It is another consumer’s.",
    "redeemed": "It was used before.",
    "expired": "It had expired.",
    "cancelled": "It had been taken back.",
    "not_applicable": "It would have given nothing.",
}
"""Why a voucher that was shown did not pay."""

Names = Mapping[tuple[str, str], Promotion]
Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something as it was at the sale and, where returns changed it, as it is ``now``."""

    then: str
    now: str = ""


def change_of(then: str, now: str) -> Change:
    """What is the same is said once."""
    return Change(then=then, now="" if then == now else now)


def decision_of(transaction: Transaction, *, account: Account) -> dict[str, Any]:
    """The page's context, from what was stored at the time. A fixed number of SQL statements."""
    sold = json.loads(transaction.answer) if transaction.answer else {}
    left = json.loads(transaction.state) if transaction.state else sold
    explanation = transaction.explanation
    applied = list(transaction.applied.select_related("promotion", "version").order_by("position"))
    # Who won against others applied.
    names: dict[tuple[str, str], Promotion] = {
        **promotions_by_code(account_id=account.pk, codes={refusal["promotion"] for refusal in explanation}),
        **{(one.promotion.family, one.promotion.code): one.promotion for one in applied},
    }
    shown = [code for name in ("vouchers_issued", "vouchers_refused") for code in _codes(sold.get(name, ()))]
    paid = [one for one in sold.get("applied", ()) if one["family"] == "voucher"]
    vouchers = vouchers_by_code(account_id=account.pk, codes=[*shown, *(one["vouchers"][0] for one in paid)])
    reversals = list(reversals_of(transaction=transaction))
    return {
        "lines": list(lines_in_words(transaction, left.get("applied", ()), names, vouchers)),
        "any_returned": any(Decimal(line.get("returned", 0)) for line in transaction.lines),
        "applied": list(applied_in_words(applied, sold.get("applied", ()), transaction.currency)),
        "vouchers": list(vouchers_in_words(sold, paid, vouchers, transaction.currency)),
        "reversals": [reversal_in_words(one, transaction) for one in reversals],
        "changes": list(changes_in_words(transaction, sold)) if reversals else [],
        "refused": list(refusals_in_words(explanation, names, account=account, currency=transaction.currency)),
        # Asked for by those alone who may look at them.
        "redemption_messages": messages_of_transaction(transaction=transaction),
        "warnings": sold.get("warnings", []),
    }


def _codes(vouchers: Iterable[Document]) -> Iterator[str]:
    return (voucher["code"] for voucher in vouchers)


# --- lines ------------------------------------------------------------------------------------------------------------


def lines_in_words(
    transaction: Transaction, applied: Iterable[Document], names: Names, vouchers: Mapping[str, Voucher]
) -> Iterator[dict[str, Any]]:
    """The lines as they are now, each with what took how much off it."""
    currency = transaction.currency
    cuts: dict[str, list[dict[str, str]]] = {}
    for one in applied:
        for share in one["lines"]:
            if Decimal(share["discount"]):
                cut = {"name": _giver(one, names, vouchers), "amount": describe_amount(share["discount"], currency)}
                cuts.setdefault(share["line_id"], []).append(cut)
    for line in transaction.lines:
        yield {
            "sku": line.get("sku", ""),
            "category": line.get("category") or (line.get("product") or {}).get("category") or "",
            "quantity": line.get("quantity", ""),
            "returned": format_number(Decimal(line.get("returned", 0))),
            "price": describe_amount(line.get("unit_price_inc_tax"), currency),
            "total": describe_amount(line.get("total"), currency),
            "discount": describe_amount(line.get("discount"), currency),
            "cuts": cuts.get(line.get("line_id", ""), []),
            "net": describe_amount(line.get("net"), currency),
            "points": line.get("base_points", 0),
        }


def _giver(one: Document, names: Names, vouchers: Mapping[str, Voucher]) -> str:
    """The name of a discount, or of the offer whose voucher paid."""
    if one["family"] == "voucher":
        voucher = vouchers.get(one["vouchers"][0])
        return f"Voucher: {voucher.offer.name if voucher else one['promotion']}"
    promotion = names.get((one["family"], one["promotion"]))
    return promotion.name if promotion else str(one["promotion"])


# --- what applied -----------------------------------------------------------------------------------------------------


def applied_in_words(
    applied: Sequence[AppliedPromotion], sold: Iterable[Document], currency: str
) -> Iterator[dict[str, Any]]:
    """The promotions of a transaction: what each gave at the sale, and what is left of it."""
    at_sale = {(one["family"], one["promotion"]): one for one in sold}
    for one in applied:
        then = at_sale.get((one.promotion.family, one.promotion.code), {})
        is_discount = one.promotion.family == Family.DISCOUNT
        yield {
            "promotion": one.promotion,
            "type": describe_type(one.promotion.type),
            "version": one.version.number,
            "redemptions": change_of(f"{then.get('redemptions', one.redemptions):,}", f"{one.redemptions:,}"),
            "points": change_of(f"{then.get('points', one.points):,}", f"{one.points:,}"),
            "discount": _amounts(then.get("discount"), one.discount, currency) if is_discount else Change(then="–"),
            "saving": _amounts(then.get("saving"), one.saving, currency),
        }


def _amounts(then: Decimal | str | None, now: Decimal, currency: str) -> Change:
    return change_of(describe_amount(now if then is None else then, currency), describe_amount(now, currency))


# --- vouchers ---------------------------------------------------------------------------------------------------------


def vouchers_in_words(
    sold: Document, paid: Iterable[Document], vouchers: Mapping[str, Voucher], currency: str
) -> Iterator[dict[str, Any]]:
    """The vouchers that paid, those that were refused, and those that were issued."""
    for one in paid:
        worth = describe_amount(one["discount"], currency)
        amount = "For the till to honour" if one["type"] == Benefit.EXTERNAL else worth
        yield _voucher(one["vouchers"][0], vouchers, offer=one["promotion"], became="Paid", amount=amount)
    for one in sold.get("vouchers_refused", ()):
        said = REFUSED_VOUCHERS.get(one["reason"], label_of(one["reason"]))
        yield _voucher(one["code"], vouchers, became=f"Did not pay. {said}")
    for one in sold.get("vouchers_issued", ()):
        yield _voucher(one["code"], vouchers, offer=one["offer"], became="Issued")


def _voucher(
    code: str, vouchers: Mapping[str, Voucher], *, became: str, offer: str = "–", amount: str = "–"
) -> dict[str, Any]:
    voucher = vouchers.get(code)
    return {
        "code": code,
        "voucher": voucher,
        "offer": voucher.offer.name if voucher else offer,
        "became": became,
        "amount": amount,
        "now": voucher.get_status_display() if voucher else "–",
    }


# --- returns and voids ------------------------------------------------------------------------------------------------


def reversal_in_words(reversal: Reversal, transaction: Transaction) -> dict[str, Any]:
    """What came back, and what was taken back for it."""
    skus = {line.get("line_id"): line.get("sku", "") for line in transaction.lines}
    cancelled, spent = (reversal.reversed.get(name, []) for name in ("vouchers_cancelled", "vouchers_already_redeemed"))
    return {
        "kind": ReversalKind(reversal.kind).label,
        "reference": reversal.reference,
        "moment": format_moment(reversal.occurred_at),
        "items": [
            f"{format_number(Decimal(line['quantity']))} × {skus.get(line['line_id'], '')}" for line in reversal.lines
        ],
        "refund": describe_amount(reversal.refund_due, transaction.currency),
        "not_recovered": (
            describe_amount(reversal.not_recovered, transaction.currency) if reversal.not_recovered else ""
        ),
        "points": reversal.points,
        "cancelled": cancelled,
        "spent": spent,
    }


def changes_in_words(transaction: Transaction, sold: Document) -> Iterator[dict[str, str]]:
    """The transaction at the sale against what is left of it."""
    currency = transaction.currency
    points = sold.get("points", {})
    yield {
        "label": "Status",
        "then": TransactionStatus.COMMITTED.label,
        "now": TransactionStatus(transaction.status).label,
    }
    for label, name, now in (
        ("Total inc. tax", "total_inc_tax", transaction.total_inc_tax),
        ("Discounts", "discount_total", transaction.discount_total),
        ("Net total", "net_total_inc_tax", transaction.net_total_inc_tax),
        ("Paid", "net_total_inc_tax", transaction.paid),
    ):
        yield {
            "label": label,
            "then": describe_amount(sold.get(name), currency),
            "now": describe_amount(now, currency),
        }
    yield {"label": "Base points", "then": f"{points.get('base', 0):,}", "now": f"{transaction.base_points:,}"}
    yield {
        "label": "Points by promotions",
        "then": f"{points.get('promotion', 0):,}",
        "now": f"{transaction.promotion_points:,}",
    }


# --- why others did not apply -----------------------------------------------------------------------------------------


def refusals_in_words(
    explanation: Sequence[Document], names: Names, *, account: Account, currency: str
) -> Iterator[dict[str, Any]]:
    """Each promotion that did not apply, with what it failed and the one thing that it lacked; the nearest first."""
    explanation = sorted(explanation, key=_distance)
    scopes = {index: SCOPES[one["reason"]] for index, one in enumerate(explanation) if _missed_rule(one)}
    rules = {index: _as_tree(explanation[index]["near_miss"]["rule"]) for index in scopes}
    trees = trees_of(account, currency=currency, written=[(rules[index], scopes[index]) for index in scopes])
    for index, refusal in enumerate(explanation):
        said = [_reason(refusal, names)]
        if index in scopes:
            said.append(_lacked(trees, rules[index], scopes[index]))
        yield {
            "promotion": names.get((refusal["family"], refusal["promotion"])),
            "code": refusal["promotion"],
            "check": label_of(refusal["reason"]),
            "words": " ".join(one for one in said if one),
        }


def _distance(refusal: Document) -> tuple[bool, int, str]:
    """Those that lacked one thing come first, then those that failed later in the order of checks."""
    return refusal.get("near_miss") is None, -REASONS.index(refusal["reason"]), refusal["promotion"]


def _missed_rule(refusal: Document) -> bool:
    return (refusal.get("near_miss") or {}).get("lacking") == "rule" and refusal["reason"] in SCOPES


def _as_tree(rule: Document) -> Document:
    return rule if "rules" in rule else {"match": "all", "rules": [rule]}


def _lacked(trees: Trees, rule: Document, scope: Scope) -> str:
    words = trees.words(rule, scope)
    return f"It would have applied if: {words}." if words else ""


def _reason(refusal: Document, names: Names) -> str:
    """The reason in words; a lost conflict names the winners by their names."""
    winners = refusal.get("won_by") or ()
    if not winners:
        return str(refusal.get("detail") or "")
    known = (names.get((refusal["family"], code)) for code in winners)
    said = ", ".join(f"“{one.name}”" if one else code for one, code in zip(known, winners, strict=True))
    decided = DECIDED_BY.get(refusal.get("decided_by") or "")
    return f"Lost to {said}{f' because of its {decided}' if decided else ''}."
