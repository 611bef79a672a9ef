"""Returns and voids: what applied to a sale is applied again to what is left, and the difference is taken back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256

import msgspec
from django.db import transaction

from consumers.exceptions import Problem
from consumers.models import Account, Consumer
from consumers.moments import moment_text
from consumers.normal_form import decomposed_document
from loyalty.choices import EntryKind, ReversalKind, TransactionKind, TransactionStatus, VoucherStatus
from loyalty.exceptions import ReferenceReused, ReturnInvalid, TransactionNotFound, TransactionVoided
from loyalty.models import AppliedPromotion, LedgerEntry, Reversal, Transaction, Voucher
from loyalty.selectors.rewards import UNUSED
from loyalty.selectors.transaction import last_promotion_day, last_transaction_moment
from loyalty.services.rewards.voucher import vouchers_cancel, vouchers_release
from loyalty.services.statements.bulk_insert import rows_insert
from loyalty.services.statements.counters import PromotionCount, promotions_decrease, usage_take_back
from loyalty.services.till.answer import (
    Answer,
    IssuedVoucher,
    amount_decimal,
    answer_of,
    lines_answer,
    personalized_answer,
    voucher_answer,
)
from loyalty.services.till.commit import MAX_CLOCK_LEAD
from loyalty.services.till.history import basket_left
from loyalty.services.till.locks import counters_lock
from loyalty.services.till.records import (
    StoredLine,
    TransactionFacts,
    facts_after_return,
    lines_from_json,
    lines_to_json,
)
from loyalty.services.till.retry import run_with_retry
from loyalty.services.till.snapshot import AccountSnapshot, snapshot_current
from promotions.choices import Family
from promotions.engine.benefits.discounts import PersonalizedTerms
from promotions.engine.definition.budgets import is_budget_in_money
from promotions.engine.facts.consumer import PersonalizedChoice, Shopper, Usage
from promotions.engine.money import from_minor, money_text, to_minor
from promotions.engine.pipeline.budgets import money_given
from promotions.engine.pipeline.decision import Decision, PersonalizedState
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.pipeline.price_phase import personalized_states
from promotions.engine.pipeline.strategy import ReturnLimit, ReturnPolicy, ReturnStrategy
from promotions.engine.rulebook.promotion import OfferFacts, PromotionSource, Terms, compile_promotion
from promotions.engine.rulebook.rulebook import Rulebook
from promotions.selectors.personalized_promotion import personalized_lists_by_backend_id
from promotions.services.personalized.choices import personalized_choices_release


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnedLine:
    """How much of a line came back."""

    line_id: str
    quantity: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class ReversalRequest:
    """What a till asks to take back. ``occurred_at`` None is now; a void has no ``lines`` and takes back all."""

    kind: ReversalKind
    transaction: str
    reference: str
    lines: tuple[ReturnedLine, ...] = ()
    occurred_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """A hash that is the same for two requests of the same content."""
        return sha256(msgspec.json.encode(self._content)).hexdigest()

    @property
    def decomposed_fingerprint(self) -> str:
        """The hash that the request has from before texts were put into NFC, if the till sent accents apart."""
        return sha256(msgspec.json.encode(decomposed_document(self._content))).hexdigest()

    @property
    def _content(self) -> list[object]:
        moment = moment_text(self.occurred_at) if self.occurred_at else None
        lines = sorted([line.line_id, f"{line.quantity.normalize():f}"] for line in self.lines)
        return [str(self.kind), self.transaction, moment, lines]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reversed:
    """A return or void: the answer as JSON text, and whether this call wrote it."""

    answer: str
    created: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _OriginalSale:
    """A transaction just before a return, with its promotions, the vouchers that they issued, and those that paid."""

    row: Transaction
    snapshot: AccountSnapshot
    facts: TransactionFacts
    lines: list[StoredLine]
    applied: list[AppliedPromotion]
    issued: list[Voucher]
    paid_with: list[Voucher]


@dataclass(frozen=True, kw_only=True, slots=True)
class _ReversalResult:
    """What a return takes back, and the decision on what is left. Amounts in minor units.

    ``points`` and ``redemptions`` are those taken back, by promotion id, and ``counts`` what counters are reduced by.
    ``cancelled`` are vouchers that are taken
    back, ``spent`` the codes of those that should be but were used by then.
    """

    decision: Decision
    returned: Mapping[str, Decimal]
    status: TransactionStatus
    refund_due: int
    not_recovered: int
    base_points: int
    points: dict[int, int]
    redemptions: dict[int, int]
    counts: list[PromotionCount]
    cancelled: list[Voucher]
    spent: list[str]

    @property
    def all_points(self) -> int:
        """Base points and those of promotions."""
        return self.base_points + sum(self.points.values())

    @property
    def nothing_is_left(self) -> bool:
        """Whether the whole transaction is returned."""
        return not self.decision.basket.lines


def transaction_reverse(*, account: Account, request: ReversalRequest, at: datetime) -> Reversed:
    """Return a part of a transaction, or void it, once; for the same request again, return the stored answer.

    Args:
        account: read in this request.
        request: what comes back.
        at: now.

    Raises:
        TransactionNotFound: the account has no such transaction.
        TransactionVoided: it was voided before.
        ReturnInvalid: a line is unknown or less of it is left, or the moment is out of bounds.
        ReferenceReused: the reference was used with other content.
    """
    return run_with_retry(lambda _attempt: _reverse_once(account, request, at), account=account)


def transaction_return_preview(*, account: Account, request: ReversalRequest, at: datetime) -> str:
    """Return what a return would answer now, as JSON text. Writes nothing and locks nothing.

    Raises:
        TransactionNotFound, TransactionVoided, ReturnInvalid: as the return itself.
    """
    row = Transaction.objects.select_related("consumer__membership").get(pk=_transaction_keys(account, request)[0])
    original = _original_sale(account, row)
    return _answer(original, _reverse(original, request, at), request)


def _reverse_once(account: Account, request: ReversalRequest, at: datetime) -> Reversed:
    pk, consumer_pk = _transaction_keys(account, request)
    # Closes the races of two returns of one transaction, and of a return with a sale for the same consumer, limit or
    # stock. Locks are taken in the order of a sale: the consumer, then (a sale has none yet) the transaction, then
    # limited promotions by id and stocked offers by id.
    with transaction.atomic():
        consumer = None
        if consumer_pk is not None:
            consumer = Consumer.objects.select_for_update(of=("self",)).select_related("membership").get(pk=consumer_pk)
        row = Transaction.objects.select_for_update().get(pk=pk)
        stored = Reversal.objects.filter(account=account, reference=request.reference).first()
        if stored is not None:
            return _stored_answer(stored, request)
        row.consumer = consumer
        original = _original_sale(account, row)
        counters_lock(
            promotion_ids=[applied.promotion_id for applied in original.applied],
            offer_ids={voucher.offer_id for voucher in (*original.issued, *original.paid_with)},
        )
        result = _reverse(original, request, at)
        answer = _answer(original, result, request)
        _write(original, result, request, answer=answer, at=at)
        return Reversed(answer=answer, created=True)


def _transaction_keys(account: Account, request: ReversalRequest) -> tuple[int, int | None]:
    """Return the ids of the transaction and of its consumer, which never change."""
    rows = Transaction.objects.filter(account=account, reference=request.transaction)
    keys = rows.values_list("pk", "consumer_id").first()
    if keys is None:
        raise TransactionNotFound(f"There is no transaction {request.transaction}.")
    return keys


def _stored_answer(stored: Reversal, request: ReversalRequest) -> Reversed:
    if stored.fingerprint not in (request.fingerprint, request.decomposed_fingerprint):
        raise ReferenceReused(f"The reference {request.reference} was used for another return.", attr="reference")
    return Reversed(answer=stored.answer, created=False)


# --- deciding ---------------------------------------------------------------------------------------------------------


def _original_sale(account: Account, row: Transaction) -> _OriginalSale:
    facts = TransactionFacts.from_json(row.facts)
    applied = AppliedPromotion.objects.filter(transaction=row, redemptions__gt=0).select_related("version")
    issued = Voucher.objects.filter(issued_by__transaction=row).exclude(status=VoucherStatus.CANCELLED)
    paid_with = row.vouchers_redeemed.select_related("issued_by__transaction") if facts.vouchers else ()
    return _OriginalSale(
        row=row,
        snapshot=snapshot_current(account=account),
        facts=facts,
        lines=lines_from_json(row.lines),
        applied=list(applied.order_by("position")),
        issued=list(issued.select_related("offer", "issued_by__transaction").order_by("pk")),
        paid_with=list(paid_with),
    )


def _reverse(original: _OriginalSale, request: ReversalRequest, at: datetime) -> _ReversalResult:
    """Decide on what is left, and work out what is taken back."""
    row, applied = original.row, original.applied
    _check_request(original, request, at)
    if request.kind == ReversalKind.VOID:
        returned = {line.line_id: line.quantity_left for line in original.lines}
    else:
        returned = {line.line_id: line.quantity for line in request.lines}
    decision = _decide(original, returned)
    paid = to_minor(row.paid, row.currency)
    points_left = {left.promotion.id: left.points for left in decision.applied}
    redemptions_left = {left.promotion.id: left.redemptions for left in decision.applied}
    points = {
        promotion.promotion_id: promotion.points - points_left.get(promotion.promotion_id, 0) for promotion in applied
    }
    redemptions = {
        promotion.promotion_id: promotion.redemptions - redemptions_left.get(promotion.promotion_id, 0)
        for promotion in applied
    }
    cancelled, spent = _vouchers_back(original, redemptions_left)
    if not decision.basket.lines:
        cancelled += [voucher for voucher in original.paid_with if _is_unrecovered(voucher)]
    return _ReversalResult(
        decision=decision,
        returned=returned,
        status=_status(request, decision),
        refund_due=max(0, paid - decision.net),
        not_recovered=max(0, decision.net - paid),
        base_points=row.base_points - decision.base_points,
        points=points,
        redemptions={promotion_id: count for promotion_id, count in redemptions.items() if count},
        counts=_counts_back(original, decision),
        cancelled=cancelled,
        spent=spent,
    )


def _counts_back(original: _OriginalSale, decision: Decision) -> list[PromotionCount]:
    """Return what is taken from the counters of promotions, where anything is."""
    left = {applied.promotion.id: applied for applied in decision.applied}
    counts = []
    for applied in original.applied:
        before = _count_before(applied, original)
        after = left.get(applied.promotion_id)
        if after is None:
            counts.append(before)
            continue
        saving = money_given(after.saving, original.row.currency)
        used = after.points if after.promotion.gives_points else saving
        counts.append(
            PromotionCount(
                before.promotion_id,
                before.redemptions - after.redemptions,
                before.budget_used - used,
                before.saving_given - saving,
            )
        )
    return [count for count in counts if any(count[1:])]


def _count_before(applied: AppliedPromotion, original: _OriginalSale) -> PromotionCount:
    """Return what a promotion counts of the transaction so far, at the value that its points had at the sale."""
    definition, currency = applied.version.definition, original.row.currency
    if is_budget_in_money(definition["family"], definition["type"]):
        saving = money_given(Fraction(applied.saving), currency)
        return PromotionCount(applied.promotion_id, applied.redemptions, saving, saving)
    saving = money_given(applied.points * Fraction(original.facts.point_value), currency)
    return PromotionCount(applied.promotion_id, applied.redemptions, applied.points, saving)


def _check_request(original: _OriginalSale, request: ReversalRequest, at: datetime) -> None:
    row = original.row
    if row.status == TransactionStatus.VOIDED:
        raise TransactionVoided("The transaction was voided.")
    if row.kind == TransactionKind.UNLINKED_RETURN:
        raise ReturnInvalid("A return cannot be returned.")
    problems = []
    moment = request.occurred_at or at
    if moment > at + MAX_CLOCK_LEAD:
        problems.append(Problem(code="in_the_future", detail="The date and time is in the future.", attr="occurred_at"))
    elif moment < row.occurred_at and request.occurred_at is not None:
        problems.append(Problem(code="invalid", detail="The date and time is before the sale.", attr="occurred_at"))
    left = {line.line_id: line.quantity_left for line in original.lines}
    for i, line in enumerate(request.lines):
        if line.line_id not in left:
            detail = f"The transaction has no line {line.line_id}."
            problems.append(Problem(code="does_not_exist", detail=detail, attr=f"lines.{i}.line_id"))
        elif line.quantity > left[line.line_id]:
            detail = f"Only {left[line.line_id].normalize():f} of this line can still be returned."
            problems.append(Problem(code="more_than_bought", detail=detail, attr=f"lines.{i}.quantity"))
    if problems:
        raise ReturnInvalid(problems=problems)


def _status(request: ReversalRequest, decision: Decision) -> TransactionStatus:
    if request.kind == ReversalKind.VOID:
        return TransactionStatus.VOIDED
    return TransactionStatus.PARTLY_RETURNED if decision.basket.lines else TransactionStatus.RETURNED


def _decide(original: _OriginalSale, returned: Mapping[str, Decimal]) -> Decision:
    """Apply what applied again to what is left, by the versions, products, choices and rates of the sale."""
    row, facts = original.row, original.facts
    limits = {
        applied.promotion_id: ReturnLimit(
            position=applied.position,
            redemptions=applied.redemptions,
            points=applied.points,
            cut_discount=_cut_discount(applied, original),
        )
        for applied in original.applied
    }
    case = EvaluationCase(
        basket=basket_left(row, snapshot=original.snapshot, returned=returned),
        shopper=_shopper(original),
        usage=Usage(),
        vouchers=[voucher.presented for voucher in facts.vouchers],
        strategy=ReturnStrategy(limits=limits, paid=to_minor(row.paid, row.currency), base_points=row.base_points),
    )
    decision = evaluate(case, _rulebook(original), ReturnPolicy(limits=limits))
    # What a budget cut stays cut: it may never give more than it did.
    cut = facts.cut_ids
    applied = [left._replace(cut=True) if left.promotion.id in cut else left for left in decision.applied]
    return replace(decision, applied=tuple(applied)) if cut else decision


def _cut_discount(applied: AppliedPromotion, original: _OriginalSale) -> int | None:
    """Return the discount, in minor units, of one that a budget cut; None of all others."""
    if applied.promotion_id not in original.facts.cut_ids or applied.version.definition["family"] != Family.DISCOUNT:
        return None
    return to_minor(applied.discount, original.row.currency)


def _shopper(original: _OriginalSale) -> Shopper | None:
    row, facts = original.row, original.facts
    if row.consumer is None:
        return None
    return Shopper(
        consumer_id=row.consumer.consumer_id,
        today=row.local_day,
        is_loyalty_member=facts.is_loyalty_member,
        personalized={
            backend_id: PersonalizedChoice(products=skus, selected=skus) for backend_id, skus in facts.lists.items()
        },
    )


def _rulebook(original: _OriginalSale) -> Rulebook:
    """Compile what applied, in the versions that applied, under the earning terms of the sale."""
    currency, facts = original.row.currency, original.facts
    terms = Terms(
        currency=currency,
        earn_rates={currency: Fraction(facts.earn_rate)},
        point_value=Fraction(facts.point_value),
    )
    return Rulebook.build(
        (compile_promotion(_source(applied)) for applied in original.applied),
        terms=terms,
        offers=_offers(original),
        personalized={
            backend_id: PersonalizedTerms(maximum_distinct_products=None, lock_after_first_apply=False)
            for backend_id in facts.lists
        },
    )


def _offers(original: _OriginalSale) -> dict[str, OfferFacts]:
    """Return the offers whose vouchers the sale issued, each worth what it was at the sale: budgets count by that."""
    offers = dict(original.snapshot.rulebook.offers)
    for applied in original.applied:
        code = applied.version.definition["outcome"].get("offer")
        if code in offers:
            offers[code] = replace(offers[code], perceived_value=Fraction(applied.saving) / applied.redemptions)
    return offers


def _source(applied: AppliedPromotion) -> PromotionSource:
    """Return a promotion in the version that applied."""
    definition = applied.version.definition
    return PromotionSource(
        id=applied.promotion_id,
        family=definition["family"],
        code=definition["code"],
        type=definition["type"],
        subtype=definition["subtype"],
        name=definition["name"],
        version=applied.version.number,
        version_id=applied.version_id,
        currency=definition["currency"],
        starts_at=datetime.fromisoformat(definition["starts_at"]),
        ends_at=None,
        draft=False,
        stopped_at=None,
        outcome=definition["outcome"],
        eligibility=definition["eligibility"],
        content=definition["content"],
        budget=definition.get("budget"),
        customer_budget=definition.get("customer_budget"),
    )


def _vouchers_back(original: _OriginalSale, redemptions_left: Mapping[int, int]) -> tuple[list[Voucher], list[str]]:
    """Return the vouchers to cancel, and the codes of those that should be but were spent.

    Each promotion keeps as many vouchers as it has redemptions left; of the others the unused ones are cancelled.
    """
    cancelled: list[Voucher] = []
    spent: list[str] = []
    for applied in original.applied:
        issued = [
            voucher
            for voucher in reversed(original.issued)
            if voucher.issued_by_id == applied.pk and not _is_unrecovered(voucher)
        ]
        excess = max(0, len(issued) - redemptions_left.get(applied.promotion_id, 0))
        unused = [voucher for voucher in issued if voucher.status in UNUSED][:excess]
        cancelled += unused
        spent += [voucher.code for voucher in issued if voucher.status not in UNUSED][: excess - len(unused)]
    return cancelled, spent


def _is_unrecovered(voucher: Voucher) -> bool:
    """Whether an earlier return of a part of the sale that issued it should have cancelled it, but it was spent."""
    issued_by = voucher.issued_by
    if issued_by is None:
        return False
    return voucher.code in TransactionFacts.from_json(issued_by.transaction.facts).unrecovered_codes


# --- answering --------------------------------------------------------------------------------------------------------


def _balance_after(original: _OriginalSale, result: _ReversalResult) -> int | None:
    consumer = original.row.consumer
    if consumer is None or not hasattr(consumer, "membership"):
        return None
    return consumer.points_balance - result.all_points


def _answer(original: _OriginalSale, result: _ReversalResult, request: ReversalRequest) -> str:
    """Return the decision on what is left, and what was taken back, as JSON text."""
    row, currency = original.row, original.row.currency
    sale_answer = msgspec.json.decode(row.answer) if row.answer else {}
    answer = answer_of(
        result.decision,
        reference=row.reference,
        status=result.status,
        balance=_balance_after(original, result),
        issued=_issued_left(original, result),
    )
    answer |= {
        "personalized": personalized_answer(_personalized_after(original, result, request)),
        # What the till was told besides the decision does not change with the return.
        "warnings": sale_answer.get("warnings", []),
        "return_reference": request.reference,
        "refund_due": money_text(result.refund_due, currency),
        "not_recovered": money_text(result.not_recovered, currency),
        "reversed": _reversed(original, result),
    }
    return msgspec.json.encode(answer).decode()


def _personalized_after(
    original: _OriginalSale, result: _ReversalResult, request: ReversalRequest
) -> tuple[PersonalizedState, ...]:
    """Return the consumer's lists as they stand after the return; a void frees the choices that the sale made final."""
    row, rulebook, basket = original.row, original.snapshot.rulebook, result.decision.basket
    backend_ids = rulebook.lists_in_force(basket) if row.consumer_id is not None else []
    if row.consumer_id is None or not backend_ids:
        return ()
    selections = original.facts.selections
    choices = {}
    for backend_id, listed in personalized_lists_by_backend_id(consumer_pk=row.consumer_id, keys=backend_ids).items():
        is_freed = request.kind == ReversalKind.VOID and listed.locked_by_id == row.pk
        is_undone = is_freed and backend_id in selections and selections[backend_id].selected
        choices[backend_id] = PersonalizedChoice(
            products=tuple(listed.products),
            selected=() if is_undone else tuple(listed.selected),
            locked=listed.locked and not is_freed,
        )
    return personalized_states(rulebook, basket, choices)


