"""Describe the decision of a transaction: as it was at the sale, and what returns left of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from consumers.admin.framework.formatting import format_moment, format_number
from consumers.models import Account
from consumers.types import JsonMapping
from loyalty.admin.wording import (
    describe_amount,
    describe_line_traits,
    describe_lost_conflict,
    describe_price,
    describe_type,
)
from loyalty.choices import Benefit, ReversalKind, TransactionStatus
from loyalty.models import AppliedPromotion, RedemptionMessage, Reversal, Transaction, Voucher
from loyalty.selectors.message import messages_of_transaction
from loyalty.selectors.rewards import vouchers_by_code
from loyalty.selectors.stored_decision import (
    VOUCHER_FAMILY,
    StoredAnswer,
    StoredApplied,
    StoredGhost,
    StoredLine,
    StoredRefusal,
    StoredWarning,
    answer_at_sale,
    answer_now,
    ghost_redemptions_of,
    lines_of,
    refusals_of,
    returned_lines_of,
    reversed_of,
)
from loyalty.selectors.transaction import reversals_of
from promotions.admin.editor.summary import rule_describer
from promotions.admin.rules.phrases import describe_missing
from promotions.admin.rules.wording import SCOPES, label_of
from promotions.choices import Family
from promotions.engine.pipeline.decision import LIFE_REASONS, REASONS
from promotions.models import Promotion
from promotions.selectors.promotion import promotions_by_code

REFUSED_VOUCHERS = {
    "unknown": "This voucher does not exist.",
    "other_consumer": "It belongs to another consumer.",
    "cancelled": "It was already cancelled.",
    "redeemed": "It was already used.",
    "not_yet_valid": "It was issued after this sale.",
    "expired": "It had already expired.",
    "not_applicable": "It would take nothing off this basket.",
}
"""Why a voucher that was presented did not pay, by the reason's code."""

Promotions = Mapping[tuple[str, str], Promotion]
"""Promotions by family and code."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A figure at the sale (``then``) and, where returns changed it, ``now``."""

    then: str
    now: str = ""


@dataclass(frozen=True, kw_only=True)
class LabelledChange:
    """A figure of the transaction at the sale and now."""

    label: str
    then: str
    now: str


@dataclass(frozen=True, kw_only=True)
class Deduction:
    """What a discount or a voucher took off a line."""

    name: str
    amount: str


@dataclass(frozen=True, kw_only=True)
class LineRow:
    """A line; the amounts are formatted with their currency, ``traits`` are how it counted."""

    sku: str
    traits: str
    category: str
    quantity: str
    returned: str
    price: str
    total: str
    discount: str
    deductions: Sequence[Deduction]
    net: str
    points: int


@dataclass(frozen=True, kw_only=True)
class AppliedRow:
    """A promotion that applied; ``note`` says what a budget cut."""

    promotion: Promotion
    note: str
    type: str
    version: int
    redemptions: Change
    points: Change
    discount: Change
    saving: Change


@dataclass(frozen=True, kw_only=True)
class VoucherRow:
    """A voucher that paid, was refused or was issued; ``voucher`` is None for a code that the account does not have."""

    code: str
    voucher: Voucher | None
    offer: str
    at_sale: str
    amount: str
    now: str


@dataclass(frozen=True, kw_only=True)
class ReversalRow:
    """A return or void: what came back, and what was taken back for it."""

    kind: str
    reference: str
    moment: str
    items: Sequence[str]
    refund: str
    not_recovered: str
    points: int
    cancelled: Sequence[str]
    already_redeemed: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class RefusalRow:
    """A promotion that did not apply; ``promotion`` is None for one that was deleted since.

    ``is_folded`` is one that was not in force.
    """

    promotion: Promotion | None
    code: str
    check: str
    reason: str
    is_folded: bool


@dataclass(frozen=True, kw_only=True)
class DecisionPage:
    """Everything that the page shows of a decision."""

    lines: Sequence[LineRow]
    any_returned: bool
    applied: Sequence[AppliedRow]
    vouchers: Sequence[VoucherRow]
    reversals: Sequence[ReversalRow]
    changes: Sequence[LabelledChange]
    refused: Sequence[RefusalRow]
    redemption_messages: QuerySet[RedemptionMessage]
    warnings: Sequence[StoredWarning]

    @property
    def refused_shown(self) -> list[RefusalRow]:
        """Return the rows of promotions that were in force."""
        return [row for row in self.refused if not row.is_folded]

    @property
    def refused_folded(self) -> list[RefusalRow]:
        """Return the rows of the other promotions."""
        return [row for row in self.refused if row.is_folded]


