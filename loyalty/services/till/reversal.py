"""Returns and voids: what applied to a sale is applied again to what is left, and the difference is taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import Any

import msgspec
from django.db import transaction

from consumers.exceptions import Problem
from consumers.models import Account, Consumer
from consumers.moments import moment_text
from loyalty.choices import EntryKind, ReversalKind, TransactionKind, TransactionStatus, VoucherStatus
from loyalty.exceptions import ReferenceReused, ReturnInvalid, TransactionNotFound, TransactionVoided
from loyalty.models import AppliedPromotion, LedgerEntry, Reversal, Transaction, Voucher
from loyalty.selectors.rewards import UNUSED
from loyalty.selectors.transaction import last_promotion_day, last_transaction_moment
from loyalty.services.rewards.voucher import vouchers_cancel, vouchers_release
from loyalty.services.till.answer import amount_decimal, answer_of, lines_stored, voucher_answer
from loyalty.services.till.bulk_insert import rows_insert
from loyalty.services.till.commit import AHEAD
from loyalty.services.till.counters import count_down, usage_take_back
from loyalty.services.till.locks import counters_lock
from loyalty.services.till.records import basket_left, quantity_left
from loyalty.services.till.retry import run_with_retry
from loyalty.services.till.snapshot import AccountSnapshot, snapshot_current
from promotions.engine.benefits.discounts import PersonalizedTerms
from promotions.engine.benefits.vouchers import Benefit, PresentedVoucher
from promotions.engine.facts.consumer import PersonalizedChoice, Shopper, Usage
from promotions.engine.money import from_minor, money_text, to_minor
from promotions.engine.pipeline.decision import Decision
from promotions.engine.pipeline.evaluate import EvaluationCase, evaluate
from promotions.engine.pipeline.strategy import ReturnLimit, ReturnPolicy, ReturnStrategy
from promotions.engine.rulebook.promotion import PromotionSource, Terms, compile_promotion
from promotions.engine.rulebook.rulebook import Rulebook
from promotions.models import Promotion
from promotions.services.personalized.choices import personalized_choices_release


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnedLine:
    """So much of a line that came back."""

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
        """The same for two requests of the same content."""
        moment = moment_text(self.occurred_at) if self.occurred_at else None
        lines = sorted((line.line_id, f"{line.quantity.normalize():f}") for line in self.lines)
        said = [self.kind, self.transaction, moment, lines]
        return sha256(msgspec.json.encode(said)).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reversed:
    """A return or void: the answer as JSON text, and whether this call wrote it."""

    answer: str
    created: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kept:
    """A transaction just before a return, with its promotions, the vouchers that they issued, and those that paid."""

    row: Transaction
    book: AccountSnapshot
    applied: list[AppliedPromotion]
    issued: list[Voucher]
    paid_with: list[Voucher]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Taken:
    """What a return takes back, and the decision on what is left."""

    decision: Decision
    returned: Mapping[str, Decimal]
    status: TransactionStatus
    refund_due: int
    not_recovered: int
    base_points: int
    points: dict[int, int]
    redemptions: dict[int, int]
    cancelled: list[Voucher]
    spent: list[str]

    @property
    def all_points(self) -> int:
        """Base points and those of promotions."""
        return self.base_points + sum(self.points.values())


def transaction_reverse(*, account: Account, request: ReversalRequest, at: datetime) -> Reversed:
    """Return a part of a transaction, or void it, once; the same request again gives the stored answer.

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
    """What a return would answer now, as JSON text. Writes nothing and locks nothing.

    Raises:
        TransactionNotFound, TransactionVoided, ReturnInvalid: as the return itself.
    """
    row = Transaction.objects.select_related("consumer__membership").get(pk=_named(account, request)[0])
    kept = _kept(account, row)
    taken = _take(kept, request, at)
    return _answer(kept, taken, request, balance=_balance_after(kept, taken))


