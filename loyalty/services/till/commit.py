"""Committing a sale: decide again under locks, and write everything once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from django.db import transaction

from consumers.models import Account, Consumer
from consumers.moments import moment_text
from loyalty.choices import EntryKind, OfferKind, PromotionType
from loyalty.exceptions import DecisionChanged, ReferenceReused, SaleInvalid
from loyalty.models import AppliedPromotion, LedgerEntry, Offer, Transaction, Voucher
from loyalty.services.message import messages_of, messages_record
from loyalty.services.promotion_texts import activity_description
from loyalty.services.rewards.voucher import voucher_rows, vouchers_pay
from loyalty.services.till.answer import (
    amount_decimal,
    answer_of,
    differences_of,
    explanation_of,
    lines_stored,
    voucher_answer,
)
from loyalty.services.till.bulk_insert import rows_insert, statements_together
from loyalty.services.till.counters import Counted, consumer_activity_update, count_up, usage_add
from loyalty.services.till.locks import LOCK_FREE_MARGIN
from loyalty.services.till.quote import Quote, decide, offer_benefit
from loyalty.services.till.reads import StoredDecision, sale_context_read
from loyalty.services.till.records import line_stored
from loyalty.services.till.retry import run_with_retry
from loyalty.services.till.sale import Sale
from loyalty.services.till.snapshot import snapshot_current
from promotions.engine.facts.progress import Progress
from promotions.engine.money import from_minor, money_text
from promotions.engine.pipeline.decision import Applied, AppliedVoucher
from promotions.models import Promotion
from promotions.services.personalized.choices import personalized_choices_lock

AHEAD = timedelta(minutes=5)
"""How far a till's clock may be ahead of ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Committed:
    """A committed transaction: the answer as JSON text, why others did not apply, and whether this call wrote it."""

    answer: str
    explanation: list[dict[str, object]]
    created: bool


def sale_fingerprint(sale: Sale) -> str:
    """The same for two sales of the same content, however they were written."""
    return sha256(msgspec.json.encode(_plain(sale), order="deterministic")).hexdigest()


def _plain(sale: Sale) -> dict[str, Any]:
    """A sale with every number and moment in one form: 5, 5.0 and 5.00 are the same content."""
    return {
        "reference": sale.reference,
        "occurred_at": moment_text(sale.occurred_at) if sale.is_dated else None,
        "parties": [sale.site, sale.currency, sale.consumer, sale.loyalty_card, sale.source, sale.payment_card_type],
        "lines": [
            [
                line.line_id,
                line.sku,
                f"{line.quantity.normalize():f}",
                f"{line.unit_price_inc_tax.normalize():f}",
                f"{line.unit_price_ex_tax.normalize():f}",
                line.category,
                line.brand,
            ]
            for line in sale.lines
        ],
        "vouchers": list(sale.vouchers),
    }


def transaction_commit(*, account: Account, sale: Sale, at: datetime, fingerprint: str | None = None) -> Committed:
    """Commit a sale once; the same sale again gives the stored answer.

    Args:
        account: read in this request.
        sale: with a reference.
        at: now.
        fingerprint: of the sale's content, where the caller knows better what the till sent.

    Raises:
        SaleInvalid: the site or consumer is unknown, or the moment is out of bounds.
        ReferenceReused: the reference was used with other content.
        DecisionChanged: the decision is not what was expected, and the sale asked to be refused then.
    """
    fingerprint = fingerprint or sale_fingerprint(sale)
    # Closes the race of two commits of one reference: the unique constraint lets one through, and the other, tried
    # again, finds its answer.
    return run_with_retry(lambda attempt: _commit_once(account, sale, fingerprint, at, attempt), account=account)


def _commit_once(account: Account, sale: Sale, fingerprint: str, at: datetime, attempt: int) -> Committed:
    book = snapshot_current(account=account)
    # Closes the races of two sales for one consumer, limit or stock: the consumer's row is locked first, then, where
    # little is left, limited promotions by id and stocked offers by id, and the decision is made under these locks.
    # Where much is left, sales of all tills do not wait for each other's decisions: one that takes more than is left by
    # then is refused by the database and decided again, under locks whatever is left.
    with transaction.atomic():
        known = sale_context_read(
            account=account,
            skus=sale.skus,
            consumer_id=sale.consumer,
            card=sale.loyalty_card,
            reference=sale.reference,
            lock=True,
        )
        if known.stored is not None:
            return _repeated(known.stored, sale, fingerprint)
        _check_moment(account, sale, at)
        quote = decide(
            sale=sale,
            book=book,
            known=known.shopper,
            products=known.products,
            lock=True,
            lock_free_margin=None if attempt else LOCK_FREE_MARGIN,
            sampled=True,
        )
        return _write(account, quote, fingerprint, at, transaction_id=known.transaction_id)


