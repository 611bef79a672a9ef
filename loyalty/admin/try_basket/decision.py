"""Describe the decision on a tried basket."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from consumers.admin.framework.pages import account_of
from loyalty.admin.page_urls import promotion_address
from loyalty.admin.wording import describe_amount, describe_type
from loyalty.services.till.quote import Quote
from promotions.admin.rules.wording import SCOPES, describe_tree, label_of
from promotions.admin.visibility import may_see_personalized
from promotions.choices import ReferenceKind
from promotions.engine.money import from_minor
from promotions.engine.pipeline.decision import DECIDED_BY, Applied, Decision, Refusal
from promotions.engine.pipeline.evaluate import nearest_first
from promotions.models import Promotion
from promotions.selectors.references import REFERENCE_SOURCES, ReferenceKey
from promotions.selectors.rule_values import reference_names


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of the promotion that is tried."""

    applies: bool
    words: str


# --- the decision in words --------------------------------------------------------------------------------------------


def decision_in_words(request: HttpRequest, quote: Quote, promotion: Promotion | None) -> dict[str, Any]:
    """A decision as the page shows it, the refusals nearest to applying first."""
    decision = quote.decision
    currency = decision.basket.currency
    names = {one.code: one.source.name for one in quote.prepared.snapshot.rulebook}
    rows = _names_spoken_of(quote, account_id=account_of(request).pk)

    def money(minor: int) -> str:
        return describe_amount(from_minor(minor, currency), currency)

    def told(one: Applied | Refusal) -> dict[str, Any]:
        source = one.promotion.source
        return {
            "name": source.name,
            "code": source.code,
            "url": promotion_address(request, family=source.family, promotion_id=source.id),
            "is_tried": promotion is not None and source.id == promotion.pk,
        }

    return {
        "verdict": _verdict(decision, promotion, names),
        "total": money(decision.total),
        "discounted": money(decision.total - decision.net),
        "net": money(decision.net),
        "points": f"{decision.points:,}",
        "base_points": f"{decision.base_points:,}",
        "promotion_points": f"{decision.promotion_points:,}",
        "consumer": quote.record.consumer.consumer_id if quote.record is not None else "",
        "at": decision.basket.at,
        "site": quote.prepared.site.name or quote.prepared.site.number,
        "zone": quote.prepared.site.zone.key,
        "lines": [
            {
                "sku": sold.sku,
                "name": rows.get((ReferenceKind.PRODUCT, sold.sku), ""),
                "quantity": sold.quantity,
                "total": money(line.total),
                "discount": money(line.discount),
                "net": money(line.net),
                "base_points": line.base_points,
                "is_known": sold.sku in quote.prepared.products,
            }
            for line, sold in zip(decision.lines, quote.sale.lines, strict=True)
        ],
        "applied": [
            {
                **told(one),
                "type": describe_type(one.promotion.source.type),
                "redemptions": f"{one.redemptions:,}",
                "points": f"{one.points:,}",
                "discount": money(one.discount) if one.discount else "–",
                "vouchers": one.vouchers,
            }
            for one in decision.applied
        ],
        "vouchers": [
            {"code": one.code, "offer": one.offer, "discount": money(one.discount)} for one in decision.vouchers
        ],
        "refused": [
            {**told(one), "check": label_of(one.reason), "words": refusal_in_words(one, names)}
            for one in nearest_first(decision.refused)
        ],
        "notes": list(_notes(quote, names, rows, may_see=may_see_personalized(request))),
    }


def _names_spoken_of(quote: Quote, *, account_id: int) -> dict[ReferenceKey, str]:
    """The names of the products and personalized promotions that the page speaks of."""
    skus = {line.sku for line in quote.sale.lines} | {add.sku for add in quote.decision.add_products}
    lists = {state.backend_id for state in quote.decision.personalized if state.requires_selection}
    wanted = [
        (kind, key)
        for kind, keys in ((ReferenceKind.PRODUCT, skus), (ReferenceKind.PERSONALIZED_PROMOTION, lists))
        for key in keys
    ]
    return reference_names(account_id=account_id, references=wanted, sources=REFERENCE_SOURCES)


def refusal_in_words(refusal: Refusal, names: dict[str, str]) -> str:
    """Why a promotion does not apply, with the rule that it lacked; ``names`` of promotions by code."""
    if refusal.won_by:
        winners = ", ".join(f"“{names.get(code, code)}”" for code in refusal.won_by)
        return f"Lost to {winners}: the {DECIDED_BY[refusal.decided_by]} decided."
    miss = refusal.near_miss
    if miss is not None and miss.rule is not None and refusal.reason in SCOPES:
        asked = describe_tree({"match": "all", "rules": [miss.rule]}, SCOPES[refusal.reason])
        return f"{refusal.detail} Only this is missing: {asked}."
    return refusal.detail


def _verdict(decision: Decision, promotion: Promotion | None, names: dict[str, str]) -> Verdict | None:
    if promotion is None:
        return None
    for one in decision.applied:
        if one.promotion.id == promotion.pk:
            gives = []
            if one.discount:
                currency = decision.basket.currency
                gives.append(f"{describe_amount(from_minor(one.discount, currency), currency)} off")
            if one.points:
                gives.append(f"{one.points:,} points")
            if one.vouchers:
                gives.append("1 voucher" if one.vouchers == 1 else f"{one.vouchers:,} vouchers")
            times = "once" if one.redemptions == 1 else f"{one.redemptions:,} times"
            return Verdict(applies=True, words=f"It applies {times}: {', '.join(gives)}.")
    for refusal in decision.refused:
        if refusal.promotion.id == promotion.pk:
            return Verdict(applies=False, words=f"It does not apply. {refusal_in_words(refusal, names)}")
    return Verdict(applies=False, words="It does not apply.")


def _notes(quote: Quote, names: Mapping[str, str], rows: Mapping[ReferenceKey, str], *, may_see: bool) -> Iterator[str]:
    """What else the till would be told; of personalized promotions to those alone who ``may_see`` them."""
    for warned in quote.warnings:
        yield warned.detail
    for refused in quote.decision.vouchers_refused:
        yield f"Voucher {refused.code} does not pay: {label_of(refused.reason).lower()}."
    for add in quote.decision.add_products:
        product = rows.get((ReferenceKind.PRODUCT, add.sku))
        said = f"“{product}” ({add.sku})" if product else add.sku
        giver = names.get(add.discount, add.discount)
        yield f"The till may add {add.quantity} of {said}, which “{giver}” gives for free."
    for state in quote.decision.personalized:
        if state.requires_selection and may_see:
            of = rows.get((ReferenceKind.PERSONALIZED_PROMOTION, state.backend_id), state.backend_id)
            yield f"The consumer has not chosen from the list of “{of}” yet."