def _issued_left(original: _OriginalSale, result: _ReversalResult) -> dict[int, list[IssuedVoucher]]:
    """Return the answers of the vouchers that the sale issued and the return leaves, by promotion id."""
    cancelled = {voucher.pk for voucher in result.cancelled}
    issued: dict[int, list[IssuedVoucher]] = {}
    for applied in original.applied:
        left = [v for v in original.issued if v.issued_by_id == applied.pk and v.pk not in cancelled]
        if left:
            issued[applied.promotion_id] = [voucher_answer(voucher) for voucher in left]
    return issued


def _reversed(original: _OriginalSale, result: _ReversalResult) -> Answer:
    row, decision = original.row, result.decision
    codes = {applied.promotion_id: applied.version.definition["code"] for applied in original.applied}
    discount_back = to_minor(row.discount_total, row.currency) - (decision.total - decision.net)
    return {
        "points": result.all_points,
        "discount": money_text(discount_back, row.currency),
        "redemptions": [
            {"promotion": codes[promotion_id], "redemptions": count}
            for promotion_id, count in result.redemptions.items()
        ],
        "vouchers_cancelled": [voucher.code for voucher in result.cancelled],
        "vouchers_already_redeemed": result.spent,
    }


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(
    original: _OriginalSale, result: _ReversalResult, request: ReversalRequest, *, answer: str, at: datetime
) -> None:
    row, consumer = original.row, original.row.consumer
    moment = request.occurred_at or at
    reversal = _reversal_row(original, result, request, answer=answer, at=at)
    _write_applied(original, result)
    _write_transaction(original, result, answer=answer)
    rows_insert([reversal])
    if consumer is not None:
        _write_ledger(original, result, request, at=at)
        usage_take_back(consumer_pk=consumer.pk, redemptions=result.redemptions)
    if result.nothing_is_left:
        vouchers_release(payer=row, at=moment)
        for voucher in original.paid_with:
            voucher.status = VoucherStatus.ISSUED
        if request.kind == ReversalKind.VOID and consumer is not None:
            selected = [key for key, selection in original.facts.selections.items() if selection.selected]
            personalized_choices_release(
                consumer_pk=consumer.pk, transaction_id=row.pk, selections_made=selected, at=at
            )
    # In the order of a sale: offers, then promotions.
    vouchers_cancel(vouchers=result.cancelled)
    if result.counts:
        promotions_decrease(result.counts)
    if consumer is not None:
        _write_activity(row, consumer, result)