def _reverse_once(account: Account, request: ReversalRequest, at: datetime) -> Reversed:
    pk, consumer_pk = _named(account, request)
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
            return _repeated(stored, request)
        row.consumer = consumer
        kept = _kept(account, row)
        counters_lock(
            promotion_ids=[one.promotion_id for one in kept.applied],
            offer_ids={voucher.offer_id for voucher in (*kept.issued, *kept.paid_with)},
        )
        taken = _take(kept, request, at)
        answer = _answer(kept, taken, request, balance=_balance_after(kept, taken))
        _write(kept, taken, request, answer=answer, at=at)
        return Reversed(answer=answer, created=True)


def _named(account: Account, request: ReversalRequest) -> tuple[int, int | None]:
    """The transaction's id and its consumer's, which never change."""
    named = Transaction.objects.filter(account=account, reference=request.transaction)
    row = named.values_list("pk", "consumer_id").first()
    if row is None:
        raise TransactionNotFound(f"There is no transaction {request.transaction}.")
    return row


def _repeated(stored: Reversal, request: ReversalRequest) -> Reversed:
    if stored.fingerprint != request.fingerprint:
        raise ReferenceReused(f"The reference {request.reference} was used for another return.", attr="reference")
    return Reversed(answer=stored.answer, created=False)


# --- judging ----------------------------------------------------------------------------------------------------------


def _kept(account: Account, row: Transaction) -> _Kept:
    applied = AppliedPromotion.objects.filter(transaction=row, redemptions__gt=0).select_related("version")
    issued = Voucher.objects.filter(issued_by__transaction=row).exclude(status=VoucherStatus.CANCELLED)
    paid_with = row.vouchers_redeemed.select_related("issued_by__transaction") if row.facts.get("vouchers") else ()
    return _Kept(
        row=row,
        book=snapshot_current(account=account),
        applied=list(applied.order_by("position")),
        issued=list(issued.select_related("offer", "issued_by__transaction").order_by("pk")),
        paid_with=list(paid_with),
    )


def _take(kept: _Kept, request: ReversalRequest, at: datetime) -> _Taken:
    """Judge what is left and what is taken back. Amounts in minor units."""
    row = kept.row
    _check_request(row, request, at)
    if request.kind == ReversalKind.VOID:
        returned = {line["line_id"]: quantity_left(line) for line in row.lines}
    else:
        returned = {line.line_id: line.quantity for line in request.lines}
    decision = _decide(kept, returned)
    paid = to_minor(row.paid, row.currency)
    points = {one.promotion.id: one.points for one in decision.applied}
    redemptions = {one.promotion.id: one.redemptions for one in decision.applied}
    fewer = {one.promotion_id: one.redemptions - redemptions.get(one.promotion_id, 0) for one in kept.applied}
    cancelled, spent = _vouchers_back(kept, redemptions)
    if not decision.basket.lines:
        cancelled += [voucher for voucher in kept.paid_with if _is_missed(voucher)]
    return _Taken(
        decision=decision,
        returned=returned,
        status=_status(request, decision),
        refund_due=max(0, paid - decision.net),
        not_recovered=max(0, decision.net - paid),
        base_points=row.base_points - decision.base_points,
        points={one.promotion_id: one.points - points.get(one.promotion_id, 0) for one in kept.applied},
        redemptions={promotion_id: count for promotion_id, count in fewer.items() if count},
        cancelled=cancelled,
        spent=spent,
    )


