"""Committing a sale: decide again under locks, and write everything once."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

import msgspec
from django.db import transaction
from msgspec import UNSET

from consumers.exceptions import Problem
from consumers.models import Account, Consumer
from consumers.moments import moment_text
from consumers.normal_form import decomposed_document
from loyalty.choices import EntryKind, OfferKind, PromotionType
from loyalty.exceptions import DecisionChanged, FigureTooLarge, ReferenceReused, SaleInvalid
from loyalty.models import AppliedPromotion, LedgerEntry, Offer, Transaction, Voucher
from loyalty.services.message import messages_of, messages_record
from loyalty.services.promotion_texts import activity_description
from loyalty.services.rewards.voucher import voucher_rows, vouchers_pay
from loyalty.services.statements.bulk_insert import rows_insert, statements_together
from loyalty.services.statements.counters import (
    CounterUpdate,
    PromotionCount,
    UsageChange,
    campaigns_increase,
    consumer_activity_update,
    counters_increase,
    promotions_increase,
    usage_add,
)
from loyalty.services.till.answer import (
    Answer,
    Difference,
    amount_decimal,
    answer_of,
    differences_of,
    explanation_of,
    lines_answer,
    voucher_answer,
)
from loyalty.services.till.decision_inputs import DecisionInputs
from loyalty.services.till.locks import LOCK_FREE_MARGIN
from loyalty.services.till.profiling import PROFILER
from loyalty.services.till.quote import (
    ExplanationRequest,
    PreparedSale,
    Quote,
    contended_counters,
    decide,
    is_counted_within,
    offer_benefit,
    prepare,
)
from loyalty.services.till.reads import StoredDecision, sale_context_read
from loyalty.services.till.records import (
    Document,
    PayingVoucher,
    StoredLine,
    StoredSelection,
    TransactionFacts,
    lines_to_json,
)
from loyalty.services.till.retry import run_with_retry
from loyalty.services.till.sale import Sale, SaleLine
from loyalty.services.till.snapshot import snapshot_current
from promotions.engine.benefits.vouchers import voucher_key
from promotions.engine.facts.progress import Progress
from promotions.engine.money import from_minor, money_text
from promotions.engine.pipeline.budgets import campaign_with_budget, campaigns_taken, money_given
from promotions.engine.pipeline.decision import Applied, Decision
from promotions.engine.rulebook.promotion import Promotion
from promotions.services.personalized.choices import personalized_choices_lock

MAX_CLOCK_LEAD = timedelta(minutes=5)
"""How far a till's clock may be ahead of ours."""

MAX_NEAREST_PROMOTIONS = 400
"""Promotions evaluated for the explanation that a commit stores."""

MAX_STORED_REFUSALS = 200
"""Refusals that a commit stores."""