def _repeated(stored: StoredDecision, sale: Sale, fingerprint: str) -> Committed:
    if stored.fingerprint != fingerprint:
        raise ReferenceReused(f"The reference {sale.reference} was used for another transaction.", attr="reference")
    return Committed(answer=stored.answer, explanation=stored.explanation, created=False)


def _check_moment(account: Account, sale: Sale, at: datetime) -> None:
    days = account.late_transaction_days
    if sale.occurred_at > at + AHEAD:
        raise SaleInvalid("The moment lies in the future.", attr="occurred_at")
    if at - sale.occurred_at > timedelta(days=days):
        raise SaleInvalid(f"A transaction may be sent up to {days} days late.", attr="occurred_at")


def _write(account: Account, quote: Quote, fingerprint: str, at: datetime, *, transaction_id: int | None) -> Committed:
    """Write a decision: a fixed number of statements, whatever the lines and promotions."""
    sale, decision, known = quote.sale, quote.decision, quote.known
    differences = differences_of(quote)
    if differences and sale.on_difference == "refuse":
        names = ", ".join(difference["field"] for difference in differences)
        raise DecisionChanged(f"The decision differs from what was expected in: {names}.")
    vouchers = _vouchers(quote)
    balance = None
    if known is not None and known.balance is not None:
        balance = known.balance + decision.points
    explanation = explanation_of(decision)
    answer = msgspec.json.encode(
        answer_of(
            decision,
            reference=sale.reference,
            status="committed",
            balance=balance,
            issued={promotion_id: [voucher_answer(v) for v in rows] for promotion_id, rows in vouchers.items()},
            warnings=quote.warnings,
            differences=differences,
        )
    ).decode()
    row = _transaction_row(account, quote, fingerprint=fingerprint, at=at, explanation=explanation, answer=answer)
    row.pk = transaction_id
    with statements_together():
        rows_insert([row])
        messages = messages_of(applied=decision.applied, consumer=known.consumer, at=at) if known else {}
        applied = _write_applied(row, quote, ids=bool(vouchers or messages))
        if known is not None:
            _write_ledger(row, quote, at)
            _write_usage(quote, known.consumer)
            _write_standing(quote, known.consumer)
            messages_record(messages=messages, rows=applied)
            _write_vouchers(vouchers, applied)
        # After all other rows, because other tills' sales wait for these.
        counted = _count(decision.applied, vouchers)
    for one in counted:
        one.check()
    if known is not None:
        _pay_vouchers(row, quote)
        _lock_choices(row, quote, at)
    return Committed(answer=answer, explanation=explanation, created=True)


def _transaction_row(
    account: Account, quote: Quote, *, fingerprint: str, at: datetime, explanation: list[Any], answer: str
) -> Transaction:
    sale, decision, basket, known = quote.sale, quote.decision, quote.basket, quote.known
    currency = sale.currency
    terms = quote.book.rulebook.terms
    return Transaction(
        account=account,
        reference=sale.reference,
        fingerprint=fingerprint,
        occurred_at=sale.occurred_at,
        local_day=basket.today,
        recorded_at=at,
        site_id=quote.place.id,
        consumer=known.consumer if known else None,
        loyalty_card=sale.loyalty_card,
        loyalty_card_type=known.card_type if known else "",
        source=sale.source,
        payment_card_type=sale.payment_card_type,
        currency=currency,
        total_inc_tax=from_minor(decision.total, currency),
        total_ex_tax=basket.total_ex_tax,
        discount_total=from_minor(decision.total - decision.net, currency),
        net_total_inc_tax=from_minor(decision.net, currency),
        paid=from_minor(decision.net, currency),
        base_points=decision.base_points,
        promotion_points=decision.promotion_points,
        lines=_lines(quote),
        facts={
            "earn_rate": str(terms.earn_rates.get(currency, 0)),
            "point_value": str(terms.point_value),
            "is_loyalty_member": bool(known and known.is_member),
            "applied": [applied.promotion.id for applied in decision.applied],
            "lists": {backend_id: list(products) for backend_id, products in decision.listed.items()},
            "chosen": {
                backend_id: {"selected": not quote.lists[backend_id].choice.selected} for backend_id in decision.choices
            },
            "vouchers": [_voucher_fact(quote, voucher) for voucher in decision.vouchers],
        },
        explanation=explanation,
        answer=answer,
    )