def _reversal_row(
    original: _OriginalSale, result: _ReversalResult, request: ReversalRequest, *, answer: str, at: datetime
) -> Reversal:
    row = original.row
    return Reversal(
        account_id=row.account_id,
        transaction=row,
        reference=request.reference,
        fingerprint=request.fingerprint,
        kind=request.kind,
        occurred_at=request.occurred_at or at,
        recorded_at=at,
        lines=[
            {"line_id": line_id, "quantity": f"{quantity:f}"}
            for line_id, quantity in result.returned.items()
            if quantity
        ],
        reversed=_reversed(original, result),
        points=result.all_points,
        refund_due=from_minor(result.refund_due, row.currency),
        not_recovered=from_minor(result.not_recovered, row.currency),
        answer=answer,
    )


def _write_applied(original: _OriginalSale, result: _ReversalResult) -> None:
    """Write what each promotion has of the transaction now."""
    currency = original.row.currency
    applied_left = {applied.promotion.id: applied for applied in result.decision.applied}
    for applied in original.applied:
        left = applied_left.get(applied.promotion_id)
        applied.redemptions = left.redemptions if left else 0
        applied.points = left.points if left else 0
        applied.discount = from_minor(left.discount if left else 0, currency)
        applied.saving = amount_decimal(left.saving) if left else Decimal(0)
        applied.lines = lines_answer(left.lines, currency) if left else []
    if original.applied:
        AppliedPromotion.objects.bulk_update(original.applied, ["redemptions", "points", "discount", "saving", "lines"])


