"""Describe the decision on a tried basket."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.http import HttpRequest

from consumers.admin.framework.pages import account_of
from loyalty.admin.page_urls import promotion_page_url
from loyalty.admin.wording import describe_amount, describe_line_traits, describe_lost_conflict, describe_type
from loyalty.services.till.quote import Quote
from promotions.admin.rules.phrases import describe_missing
from promotions.admin.rules.wording import PLAIN, SCOPES, Wording, label_of
from promotions.admin.visibility import may_see_personalized
from promotions.choices import ReferenceKind
from promotions.engine.money import from_minor
from promotions.engine.pipeline.decision import LIFE_REASONS, Applied, Decision, Refusal
from promotions.engine.pipeline.evaluate import nearest_first
from promotions.engine.rulebook.promotion import PromotionSource
from promotions.engine.rules.check import check_tree
from promotions.engine.rules.tree import Tree
from promotions.models import Promotion
from promotions.selectors.references import REFERENCE_SOURCES, ReferenceKey
from promotions.selectors.rule_values import reference_names


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether the promotion that is tried applies, with a sentence."""

    applies: bool
    sentence: str


@dataclass(frozen=True, kw_only=True)
class PromotionLink:
    """A promotion as a row names it; ``url`` is empty for a user who may not open its page."""

    name: str
    code: str
    url: str
    is_tried: bool


@dataclass(frozen=True, kw_only=True)
class LineRow:
    """A line; ``traits`` are how it counts, ``is_known`` is whether the catalogue has its product."""

    sku: str
    traits: str
    name: str
    quantity: Decimal
    total: str
    discount: str
    net: str
    base_points: int
    is_known: bool


@dataclass(frozen=True, kw_only=True)
class AppliedRow:
    """A promotion that applies, and what it gives."""

    promotion: PromotionLink
    type: str
    redemptions: str
    points: str
    discount: str
    vouchers: int
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class VoucherRow:
    """A voucher that pays."""

    code: str
    offer: str
    discount: str


@dataclass(frozen=True, kw_only=True)
class RefusalRow:
    """A promotion that does not apply; ``is_folded`` is one that is not in force then, and is not the one tried."""

    promotion: PromotionLink
    check: str
    reason: str
    is_folded: bool


@dataclass(frozen=True, kw_only=True)
class TriedDecision:
    """Everything that the page shows of a decision; amounts are formatted with their currency."""

    verdict: Verdict | None
    total: str
    discounted: str
    net: str
    points: str
    base_points: str
    promotion_points: str
    consumer: str
    at: datetime
    site: str
    zone: str
    lines: Sequence[LineRow]
    applied: Sequence[AppliedRow]
    vouchers: Sequence[VoucherRow]
    refused: Sequence[RefusalRow]
    notes: Sequence[str]

    @property
    def refused_shown(self) -> list[RefusalRow]:
        """Return the rows of promotions that are in force, and of the one that is tried."""
        return [row for row in self.refused if not row.is_folded]

    @property
    def refused_folded(self) -> list[RefusalRow]:
        """Return the rows of the other promotions."""
        return [row for row in self.refused if row.is_folded]


def _voucher_rows(decision: Decision, currency: str) -> list[VoucherRow]:
    return [
        VoucherRow(code=voucher.code, offer=voucher.offer, discount=_amount(voucher.discount, currency))
        for voucher in decision.vouchers
    ]


def describe_decision(request: HttpRequest, quote: Quote, promotion: Promotion | None) -> TriedDecision:
    """Describe a decision, the refusals nearest to applying first.

    Args:
        request: of the user who looks at it.
        quote: the decision with its sale.
        promotion: the one that is tried, if one is.
    """
    decision = quote.decision
    currency = decision.basket.currency
    promotion_names = {compiled.code: compiled.source.name for compiled in quote.prepared.snapshot.rulebook}
    account = account_of(request)
    names = _reference_names(quote, account_id=account.pk)
    wording = Wording(names=names, currency=currency, catalogue_currency=account.currency)
    site = quote.prepared.site

    def link(source: PromotionSource) -> PromotionLink:
        return PromotionLink(
            name=source.name,
            code=source.code,
            url=promotion_page_url(request, family=source.family, promotion_id=source.id),
            is_tried=promotion is not None and source.id == promotion.pk,
        )

    return TriedDecision(
        verdict=describe_verdict(decision, promotion, promotion_names, wording),
        total=_amount(decision.total, currency),
        discounted=_amount(decision.total - decision.net, currency),
        net=_amount(decision.net, currency),
        points=f"{decision.points:,}",
        base_points=f"{decision.base_points:,}",
        promotion_points=f"{decision.promotion_points:,}",
        consumer=quote.record.consumer.consumer_id if quote.record is not None else "",
        at=decision.basket.at,
        site=site.name or site.number,
        zone=site.zone.key,
        lines=list(_line_rows(quote, names)),
        applied=[_applied_row(applied, link(applied.promotion.source), currency) for applied in decision.applied],
        vouchers=_voucher_rows(decision, currency),
        refused=[
            RefusalRow(
                promotion=(refused := link(refusal.promotion.source)),
                check=label_of(refusal.reason),
                reason=describe_refusal(refusal, promotion_names, wording),
                is_folded=refusal.reason in LIFE_REASONS and not refused.is_tried,
            )
            for refusal in nearest_first(decision.refused)
        ],
        notes=list(_notes(quote, promotion_names, names, may_see=may_see_personalized(request))),
    )


def _amount(minor: int, currency: str) -> str:
    return describe_amount(from_minor(minor, currency), currency)