MAX_ISSUED_VOUCHERS = 10_000
"""Vouchers that one transaction may issue: each is a row and a code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Committed:
    """A committed transaction: the answer as JSON text, why others did not apply, and whether this call wrote it."""

    answer: str
    explanation: list[Document]
    created: bool


def sale_fingerprint(sale: Sale, *, voucher_code: Callable[[str], str] = voucher_key) -> str:
    """Return a hash that is the same for two sales of the same content, however they were written.

    ``voucher_code`` brings the codes of vouchers into one form.
    """
    return _hashed(_normalized(sale, voucher_code))


def _hashed(content: object) -> str:
    return sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def _older_fingerprints(sale: Sale) -> Iterator[str]:
    """Yield the hashes that a sale of this content may have from before.

    Codes were hashed as sent while they were compared with regard to case, and texts with their accents apart where
    the till sent them so.
    """
    for voucher_code in (str, voucher_key):
        content = _normalized(sale, voucher_code)
        yield _hashed(content)
        yield _hashed(decomposed_document(content))


def _normalized(sale: Sale, voucher_code: Callable[[str], str]) -> Document:
    """Return a sale with every number and moment in one form: 5, 5.0 and 5.00 are the same content."""
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
                *_facts_said(line),
            ]
            for line in sale.lines
        ],
        "vouchers": [voucher_code(code) for code in sale.vouchers],
    }


def _facts_said(line: SaleLine) -> list[Document]:
    """Return what a line says of how it counts; nothing for one that says nothing, as none could at first."""
    said = {"weighed": line.weighed, "no_discount": line.no_discount or None, "no_points": line.no_points or None}
    facts: Document = {name: value for name, value in said.items() if value is not None}
    return [facts] if facts else []


def transaction_commit(*, account: Account, sale: Sale, at: datetime, fingerprint: str | None = None) -> Committed:
    """Commit a sale once; for the same sale again, return the stored answer.

    Args:
        account: read in this request.
        sale: with a reference.
        at: now.
        fingerprint: of the sale's content, where the caller knows better what the till sent.

    Raises:
        SaleInvalid: the site or consumer is unknown, or the moment is out of bounds.
        ReferenceReused: the reference was used with other content.
        DecisionChanged: the decision is not what was expected, and the sale asked to be refused then.
        FigureTooLarge: it would give more points or issue more vouchers than a transaction may.
    """
    fingerprint = fingerprint or sale_fingerprint(sale)
    # Closes the race of two commits of one reference: the unique constraint lets one through, and the other, tried
    # again, finds its answer.
    return run_with_retry(lambda attempt: _commit_once(account, sale, fingerprint, at, attempt), account=account)


def _commit_once(account: Account, sale: Sale, fingerprint: str, at: datetime, attempt: int) -> Committed:
    snapshot = snapshot_current(account=account)
    # Closes the races of two sales for one consumer, limit or stock: the consumer's row is locked first, then, where
    # little is left, limited promotions, campaigns and stocked offers, each by id: the decision is made under these.
    # Where much is left, sales of all tills do not wait for each other's decisions: one that takes more than is left by
    # then is refused by the database and decided again, under locks whatever is left.
    with transaction.atomic():
        context = sale_context_read(
            account=account,
            skus=sale.skus,
            consumer_id=sale.consumer,
            card=sale.loyalty_card,
            reference=sale.reference,
            lock=True,
        )
        if context.stored is not None:
            return _stored_answer(context.stored, sale, fingerprint)
        _check_moment(account, sale, at)
        prepared = prepare(sale, snapshot, context)
        quote = decide(
            prepared,
            _stored_explanation(prepared),
            contended=contended_counters(prepared, lock_free_margin=None if attempt else LOCK_FREE_MARGIN),
            profiler=PROFILER,
        )
        _check_issued_vouchers(quote.decision)
        return _write(quote, fingerprint, at, transaction_id=context.transaction_id)


def _stored_answer(stored: StoredDecision, sale: Sale, fingerprint: str) -> Committed:
    if stored.fingerprint != fingerprint and stored.fingerprint not in _older_fingerprints(sale):
        raise ReferenceReused(f"The reference {sale.reference} was used for another transaction.", attr="reference")
    return Committed(answer=stored.answer, explanation=stored.explanation, created=False)


def _check_moment(account: Account, sale: Sale, at: datetime) -> None:
    days = account.late_transaction_days
    if sale.occurred_at > at + MAX_CLOCK_LEAD:
        problem = Problem(code="in_the_future", detail="The date and time is in the future.", attr="occurred_at")
        raise SaleInvalid(problems=[problem])
    if at - sale.occurred_at > timedelta(days=days):
        detail = f"A transaction may be sent up to {days} days late."
        raise SaleInvalid(problems=[Problem(code="too_late", detail=detail, attr="occurred_at")])


def _stored_explanation(prepared: PreparedSale) -> ExplanationRequest:
    rulebook = prepared.snapshot.rulebook
    return ExplanationRequest(
        promotions=rulebook.nearest(prepared.basket, prepared.shopper, limit=MAX_NEAREST_PROMOTIONS),
        max_refusals=MAX_STORED_REFUSALS,
    )


def _check_issued_vouchers(decision: Decision) -> None:
    if sum(applied.vouchers for applied in decision.applied) > MAX_ISSUED_VOUCHERS:
        raise FigureTooLarge(f"A transaction issues at most {MAX_ISSUED_VOUCHERS:,} vouchers.", attr="lines")


# --- writing ---------------------------------------------------------------------------------------------------------


def _write(quote: Quote, fingerprint: str, at: datetime, *, transaction_id: int | None) -> Committed:
    """Write a decision: a fixed number of statements, whatever the lines and promotions."""
    decision, record = quote.decision, quote.record
    differences = differences_of(quote)
    if differences and quote.sale.on_difference == "refuse":
        names = ", ".join(difference.field for difference in differences)
        raise DecisionChanged(f"The decision is not the one expected. Different: {names}.")
    vouchers = _issued_vouchers(quote)
    explanation = explanation_of(decision)
    answer = msgspec.json.encode(_answer(quote, vouchers, differences)).decode()
    row = _transaction_row(quote, fingerprint=fingerprint, at=at, explanation=explanation, answer=answer)
    row.pk = transaction_id
    with statements_together():
        rows_insert([row])
        messages = messages_of(applied=decision.applied, consumer=record.consumer, at=at) if record else {}
        applied = _write_applied(row, quote, ids=bool(vouchers or messages))
        if record is not None:
            _write_ledger(row, quote, record.consumer, at)
            _write_usage(quote, record.consumer)
            _write_activity(quote, record.consumer)
            messages_record(messages=messages, rows=applied)
            _write_vouchers(vouchers, applied)
        # After all other rows, because other tills' sales wait for these.
        counters = _increase_counters(quote, vouchers)
    for counter in counters:
        counter.raise_if_over_limit()
    if record is not None:
        _pay_vouchers(row, quote, record.consumer)
        _lock_choices(row, quote, at)
    return Committed(answer=answer, explanation=explanation, created=True)


def _answer(quote: Quote, vouchers: Mapping[int, Sequence[Voucher]], differences: Sequence[Difference]) -> Answer:
    return answer_of(
        quote.decision.committed(),
        reference=quote.sale.reference,
        status="committed",
        balance=quote.balance,
        issued={promotion_id: [voucher_answer(v) for v in issued] for promotion_id, issued in vouchers.items()},
        warnings=quote.warnings,
        differences=differences,
    )


def _transaction_row(
    quote: Quote, *, fingerprint: str, at: datetime, explanation: list[Document], answer: str
) -> Transaction:
    prepared, decision, record = quote.prepared, quote.decision, quote.record
    sale, basket, currency = prepared.sale, prepared.basket, prepared.sale.currency
    return Transaction(
        account_id=prepared.snapshot.account_pk,
        reference=sale.reference,
        fingerprint=fingerprint,
        occurred_at=sale.occurred_at,
        local_day=basket.today,
        recorded_at=at,
        site_id=prepared.site.id,
        consumer=record.consumer if record else None,
        loyalty_card=sale.loyalty_card,
        loyalty_card_type=record.card_type if record else "",
        source=sale.source,
        payment_card_type=sale.payment_card_type,
        currency=currency,
        total_inc_tax=from_minor(decision.total, currency),
        total_ex_tax=from_minor(basket.total_ex_minor, currency),
        discount_total=from_minor(decision.total - decision.net, currency),
        net_total_inc_tax=from_minor(decision.net, currency),
        paid=from_minor(decision.net, currency),
        base_points=decision.base_points,
        promotion_points=decision.promotion_points,
        lines=_lines(quote),
        facts=_facts(quote).to_json(),
        explanation=explanation,
        answer=answer,
    )


def _facts(quote: Quote) -> TransactionFacts:
    decision, snapshot = quote.decision, quote.prepared.snapshot
    terms = snapshot.rulebook.terms
    return TransactionFacts(
        earn_rate=str(terms.earn_rates.get(quote.sale.currency, 0)),
        point_value=str(terms.point_value),
        is_loyalty_member=quote.record is not None and quote.record.is_member,
        applied=tuple([applied.promotion.id for applied in decision.applied]),
        cut=tuple([applied.promotion.id for applied in decision.applied if applied.cut]) or UNSET,
        lists={backend_id: tuple(products) for backend_id, products in decision.effective_choices.items()},
        selections={
            backend_id: StoredSelection(selected=not quote.usage.lists[backend_id].choice.selected)
            for backend_id in decision.choices_to_lock
        },
        vouchers=tuple(
            [
                PayingVoucher.of(
                    code=voucher.code, offer=voucher.offer, benefit=offer_benefit(snapshot.offers[voucher.offer])
                )
                for voucher in decision.vouchers
            ]
        ),
        inputs=DecisionInputs.of(decision, snapshot=snapshot, shopper=quote.prepared.shopper, usage=quote.usage.usage),
    )


def _lines(quote: Quote) -> list[Document]:
    prepared = quote.prepared
    return lines_to_json(
        StoredLine.of(
            line, sold=sold, result=result, product=prepared.products.get(line.sku), currency=prepared.sale.currency
        )
        for line, sold, result in zip(prepared.basket.lines, prepared.sale.lines, quote.decision.lines, strict=True)
    )


def _issued_vouchers(quote: Quote) -> dict[int, list[Voucher]]:
    """Return the vouchers to issue, unsaved, by promotion id."""
    if quote.record is None:
        return {}
    return {
        applied.promotion.id: voucher_rows(
            offer=quote.prepared.snapshot.offers[applied.promotion.offer],
            consumer=quote.record.consumer,
            count=applied.vouchers,
            at=quote.sale.occurred_at,
            zone=quote.prepared.snapshot.zone,
        )
        for applied in quote.decision.applied
        if applied.vouchers
    }


def _write_applied(row: Transaction, quote: Quote, *, ids: bool) -> dict[int, AppliedPromotion]:
    """Write what applied; return the rows by promotion id, with ids of their own where they are asked for."""
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
            lines=lines_answer(applied.lines, currency),
        )
        for position, applied in enumerate(quote.decision.applied)
    ]
    rows_insert(rows, ids=ids)
    return {applied.promotion_id: applied for applied in rows}


class _Earning(NamedTuple):
    """Points that a sale gives: base points, or those of a promotion."""

    points: int
    kind: EntryKind
    promotion_id: int | None
    activity_type: str
    description: str


def _write_ledger(row: Transaction, quote: Quote, consumer: Consumer, at: datetime) -> None:
    rows_insert(
        [
            LedgerEntry(
                account_id=row.account_id,
                consumer_id=consumer.pk,
                points=earning.points,
                kind=earning.kind,
                activity_type=earning.activity_type,
                description=earning.description,
                transaction_id=row.pk,
                promotion_id=earning.promotion_id,
                at=row.occurred_at,
                created_at=at,
            )
            for earning in _earnings(quote)
        ],
        ids=False,
    )


def _earnings(quote: Quote) -> list[_Earning]:
    decision, currency, site = quote.decision, quote.sale.currency, quote.prepared.site
    earnings = []
    if decision.base_points:
        earnings.append(_Earning(decision.base_points, EntryKind.BASE, None, "Base points", "Points on the purchase"))
    spend = money_text(decision.net, currency)
    for applied in decision.applied:
        if applied.points:
            source = applied.promotion.source
            earnings.append(
                _Earning(
                    points=applied.points,
                    kind=EntryKind.PROMOTION,
                    promotion_id=source.id,
                    activity_type=source.outcome["activity_type"] or PromotionType(source.type).label,
                    description=activity_description(
                        source, currency=currency, spend=spend, site_name=site.name or site.number
                    ),
                )
            )
    return earnings


def _write_vouchers(vouchers: Mapping[int, list[Voucher]], applied: Mapping[int, AppliedPromotion]) -> None:
    rows = []
    for promotion_id, issued in vouchers.items():
        for voucher in issued:
            voucher.issued_by = applied[promotion_id]
            rows.append(voucher)
    rows_insert(rows, ids=False)


def _pay_vouchers(row: Transaction, quote: Quote, consumer: Consumer) -> None:
    paying = [quote.usage.vouchers[voucher_key(voucher.code)].id for voucher in quote.decision.vouchers]
    if paying:
        vouchers_pay(consumer_pk=consumer.pk, voucher_pks=paying, payer=row, at=quote.sale.occurred_at)


def _lock_choices(row: Transaction, quote: Quote, at: datetime) -> None:
    """Make choices final where the promotion locks them after the first apply."""
    lists = quote.usage.lists
    choices = {lists[backend_id].id: products for backend_id, products in quote.decision.choices_to_lock.items()}
    if choices:
        personalized_choices_lock(choices=choices, transaction_id=row.pk, at=at)


def _write_usage(quote: Quote, consumer: Consumer) -> None:
    """Write the consumer's redemptions and progress, under the consumer's lock.

    A sale that happened before the consumer's last one makes all stored progress void: it is added up again from
    history when it is next needed.
    """
    redemptions = {applied.promotion.id: applied.redemptions for applied in quote.decision.applied}
    changes = {
        promotion_id: UsageChange(promotion_id=promotion_id, redemptions=count)
        for promotion_id, count in redemptions.items()
    }
    is_late = consumer.last_transaction_at is not None and consumer.last_transaction_at > quote.sale.occurred_at
    if not is_late:
        for promotion, progress in _progress_after(quote, redemptions):
            changes[promotion.id] = UsageChange(
                promotion_id=promotion.id,
                redemptions=redemptions.get(promotion.id, 0),
                signature=promotion.rules_signature,
                progress=progress,
            )
    usage_add(
        consumer_pk=consumer.pk,
        changes=[changes[promotion_id] for promotion_id in sorted(changes)],
        void_other_progress=is_late,
    )


def _progress_after(quote: Quote, redemptions: Mapping[int, int]) -> Iterator[tuple[Promotion, Progress]]:
    """Yield the promotions with application rules whose progress the sale changes, with the progress after it."""
    usage, basket, net = quote.usage, quote.prepared.basket, quote.decision.basket_value.net
    for promotion in usage.promotions.values():
        rules = promotion.application_rules
        if not rules:
            continue
        before = usage.usage.progress.get(promotion.id)
        if before is None and promotion.id not in usage.with_rules:
            continue
        is_rebuilt = promotion.id in usage.rebuilt
        if promotion.counts(basket):
            progress = (before or Progress.none(rules)).with_transaction(
                rules,
                [rule.totals_of(basket, net) for rule in rules],
                day=basket.today,
                applied=promotion.id in redemptions,
            )
        elif before is None or is_rebuilt:
            progress = before or Progress.none(rules)
        else:
            continue
        if progress != before or is_rebuilt or promotion.id in redemptions:
            yield promotion, progress  # The others are stored as they are: most sales count for few promotions.


def _write_activity(quote: Quote, consumer: Consumer) -> None:
    """Write the consumer's balance, and the days of their last transaction, promotion and offer."""
    basket, decision = quote.prepared.basket, quote.decision
    last_at, last_redeemed = consumer.last_transaction_at, consumer.last_promotion_redeemed_on
    if last_at is None or last_at <= basket.at:
        consumer.last_transaction_at, consumer.last_transaction_on = basket.at, basket.today
    if decision.applied and (last_redeemed is None or last_redeemed < basket.today):
        consumer.last_promotion_redeemed_on = basket.today
    offers = [quote.prepared.snapshot.offers[voucher.offer] for voucher in decision.vouchers]
    last_offer = consumer.last_offer_redeemed_on
    if any(offer.kind == OfferKind.PERSONALISED for offer in offers) and (
        last_offer is None or last_offer < basket.today
    ):
        consumer.last_offer_redeemed_on = basket.today
    consumer_activity_update(consumer, points=decision.points)