def _write_transaction(original: _OriginalSale, result: _ReversalResult, *, answer: str) -> None:
    row, decision, currency = original.row, result.decision, original.row.currency
    row.lines = lines_to_json(_lines_left(original, result))
    row.facts = facts_after_return(
        row.facts, applied=[applied.promotion.id for applied in decision.applied], unrecovered=result.spent
    )
    row.status = result.status
    row.total_inc_tax = from_minor(decision.total, currency)
    row.total_ex_tax = from_minor(decision.basket.total_ex_minor, currency)
    row.discount_total = from_minor(decision.total - decision.net, currency)
    row.net_total_inc_tax = from_minor(decision.net, currency)
    row.paid -= from_minor(result.refund_due, currency)
    row.base_points = decision.base_points
    row.promotion_points = decision.promotion_points
    row.state = answer
    row.save(
        update_fields=[
            "lines",
            "facts",
            "status",
            "total_inc_tax",
            "total_ex_tax",
            "discount_total",
            "net_total_inc_tax",
            "paid",
            "base_points",
            "promotion_points",
            "state",
        ]
    )


def _lines_left(original: _OriginalSale, result: _ReversalResult) -> list[StoredLine]:
    """Return the transaction's lines with what came back, and with their part of the decision on what is left."""
    currency = original.row.currency
    results = {line.line_id: line for line in result.decision.lines}
    lines = []
    for line in original.lines:
        left = results.get(line.line_id)
        returned = line.quantity_returned + result.returned.get(line.line_id, Decimal(0))
        lines.append(
            msgspec.structs.replace(
                line,
                returned=f"{returned:f}",
                net=money_text(left.net if left else 0, currency),
                discount=money_text(left.discount if left else 0, currency),
                base_points=left.base_points if left else 0,
            )
        )
    return lines