def _voucher_fact(quote: Quote, voucher: AppliedVoucher) -> dict[str, Any]:
    """What a voucher gave, as it was: a return applies it again."""
    benefit = offer_benefit(quote.book.offers[voucher.offer])
    return {
        "code": voucher.code,
        "offer": voucher.offer,
        "benefit": benefit.kind,
        "currency": benefit.currency,
        "value": str(benefit.value),
        "product": benefit.product,
    }


def _lines(quote: Quote) -> list[dict[str, Any]]:
    def money(minor: int) -> str:
        return money_text(minor, quote.sale.currency)

    return [
        line_stored(
            line,
            product=quote.products.get(line.sku),
            net=result.net,
            discount=result.discount,
            base_points=result.base_points,
            prices=(sold.unit_price_inc_tax, sold.unit_price_ex_tax),
            money=money,
        )
        for line, sold, result in zip(quote.basket.lines, quote.sale.lines, quote.decision.lines, strict=True)
    ]


def _vouchers(quote: Quote) -> dict[int, list[Voucher]]:
    """The vouchers to issue, unsaved, by promotion id."""
    if quote.known is None:
        return {}
    return {
        applied.promotion.id: voucher_rows(
            offer=quote.book.offers[applied.promotion.offer],
            consumer=quote.known.consumer,
            count=applied.vouchers,
            at=quote.sale.occurred_at,
        )
        for applied in quote.decision.applied
        if applied.vouchers
    }


def _write_applied(row: Transaction, quote: Quote, *, ids: bool) -> dict[int, AppliedPromotion]:
    currency = quote.sale.currency
    rows = [
        AppliedPromotion(
            transaction_id=row.pk,
            promotion_id=applied.promotion.id,
            version_id=applied.promotion.source.version_id,
            position=position,
            redemptions=applied.redemptions,
            points=applied.points,
            discount=from_minor(applied.discount, currency),
            saving=amount_decimal(applied.saving),
            lines=lines_stored(applied.lines, currency),
        )
        for position, applied in enumerate(quote.decision.applied)
    ]
    rows_insert(rows, ids=ids)
    return {applied.promotion_id: applied for applied in rows}


def _write_ledger(row: Transaction, quote: Quote, at: datetime) -> None:
    decision, sale = quote.decision, quote.sale
    if quote.known is None or not decision.points:
        return
    spend = money_text(decision.net, sale.currency)
    entries: list[tuple[int, EntryKind, int | None, str, str]] = []
    if decision.base_points:
        entries.append((decision.base_points, EntryKind.BASE, None, "Base points", "Points on the purchase"))
    for applied in decision.applied:
        if applied.points:
            source = applied.promotion.source
            entries.append(
                (
                    applied.points,
                    EntryKind.PROMOTION,
                    source.id,
                    source.outcome["activity_type"] or PromotionType(source.type).label,
                    activity_description(
                        source, currency=sale.currency, spend=spend, site_name=quote.place.name or quote.place.number
                    ),
                )
            )
    rows_insert(
        [
            LedgerEntry(
                account_id=row.account_id,
                consumer_id=quote.known.consumer.pk,
                points=points,
                kind=kind,
                activity_type=activity_type,
                description=description,
                transaction_id=row.pk,
                promotion_id=promotion_id,
                at=row.occurred_at,
                created_at=at,
            )
            for points, kind, promotion_id, activity_type, description in entries
        ],
        ids=False,
    )


def _write_vouchers(vouchers: Mapping[int, list[Voucher]], applied: Mapping[int, AppliedPromotion]) -> None:
    rows = []
    for promotion_id, issued in vouchers.items():
        for voucher in issued:
            voucher.issued_by = applied[promotion_id]
            rows.append(voucher)
    rows_insert(rows, ids=False)