def _check_request(row: Transaction, request: ReversalRequest, at: datetime) -> None:
    if row.status == TransactionStatus.VOIDED:
        raise TransactionVoided("The transaction was voided.")
    if row.kind == TransactionKind.UNLINKED_RETURN:
        raise ReturnInvalid("A return cannot be returned.")
    problems = []
    moment = request.occurred_at or at
    if moment > at + AHEAD:
        problems.append(Problem(code="invalid", detail="The moment lies in the future.", attr="occurred_at"))
    elif moment < row.occurred_at and request.occurred_at is not None:
        problems.append(Problem(code="invalid", detail="The moment lies before the sale.", attr="occurred_at"))
    left = {line["line_id"]: quantity_left(line) for line in row.lines}
    for i, line in enumerate(request.lines):
        if line.line_id not in left:
            detail = f"The transaction has no line {line.line_id}."
            problems.append(Problem(code="does_not_exist", detail=detail, attr=f"lines.{i}.line_id"))
        elif line.quantity > left[line.line_id]:
            detail = f"Of this line {left[line.line_id].normalize():f} is left to return."
            problems.append(Problem(code="more_than_bought", detail=detail, attr=f"lines.{i}.quantity"))
    if problems:
        raise ReturnInvalid(problems=problems)


def _status(request: ReversalRequest, decision: Decision) -> TransactionStatus:
    if request.kind == ReversalKind.VOID:
        return TransactionStatus.VOIDED
    return TransactionStatus.PARTLY_RETURNED if decision.basket.lines else TransactionStatus.RETURNED


def _decide(kept: _Kept, returned: Mapping[str, Decimal]) -> Decision:
    """What applied, applied again to what is left, by the versions, products, choices and rates of the sale."""
    row, facts = kept.row, kept.row.facts
    lists: Mapping[str, Sequence[str]] = facts.get("lists", {})
    shopper = None
    if row.consumer is not None:
        shopper = Shopper(
            consumer_id=row.consumer.consumer_id,
            today=row.local_day,
            is_loyalty_member=facts.get("is_loyalty_member", False),
            personalized={
                backend_id: PersonalizedChoice(products=tuple(skus), selected=tuple(skus))
                for backend_id, skus in lists.items()
            },
        )
    terms = Terms(
        currency=row.currency,
        earn_rates={row.currency: Fraction(facts.get("earn_rate", 0))},
        point_value=Fraction(facts.get("point_value", 0)),
    )
    rulebook = Rulebook.build(
        (compile_promotion(_source(applied)) for applied in kept.applied),
        terms=terms,
        offers=kept.book.rulebook.offers,
        personalized={
            backend_id: PersonalizedTerms(maximum_distinct_products=None, lock_after_first_apply=False)
            for backend_id in lists
        },
    )
    limits = {
        applied.promotion_id: ReturnLimit(
            position=applied.position, redemptions=applied.redemptions, points=applied.points
        )
        for applied in kept.applied
    }
    case = EvaluationCase(
        basket=basket_left(row, book=kept.book, returned=returned),
        shopper=shopper,
        usage=Usage(),
        vouchers=[_paid_voucher(fact) for fact in facts.get("vouchers", ())],
        strategy=ReturnStrategy(limits=limits, paid=to_minor(row.paid, row.currency)),
    )
    return evaluate(case, rulebook, ReturnPolicy(limits=limits))


def _source(applied: AppliedPromotion) -> PromotionSource:
    """A promotion in the version that was applied."""
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
    )


def _paid_voucher(fact: Mapping[str, str]) -> PresentedVoucher:
    """A voucher that paid, with what it gave then."""
    benefit = Benefit(
        kind=fact["benefit"], currency=fact["currency"], value=Fraction(fact["value"]), product=fact["product"]
    )
    return PresentedVoucher(
        code=fact["code"], offer=fact["offer"], benefit=benefit, status=VoucherStatus.ISSUED, is_own=True
    )


def _vouchers_back(kept: _Kept, redemptions: Mapping[int, int]) -> tuple[list[Voucher], list[str]]:
    """The vouchers to cancel, and the codes of those that should be but were spent.

    Each promotion keeps as many vouchers as it has redemptions left; of the others those go that are unused.
    """
    cancelled: list[Voucher] = []
    spent: list[str] = []
    for applied in kept.applied:
        issued = [one for one in reversed(kept.issued) if one.issued_by_id == applied.pk and not _is_missed(one)]
        excess = max(0, len(issued) - redemptions.get(applied.promotion_id, 0))
        unused = [voucher for voucher in issued if voucher.status in UNUSED][:excess]
        cancelled += unused
        spent += [voucher.code for voucher in issued if voucher.status not in UNUSED][: excess - len(unused)]
    return cancelled, spent