def _write_ledger(original: _OriginalSale, result: _ReversalResult, request: ReversalRequest, *, at: datetime) -> None:
    row = original.row
    points_back: list[tuple[int | None, int]] = [(None, result.base_points), *result.points.items()]
    rows_insert(
        [
            LedgerEntry(
                account_id=row.account_id,
                consumer=row.consumer,
                points=-points,
                kind=EntryKind.RETURN,
                activity_type=request.kind.label,
                description=f"{request.kind.label} {request.reference} of {row.reference}",
                transaction=row,
                promotion_id=promotion_id,
                reference=request.reference,
                at=request.occurred_at or at,
                created_at=at,
            )
            for promotion_id, points in points_back
            if points
        ]
    )


def _write_activity(row: Transaction, consumer: Consumer, result: _ReversalResult) -> None:
    """Write the balance, and the days of the last transaction and promotion where they were this one's."""
    changes: dict[str, int | datetime | date | None] = {"points_balance": consumer.points_balance - result.all_points}
    if result.nothing_is_left and consumer.last_transaction_at == row.occurred_at:
        last_at, last_on = last_transaction_moment(consumer_pk=consumer.pk)
        changes |= {"last_transaction_at": last_at, "last_transaction_on": last_on}
    if not result.decision.applied and consumer.last_promotion_redeemed_on == row.local_day:
        changes["last_promotion_redeemed_on"] = last_promotion_day(consumer_pk=consumer.pk)
    Consumer.objects.filter(pk=consumer.pk).update(**changes)