def describe_decision(transaction: Transaction, *, account: Account) -> DecisionPage:
    """Describe what was stored at the sale and after each return. A fixed number of SQL statements."""
    at_sale, now = answer_at_sale(transaction), answer_now(transaction)
    refusals, lines = refusals_of(transaction), lines_of(transaction)
    applied = list(transaction.applied.select_related("promotion", "version").order_by("position"))
    # A promotion that won against others applied itself.
    promotions: dict[tuple[str, str], Promotion] = {
        **promotions_by_code(account_id=account.pk, codes={refusal.promotion for refusal in refusals}),
        **{(row.promotion.family, row.promotion.code): row.promotion for row in applied},
    }
    vouchers = vouchers_by_code(account_id=account.pk, codes=list(_voucher_codes(at_sale)))
    reversals = list(reversals_of(transaction=transaction))
    currency = transaction.currency
    return DecisionPage(
        lines=list(describe_lines(lines, now.applied, promotions, vouchers, currency=currency)),
        any_returned=any(line.returned for line in lines),
        applied=list(describe_applied(applied, at_sale.applied, currency=currency)),
        vouchers=list(describe_vouchers(at_sale, vouchers, currency=currency)),
        reversals=[describe_reversal(reversal, lines, currency=currency) for reversal in reversals],
        changes=list(describe_changes(transaction, at_sale)) if reversals else [],
        refused=list(
            describe_refusals(
                refusals, promotions, ghost_redemptions_of(transaction), account=account, currency=currency
            )
        ),
        # Lazy: the template asks for them only on behalf of users who may see them.
        redemption_messages=messages_of_transaction(transaction=transaction),
        warnings=at_sale.warnings,
    )


def _voucher_codes(answer: StoredAnswer) -> Iterator[str]:
    yield from (issued.code for issued in answer.vouchers_issued)
    yield from (refused.code for refused in answer.vouchers_refused)
    yield from (paid.vouchers[0] for paid in answer.vouchers_paid)


# --- lines ------------------------------------------------------------------------------------------------------------


def describe_lines(
    lines: Iterable[StoredLine],
    applied: Iterable[StoredApplied],
    promotions: Promotions,
    vouchers: Mapping[str, Voucher],
    *,
    currency: str,
) -> Iterator[LineRow]:
    """Describe the lines as they are now, each with what every discount and voucher took off it."""
    deductions: dict[str, list[Deduction]] = {}
    for given in applied:
        for share in given.lines:
            if share.discount:
                name = _discount_name(given, promotions, vouchers)
                deduction = Deduction(name=name, amount=describe_amount(share.discount, currency))
                deductions.setdefault(share.line_id, []).append(deduction)
    for line in lines:
        yield LineRow(
            sku=line.sku,
            traits=describe_line_traits(
                is_weighed=line.weighed, no_discount=line.no_discount, no_points=line.no_points
            ),
            category=line.category or (line.product.category if line.product else ""),
            quantity=line.quantity,
            returned=format_number(line.returned),
            price=describe_price(line.unit_price_inc_tax, currency),
            total=describe_amount(line.total, currency),
            discount=describe_amount(line.discount, currency),
            deductions=deductions.get(line.line_id, []),
            net=describe_amount(line.net, currency),
            points=line.base_points,
        )


def _discount_name(applied: StoredApplied, promotions: Promotions, vouchers: Mapping[str, Voucher]) -> str:
    """Return the name of a discount, or of the offer whose voucher paid; the code where it was deleted."""
    if applied.family == VOUCHER_FAMILY:
        voucher = vouchers.get(applied.vouchers[0])
        return f"Voucher: {voucher.offer.name if voucher else applied.promotion}"
    promotion = promotions.get(applied.key)
    return promotion.name if promotion else applied.promotion


# --- what applied -----------------------------------------------------------------------------------------------------