def _pay_vouchers(row: Transaction, quote: Quote) -> None:
    paid = [quote.presented[voucher.code].id for voucher in quote.decision.vouchers]
    if paid and quote.known is not None:
        vouchers_pay(consumer_pk=quote.known.consumer.pk, voucher_pks=paid, payer=row, at=quote.basket.at)


def _lock_choices(row: Transaction, quote: Quote, at: datetime) -> None:
    """Make choices final where the promotion locks them after the first apply."""
    choices = {quote.lists[backend_id].id: products for backend_id, products in quote.decision.choices.items()}
    if choices:
        personalized_choices_lock(choices=choices, transaction_id=row.pk, at=at)


def _write_usage(quote: Quote, consumer: Consumer) -> None:
    """The consumer's redemptions and progress, under the consumer's lock.

    A sale that happened before the consumer's last one leaves no progress standing: it is added up again from history
    when it is next needed.
    """
    redeemed = {applied.promotion.id: applied.redemptions for applied in quote.decision.applied}
    late = consumer.last_transaction_at is not None and consumer.last_transaction_at > quote.basket.at
    progress = {} if late else _progress_after(quote, redeemed)
    usage_add(
        consumer_pk=consumer.pk,
        rows=[
            (promotion_id, redeemed.get(promotion_id, 0), *progress.get(promotion_id, ("", Progress(()))))
            for promotion_id in sorted({*redeemed, *progress})
        ],
        progress_over=late,
    )


def _progress_after(quote: Quote, redeemed: Mapping[int, int]) -> dict[int, tuple[str, Progress]]:
    """What is to be stored of the progress of promotions with application rules: their signature and sums."""
    basket, net = quote.basket, quote.decision.basket_value.net
    after: dict[int, tuple[str, Progress]] = {}
    for promotion in quote.judged:
        rules = promotion.application_rules
        if not rules:
            continue
        before = quote.usage.progress.get(promotion.id)
        if before is None and promotion.id not in quote.needed:
            continue
        if promotion.counts(basket):
            progress = (before or Progress.none(rules)).with_transaction(
                rules,
                [rule.measured(basket, net) for rule in rules],
                day=basket.today,
                applied=promotion.id in redeemed,
            )
        elif before is None or promotion.id in quote.rebuilt:
            progress = before or Progress.none(rules)
        else:
            continue
        if progress == before and promotion.id not in quote.rebuilt and promotion.id not in redeemed:
            continue  # It stands as it was read: of many promotions with such rules most sales count for few.
        after[promotion.id] = (promotion.rules_signature, progress)
    return after


def _write_standing(quote: Quote, consumer: Consumer) -> None:
    basket, decision = quote.basket, quote.decision
    last_at, last_redeemed = consumer.last_transaction_at, consumer.last_promotion_redeemed_on
    if last_at is None or last_at <= basket.at:
        consumer.last_transaction_at, consumer.last_transaction_on = basket.at, basket.today
    if decision.applied and (last_redeemed is None or last_redeemed < basket.today):
        consumer.last_promotion_redeemed_on = basket.today
    offers = [quote.book.offers[voucher.offer] for voucher in decision.vouchers]
    last_offer = consumer.last_offer_redeemed_on
    if any(offer.kind == OfferKind.PERSONALISED for offer in offers) and (
        last_offer is None or last_offer < basket.today
    ):
        consumer.last_offer_redeemed_on = basket.today
    consumer_activity_update(consumer, points=decision.points)


def _count(applied: Sequence[Applied], vouchers: Mapping[int, list[Voucher]]) -> list[Counted]:
    """Count redemptions and issued vouchers up, in the order in which counters are locked where little is left."""
    limited: dict[int, int] = {}
    unlimited: dict[int, int] = {}
    for one in applied:
        (unlimited if one.promotion.total_limit is None else limited)[one.promotion.id] = one.redemptions
    issued = Counter(voucher.offer_id for rows in vouchers.values() for voucher in rows)
    promotions, offers = Promotion._meta.db_table, Offer._meta.db_table
    counts = (
        (promotions, "redemptions", limited, "total_redemption_limit"),
        (offers, "issued", issued, "stock"),
        (promotions, "redemptions", unlimited, "total_redemption_limit"),
    )
    return [count_up(table, column, amounts, within=limit) for table, column, amounts, limit in counts if amounts]