def _is_missed(voucher: Voucher) -> bool:
    """Whether it should have been taken back when a part of the sale that issued it was, but was spent by then."""
    issued_by = voucher.issued_by
    return issued_by is not None and voucher.code in issued_by.transaction.facts.get("unrecovered", ())


# --- answering --------------------------------------------------------------------------------------------------------


def _balance_after(kept: _Kept, taken: _Taken) -> int | None:
    consumer = kept.row.consumer
    if consumer is None or not hasattr(consumer, "membership"):
        return None
    return consumer.points_balance - taken.all_points


def _answer(kept: _Kept, taken: _Taken, request: ReversalRequest, *, balance: int | None) -> str:
    """The decision on what is left, and what was taken back."""
    row, currency = kept.row, kept.row.currency
    codes = {applied.promotion_id: applied.version.definition["code"] for applied in kept.applied}
    cancelled = {voucher.pk for voucher in taken.cancelled}
    issued: dict[int, list[dict[str, Any]]] = {}
    for applied in kept.applied:
        left = [v for v in kept.issued if v.issued_by_id == applied.pk and v.pk not in cancelled]
        if left:
            issued[applied.promotion_id] = [voucher_answer(voucher) for voucher in left]
    before = to_minor(row.discount_total, currency)
    sale = msgspec.json.decode(row.answer) if row.answer else {}
    answer = answer_of(taken.decision, reference=row.reference, status=taken.status, balance=balance, issued=issued)
    answer |= {
        # What the till was told beside the decision is still what it was told.
        "personalized": sale.get("personalized", []),
        "warnings": sale.get("warnings", []),
        "return_reference": request.reference,
        "refund_due": money_text(taken.refund_due, currency),
        "not_recovered": money_text(taken.not_recovered, currency),
        "reversed": {
            "points": taken.all_points,
            "discount": money_text(before - (taken.decision.total - taken.decision.net), currency),
            "redemptions": [
                {"promotion": codes[promotion_id], "redemptions": count}
                for promotion_id, count in taken.redemptions.items()
            ],
            "vouchers_cancelled": [voucher.code for voucher in taken.cancelled],
            "vouchers_already_redeemed": taken.spent,
        },
    }
    return msgspec.json.encode(answer).decode()


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(kept: _Kept, taken: _Taken, request: ReversalRequest, *, answer: str, at: datetime) -> None:
    row = kept.row
    moment = request.occurred_at or at
    _write_applied(kept, taken)
    _write_transaction(row, taken, answer=answer)
    reversal = Reversal(
        account_id=row.account_id,
        transaction=row,
        reference=request.reference,
        fingerprint=request.fingerprint,
        kind=request.kind,
        occurred_at=moment,
        recorded_at=at,
        lines=[
            {"line_id": line_id, "quantity": f"{quantity:f}"}
            for line_id, quantity in taken.returned.items()
            if quantity
        ],
        reversed=msgspec.json.decode(answer)["reversed"],
        points=taken.all_points,
        refund_due=from_minor(taken.refund_due, row.currency),
        not_recovered=from_minor(taken.not_recovered, row.currency),
        answer=answer,
    )
    rows_insert([reversal])
    if row.consumer is not None:
        _write_ledger(kept, taken, request, moment=moment, at=at)
        usage_take_back(consumer_pk=row.consumer.pk, redemptions=taken.redemptions)
    if not taken.decision.basket.lines:
        vouchers_release(payer=row, at=moment)
        for voucher in kept.paid_with:
            voucher.status = VoucherStatus.ISSUED
        if request.kind == ReversalKind.VOID and row.consumer is not None:
            made = [key for key, chosen in row.facts.get("chosen", {}).items() if chosen["selected"]]
            personalized_choices_release(
                consumer_pk=row.consumer.pk, transaction_id=row.pk, selections_made=made, at=at
            )
    # In the order of a sale: offers, then promotions.
    vouchers_cancel(vouchers=taken.cancelled)
    if taken.redemptions:
        count_down(Promotion._meta.db_table, "redemptions", taken.redemptions)
    if row.consumer is not None:
        _write_standing(row, row.consumer, taken)