def describe_applied(
    rows: Sequence[AppliedPromotion], applied_at_sale: Iterable[StoredApplied], *, currency: str
) -> Iterator[AppliedRow]:
    """Describe the promotions that applied: what each gave at the sale, and what is left of it."""
    by_key = {applied.key: applied for applied in applied_at_sale}
    for row in rows:
        then = by_key.get((row.promotion.family, row.promotion.code))
        discount = describe_amount(row.discount, currency)
        saving = describe_amount(row.saving, currency)
        yield AppliedRow(
            promotion=row.promotion,
            note=describe_cut(then, row.version.definition, currency=currency) if then and then.cut else "",
            type=describe_type(row.version.definition["type"]),
            version=row.version.number,
            redemptions=change_of(f"{then.redemptions if then else row.redemptions:,}", f"{row.redemptions:,}"),
            points=change_of(f"{then.points if then else row.points:,}", f"{row.points:,}"),
            discount=(
                change_of(describe_amount(then.discount, currency) if then else discount, discount)
                if row.promotion.family == Family.DISCOUNT
                else Change(then="–")
            ),
            saving=change_of(describe_amount(then.saving, currency) if then else saving, saving),
        )


def describe_cut(applied: StoredApplied, definition: JsonMapping, *, currency: str) -> str:
    """Say what a promotion gave at the sale where a budget had no more left; its version says whose budget."""
    if applied.discount:
        given = describe_amount(applied.discount, currency)
    elif applied.points:
        given = f"{applied.points:,} {'point' if applied.points == 1 else 'points'}"
    else:
        given = f"{applied.redemptions:,} {'voucher' if applied.redemptions == 1 else 'vouchers'}"
    budgets = {"budget": "its budget", "customer_budget": "the customer’s budget"}
    cut_by = [words for name, words in budgets.items() if (definition.get(name) or {}).get("when_short") == "cut"]
    return f"Cut to {given}: no more was left of {' or '.join(cut_by) or 'the campaign’s budget'}."


def change_of(then: str, now: str) -> Change:
    """Return the change from one text to another; ``now`` stays empty where they are the same."""
    return Change(then=then, now="" if then == now else now)


# --- vouchers ---------------------------------------------------------------------------------------------------------


def describe_vouchers(answer: StoredAnswer, vouchers: Mapping[str, Voucher], *, currency: str) -> Iterator[VoucherRow]:
    """Describe the vouchers that paid, those that were refused, and those that were issued."""
    for paid in answer.vouchers_paid:
        is_external = paid.type == Benefit.EXTERNAL
        amount = "Honoured by the till" if is_external else describe_amount(paid.discount, currency)
        yield _voucher_row(paid.vouchers[0], vouchers, offer=paid.promotion, at_sale="Paid", amount=amount)
    for refused in answer.vouchers_refused:
        reason = REFUSED_VOUCHERS.get(refused.reason, label_of(refused.reason))
        yield _voucher_row(refused.code, vouchers, at_sale=f"Not used. {reason}")
    for issued in answer.vouchers_issued:
        yield _voucher_row(issued.code, vouchers, offer=issued.offer, at_sale="Issued")


def _voucher_row(
    code: str, vouchers: Mapping[str, Voucher], *, at_sale: str, offer: str = "–", amount: str = "–"
) -> VoucherRow:
    voucher = vouchers.get(code)
    return VoucherRow(
        code=code,
        voucher=voucher,
        offer=voucher.offer.name if voucher else offer,
        at_sale=at_sale,
        amount=amount,
        now=voucher.get_status_display() if voucher else "–",
    )


# --- returns and voids ------------------------------------------------------------------------------------------------


def describe_reversal(reversal: Reversal, lines: Iterable[StoredLine], *, currency: str) -> ReversalRow:
    """Describe what came back, and what was taken back for it."""
    skus = {line.line_id: line.sku for line in lines}
    taken_back = reversed_of(reversal)
    return ReversalRow(
        kind=ReversalKind(reversal.kind).label,
        reference=reversal.reference,
        moment=format_moment(reversal.occurred_at),
        items=[
            f"{format_number(line.quantity)} × {skus.get(line.line_id, '')}" for line in returned_lines_of(reversal)
        ],
        refund=describe_amount(reversal.refund_due, currency),
        not_recovered=describe_amount(reversal.not_recovered, currency) if reversal.not_recovered else "",
        points=reversal.points,
        cancelled=taken_back.vouchers_cancelled,
        already_redeemed=taken_back.vouchers_already_redeemed,
    )