def _increase_counters(quote: Quote, vouchers: Mapping[int, list[Voucher]]) -> list[CounterUpdate]:
    """Count what is given and the issued vouchers, in the order in which counters are locked where little is left."""
    decision, rulebook = quote.decision, quote.prepared.snapshot.rulebook
    currency = decision.basket.currency
    limited: list[PromotionCount] = []
    unlimited: list[PromotionCount] = []
    for applied in decision.applied:
        campaign = campaign_with_budget(applied.promotion, rulebook)
        count = _count_of(applied, currency, campaign_id=0 if campaign is None else campaign.id)
        (limited if is_counted_within(applied.promotion, rulebook) else unlimited).append(count)
    issued = Counter(voucher.offer_id for rows in vouchers.values() for voucher in rows)
    updates = []
    if limited:
        updates.append(promotions_increase(limited))
    if any(count.campaign_id for count in limited):
        updates.append(campaigns_increase(campaigns_taken(decision.applied, rulebook, currency)))
    if issued:
        updates.append(counters_increase(Offer._meta.db_table, "issued", issued, limit_column="stock"))
    if unlimited:
        updates.append(promotions_increase(unlimited))
    return updates


def _count_of(applied: Applied, currency: str, *, campaign_id: int) -> PromotionCount:
    saving = money_given(applied.saving, currency)
    used = applied.points if applied.promotion.gives_points else saving
    return PromotionCount(applied.promotion.id, applied.redemptions, used, saving, campaign_id)