def _write_applied(kept: _Kept, taken: _Taken) -> None:
    """What each promotion has of the transaction now."""
    left = {one.promotion.id: one for one in taken.decision.applied}
    for applied in kept.applied:
        now = left.get(applied.promotion_id)
        applied.redemptions = now.redemptions if now else 0
        applied.points = now.points if now else 0
        applied.discount = from_minor(now.discount if now else 0, kept.row.currency)
        applied.saving = amount_decimal(now.saving) if now else Decimal(0)
        applied.lines = lines_stored(now.lines, kept.row.currency) if now else []
    if kept.applied:
        AppliedPromotion.objects.bulk_update(kept.applied, ["redemptions", "points", "discount", "saving", "lines"])


def _write_transaction(row: Transaction, taken: _Taken, *, answer: str) -> None:
    decision, currency = taken.decision, row.currency
    results = {line.line_id: line for line in decision.lines}
    for line in row.lines:
        left, back = results.get(line["line_id"]), taken.returned.get(line["line_id"], Decimal(0))
        line["returned"] = f"{Decimal(line.get('returned', 0)) + back:f}"
        line["net"] = money_text(left.net if left else 0, currency)
        line["discount"] = money_text(left.discount if left else 0, currency)
        line["base_points"] = left.base_points if left else 0
    row.facts["applied"] = [applied.promotion.id for applied in decision.applied]
    if taken.spent:
        row.facts["unrecovered"] = [*row.facts.get("unrecovered", ()), *taken.spent]
    row.status = taken.status
    row.total_inc_tax = from_minor(decision.total, currency)
    row.total_ex_tax = decision.basket.total_ex_tax
    row.discount_total = from_minor(decision.total - decision.net, currency)
    row.net_total_inc_tax = from_minor(decision.net, currency)
    row.paid -= from_minor(taken.refund_due, currency)
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


def _write_ledger(kept: _Kept, taken: _Taken, request: ReversalRequest, *, moment: datetime, at: datetime) -> None:
    taken_back: list[tuple[int | None, int]] = [(None, taken.base_points), *taken.points.items()]
    rows_insert(
        [
            LedgerEntry(
                account_id=kept.row.account_id,
                consumer=kept.row.consumer,
                points=-points,
                kind=EntryKind.RETURN,
                activity_type=request.kind.label,
                description=f"{request.kind.label} {request.reference} of {kept.row.reference}",
                transaction=kept.row,
                promotion_id=promotion_id,
                reference=request.reference,
                at=moment,
                created_at=at,
            )
            for promotion_id, points in taken_back
            if points
        ]
    )


def _write_standing(row: Transaction, consumer: Consumer, taken: _Taken) -> None:
    """The balance, and the days of the last transaction and promotion where they were this one's."""
    changed: dict[str, Any] = {"points_balance": consumer.points_balance - taken.all_points}
    if not taken.decision.basket.lines and consumer.last_transaction_at == row.occurred_at:
        last_at, last_on = last_transaction_moment(consumer_pk=consumer.pk)
        changed |= {"last_transaction_at": last_at, "last_transaction_on": last_on}
    if not taken.decision.applied and consumer.last_promotion_redeemed_on == row.local_day:
        changed["last_promotion_redeemed_on"] = last_promotion_day(consumer_pk=consumer.pk)
    Consumer.objects.filter(pk=consumer.pk).update(**changed)