def describe_changes(transaction: Transaction, at_sale: StoredAnswer) -> Iterator[LabelledChange]:
    """Describe the transaction at the sale next to what is left of it."""
    status = TransactionStatus(transaction.status)
    yield LabelledChange(label="Status", then=TransactionStatus.COMMITTED.label, now=status.label)
    amounts: tuple[tuple[str, Decimal | None, Decimal], ...] = (
        ("Total inc. tax", at_sale.total_inc_tax, transaction.total_inc_tax),
        ("Discounts", at_sale.discount_total, transaction.discount_total),
        ("Net total", at_sale.net_total_inc_tax, transaction.net_total_inc_tax),
        ("Paid", at_sale.net_total_inc_tax, transaction.paid),
    )
    for label, then, now in amounts:
        yield LabelledChange(
            label=label,
            then=describe_amount(then, transaction.currency),
            now=describe_amount(now, transaction.currency),
        )
    for label, points_then, points_now in (
        ("Base points", at_sale.points.base, transaction.base_points),
        ("Promotion points", at_sale.points.promotion, transaction.promotion_points),
    ):
        yield LabelledChange(label=label, then=f"{points_then:,}", now=f"{points_now:,}")


# --- why others did not apply -----------------------------------------------------------------------------------------


def describe_refusals(
    refusals: Iterable[StoredRefusal],
    promotions: Promotions,
    ghosts: Iterable[StoredGhost],
    *,
    account: Account,
    currency: str,
) -> Iterator[RefusalRow]:
    """Describe why each other promotion did not apply and the one thing that it lacked; the nearest come first."""
    refusals = sorted(refusals, key=_distance)
    rules = {
        index: (rule if "rules" in rule else {"match": "all", "rules": [rule]}, SCOPES[refusal.reason])
        for index, refusal in enumerate(refusals)
        if refusal.reason in SCOPES and (rule := _rule_lacking(refusal, promotions.get(refusal.key)))
    }
    describer = rule_describer(account, currency=currency, trees=list(rules.values()))
    withheld = {ghost.promotion: ghost for ghost in ghosts}
    for index, refusal in enumerate(refusals):
        reasons = [describe_reason(refusal, promotions)]
        promotion = promotions.get(refusal.key)
        if promotion is not None and promotion.pk in withheld:
            reasons.append(describe_ghost(withheld[promotion.pk]))
        if index in rules:
            reasons.append(describe_missing(*rules[index], describer.wording))
        yield RefusalRow(
            promotion=promotion,
            code=refusal.promotion,
            check=label_of(refusal.reason),
            reason=" ".join(reason for reason in reasons if reason),
            is_folded=refusal.reason in LIFE_REASONS,
        )


def _rule_lacking(refusal: StoredRefusal, promotion: Promotion | None) -> JsonMapping | None:
    """Return the condition that was lacking, or else all that the promotion asks; None where they are not known.

    A promotion that was edited may have asked something else at the sale.
    """
    miss = refusal.near_miss
    if miss is not None:
        return miss.rule if miss.lacking == "rule" else None
    if promotion is None or promotion.version != 1:
        return None
    rules: JsonMapping | None = promotion.eligibility.get(refusal.reason)
    return rules


def describe_ghost(ghost: StoredGhost) -> str:
    """Describe what was withheld from a consumer who was held out."""
    times = "once" if ghost.redemptions == 1 else f"{ghost.redemptions:,} times"
    points = f", for {ghost.points:,} points" if ghost.points else ""
    holdout = "universal holdout" if ghost.is_universal else "control group"
    return f"Without the {holdout} it would have applied {times}{points}."


def _distance(refusal: StoredRefusal) -> tuple[bool, int, str]:
    """Order those that lacked one thing first, then those that failed later in the order of checks."""
    return refusal.near_miss is None, -REASONS.index(refusal.reason), refusal.promotion


def describe_reason(refusal: StoredRefusal, promotions: Promotions) -> str:
    """Describe why a promotion did not apply; a lost conflict names the winners."""
    if not refusal.won_by:
        return refusal.detail or ""
    winners = [(code, promotions.get((refusal.family, code))) for code in refusal.won_by]
    names = [winner.name if winner else code for code, winner in winners]
    return describe_lost_conflict(names, decided_by=refusal.decided_by or "")