def _line_rows(quote: Quote, names: Mapping[ReferenceKey, str]) -> Iterator[LineRow]:
    currency = quote.decision.basket.currency
    lines = zip(quote.decision.lines, quote.sale.lines, quote.decision.basket.lines, strict=True)
    for line, sold, counted in lines:
        yield LineRow(
            sku=sold.sku,
            traits=describe_line_traits(
                is_weighed=counted.weight is not None, no_discount=counted.no_discount, no_points=counted.no_points
            ),
            name=names.get((ReferenceKind.PRODUCT, sold.sku), ""),
            quantity=sold.quantity,
            total=_amount(line.total, currency),
            discount=_amount(line.discount, currency),
            net=_amount(line.net, currency),
            base_points=line.base_points,
            is_known=sold.sku in quote.prepared.products,
        )


def _applied_row(applied: Applied, promotion: PromotionLink, currency: str) -> AppliedRow:
    return AppliedRow(
        promotion=promotion,
        type=describe_type(applied.promotion.source.type),
        redemptions=f"{applied.redemptions:,}",
        points=f"{applied.points:,}",
        discount=_amount(applied.discount, currency) if applied.discount else "–",
        vouchers=applied.vouchers,
        note="Cut to what was left of the budget" if applied.cut else "",
    )


def _reference_names(quote: Quote, *, account_id: int) -> dict[ReferenceKey, str]:
    """Return the names of the rows that the page mentions: products, personalized promotions, what rules reference."""
    skus = {line.sku for line in quote.sale.lines} | {addition.sku for addition in quote.decision.add_products}
    lists = {state.backend_id for state in quote.decision.personalized if state.requires_selection}
    references = [
        (kind, key)
        for kind, keys in ((ReferenceKind.PRODUCT, skus), (ReferenceKind.PERSONALIZED_PROMOTION, lists))
        for key in keys
    ]
    for refusal in quote.decision.refused:
        rule = _rule_lacking(refusal)
        if rule is not None:
            tree = rule if "rules" in rule else {"match": "all", "rules": [rule]}
            named = check_tree(tree, SCOPES[refusal.reason])[2]
            references += [(ReferenceKind(reference.kind), reference.key) for reference in named]
    return reference_names(account_id=account_id, references=references, sources=REFERENCE_SOURCES)


def describe_refusal(refusal: Refusal, promotion_names: Mapping[str, str], wording: Wording = PLAIN) -> str:
    """Describe why a promotion does not apply, with the rule that it lacked.

    Args:
        refusal: of the engine.
        promotion_names: the names of promotions by code.
        wording: the names of the rows that rules reference, and currencies.
    """
    if refusal.won_by:
        winners = [promotion_names.get(code, code) for code in refusal.won_by]
        return describe_lost_conflict(winners, decided_by=refusal.decided_by)
    rule = _rule_lacking(refusal)
    if rule is not None:
        missing = describe_missing(rule, SCOPES[refusal.reason], wording)
        return f"{refusal.detail} {missing}".rstrip()
    return refusal.detail


def _rule_lacking(refusal: Refusal) -> Tree | None:
    """Return the condition that was lacking, or else all that the promotion asks where more than one thing was."""
    if refusal.reason not in SCOPES:
        return None
    if refusal.near_miss is not None:
        return refusal.near_miss.rule
    rules: Tree | None = refusal.promotion.source.eligibility.get(refusal.reason)
    return rules


def describe_verdict(
    decision: Decision,
    promotion: Promotion | None,
    promotion_names: Mapping[str, str],
    wording: Wording = PLAIN,
) -> Verdict | None:
    """Describe whether the promotion that is tried applies; None where none is tried."""
    if promotion is None:
        return None
    for applied in decision.applied:
        if applied.promotion.id == promotion.pk:
            times = "once" if applied.redemptions == 1 else f"{applied.redemptions:,} times"
            benefits = ", ".join(_benefits(applied, decision.basket.currency))
            return Verdict(applies=True, sentence=f"It applies {times}: {benefits}.")
    for refusal in decision.refused:
        if refusal.promotion.id == promotion.pk:
            reason = describe_refusal(refusal, promotion_names, wording)
            return Verdict(applies=False, sentence=f"It does not apply. {reason}")
    return Verdict(applies=False, sentence="It does not apply.")


def _benefits(applied: Applied, currency: str) -> Iterator[str]:
    if applied.discount:
        yield f"{_amount(applied.discount, currency)} off"
    if applied.points:
        yield f"{applied.points:,} points"
    if applied.vouchers:
        yield "1 voucher" if applied.vouchers == 1 else f"{applied.vouchers:,} vouchers"
    if applied.cut:
        yield "all that was left of the budget"


def _notes(
    quote: Quote, promotion_names: Mapping[str, str], names: Mapping[ReferenceKey, str], *, may_see: bool
) -> Iterator[str]:
    """Yield what else the till would be told; personalized promotions only to users who ``may_see`` them."""
    for warning in quote.warnings:
        yield warning.detail
    for refused in quote.decision.vouchers_refused:
        yield f"Voucher {refused.code} cannot be used: {label_of(refused.reason).lower()}."
    for addition in quote.decision.add_products:
        name = names.get((ReferenceKind.PRODUCT, addition.sku))
        product = f"“{name}” ({addition.sku})" if name else addition.sku
        discount = promotion_names.get(addition.discount, addition.discount)
        yield f"The till may add {addition.quantity} of {product}, which “{discount}” gives for free."
    for state in quote.decision.personalized:
        if state.requires_selection and may_see:
            list_name = names.get((ReferenceKind.PERSONALIZED_PROMOTION, state.backend_id), state.backend_id)
            yield f"The consumer has not chosen from the list of “{list_name}” yet."
