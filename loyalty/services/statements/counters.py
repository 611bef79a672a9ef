"""Counters that many sales increase at once: added to in place, in one order, never beyond their limit."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper

from consumers.models import Consumer
from loyalty.exceptions import LimitOverrun
from loyalty.models import PromotionUsage
from loyalty.services.statements.combined_query import Parameter, in_ids
from promotions.engine.facts.progress import Progress


@dataclass(frozen=True, slots=True)
class CounterUpdate:
    """A statement that added to the counters of a number of rows, and whose answer may not have come yet.

    Sales of all tills wait for the rows of popular promotions, so statements are sent together and their answers are
    looked at afterwards.
    """

    cursor: CursorWrapper
    rows: int

    def raise_if_over_limit(self) -> None:
        """Check that the database updated every row.

        Raises:
            LimitOverrun: a limit would be exceeded; the caller's transaction must end.
        """
        with self.cursor:
            if len(self.cursor.fetchall()) != self.rows:
                raise LimitOverrun("A limit was reached in the meantime.")


def counters_increase(table: str, column: str, amounts: Mapping[int, int], *, limit_column: str) -> CounterUpdate:
    """Add amounts, by id, to a counter of some rows of a table; the caller must call ``raise_if_over_limit``.

    Closes the race of two sales that count the same rows in different orders: rows are locked first, those with a limit
    before the others, each by id. The limit in ``limit_column`` (null: none) is checked once more by the database.

    One parameter holds all amounts, so that the statement is the same for any number: it is parsed once, and its plan
    kept. Rows are not locked against those that refer to them: sales that name one promotion in rows of their own would
    wait for each other.
    """
    given, lock = _AMOUNTS_SQLITE, ""
    if connection.vendor == "postgresql":
        given, lock = _AMOUNTS_POSTGRESQL, f" ORDER BY {limit_column} IS NULL, id FOR NO KEY UPDATE"
    limit = f"{table}.{limit_column}"
    cursor = connection.cursor()
    cursor.execute(
        f"WITH given AS ({given}),"  # noqa: S608 - names are our own
        f" locked AS (SELECT id FROM {table} WHERE id IN (SELECT id FROM given){lock})"
        f" UPDATE {table} SET {column} = {table}.{column} + given.amount"
        f" FROM given JOIN locked ON locked.id = given.id WHERE {table}.id = given.id"
        f" AND ({limit} IS NULL OR {table}.{column} + given.amount <= {limit}) RETURNING {table}.id",
        [json.dumps(sorted(amounts.items()))],
    )
    return CounterUpdate(cursor, len(amounts))


_AMOUNTS_POSTGRESQL = (
    "SELECT CAST(pair ->> 0 AS bigint) AS id, CAST(pair ->> 1 AS bigint) AS amount"
    " FROM jsonb_array_elements(CAST(%s AS jsonb)) AS pair"
)
_AMOUNTS_SQLITE = "SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS amount FROM json_each(%s)"


class PromotionCount(NamedTuple):
    """What a sale or a return adds to a promotion's counters: redemptions, and what was given.

    ``budget_used`` is in the unit of the promotion's budget, ``saving_given`` in minor units of money.
    """

    promotion_id: int
    redemptions: int
    budget_used: int
    saving_given: int


def promotions_increase(counts: Iterable[PromotionCount]) -> CounterUpdate:
    """Count what a sale gives, within limits and budgets; the caller must call ``raise_if_over_limit``.

    Closes the race of two sales that count the same rows in different orders: rows are locked first, those with a limit
    or a budget before the others, each by id. Limits and budgets are checked once more by the database: of a budget
    that honours the basket that crosses it, something must be left.
    """
    return _promotions_count(
        counts,
        order="total_redemption_limit IS NULL AND budget_amount IS NULL, ",
        within=" AND (total_redemption_limit IS NULL OR redemptions + more_redemptions <= total_redemption_limit)"
        " AND (budget_amount IS NULL OR CASE WHEN budget_overruns THEN budget_used < budget_amount"
        " ELSE budget_used + more_used <= budget_amount END)",
    )


def promotions_decrease(counts: Iterable[PromotionCount]) -> None:
    """Take from the counters of promotions what a return takes back. A lower limit or budget does not matter.

    Closes the race of two writers of the same rows as ``promotions_increase`` does: rows are locked by id first.
    """
    negative = [PromotionCount(count[0], -count[1], -count[2], -count[3]) for count in counts]
    _promotions_count(negative, order="", within="").cursor.close()


def _promotions_count(counts: Iterable[PromotionCount], *, order: str, within: str) -> CounterUpdate:
    """Add to the counters of promotions, in one statement that is the same for any number of them."""
    rows = sorted(counts)
    given, lock = _COUNTS_SQLITE, ""
    if connection.vendor == "postgresql":
        given, lock = _COUNTS_POSTGRESQL, f" ORDER BY {order}id FOR NO KEY UPDATE"
    cursor = connection.cursor()
    cursor.execute(
        f"WITH given AS ({given}),"  # noqa: S608 - names are our own
        f" locked AS (SELECT id FROM promotions_promotion WHERE id IN (SELECT given_id FROM given){lock})"
        " UPDATE promotions_promotion SET redemptions = redemptions + more_redemptions,"
        " budget_used = budget_used + more_used, saving_given = saving_given + more_given"
        " FROM given JOIN locked ON locked.id = given_id"
        f" WHERE promotions_promotion.id = given_id{within} RETURNING promotions_promotion.id",
        [json.dumps(rows)],
    )
    return CounterUpdate(cursor, len(rows))


_COUNTS_POSTGRESQL = (
    "SELECT CAST(entry ->> 0 AS bigint) AS given_id, CAST(entry ->> 1 AS bigint) AS more_redemptions,"
    " CAST(entry ->> 2 AS bigint) AS more_used, CAST(entry ->> 3 AS bigint) AS more_given"
    " FROM jsonb_array_elements(CAST(%s AS jsonb)) AS entry"
)
_COUNTS_SQLITE = (
    "SELECT json_extract(value, '$[0]') AS given_id, json_extract(value, '$[1]') AS more_redemptions,"
    " json_extract(value, '$[2]') AS more_used, json_extract(value, '$[3]') AS more_given FROM json_each(%s)"
)


class UsageChange(NamedTuple):
    """Redemptions to add to a consumer's use of a promotion, and the progress to store with the signature of its rules.

    Without a signature the progress stored before is void.
    """

    promotion_id: int
    redemptions: int
    signature: str = ""
    progress: Progress = Progress(())


def usage_add(*, consumer_pk: int, changes: Sequence[UsageChange], void_other_progress: bool = False) -> None:
    """Add redemptions to a consumer's use of promotions and store their progress, in one statement.

    Args:
        consumer_pk: whose; their row is locked.
        changes: at most one of each promotion.
        void_other_progress: whether the progress stored under all other promotions becomes void.
    """
    table = PromotionUsage._meta.db_table
    selects: list[str] = []
    parameters: list[Parameter] = []
    if changes:
        given = [
            (change.promotion_id, change.redemptions, change.signature, change.progress.as_json()) for change in changes
        ]
        selects.append(_GIVEN_POSTGRESQL if connection.vendor == "postgresql" else _GIVEN_SQLITE)
        parameters += [consumer_pk, json.dumps(given)]
    if void_other_progress:
        is_changed, ids = in_ids([change.promotion_id for change in changes])
        selects.append(
            f"SELECT promotion_id, consumer_id, 0, '', progress FROM {table}"  # noqa: S608 - names are our own
            f" WHERE consumer_id = %s AND progress_signature <> '' AND NOT promotion_id {is_changed}"
        )
        parameters += [consumer_pk, ids]
    if not selects:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (promotion_id, consumer_id, redemptions, progress_signature, progress)"
            f" {' UNION ALL '.join(selects)} ON CONFLICT (promotion_id, consumer_id) DO UPDATE SET"
            f" redemptions = {table}.redemptions + excluded.redemptions,"
            " progress_signature = excluded.progress_signature, progress = excluded.progress",
            parameters,
        )


# One parameter for all rows: a consumer may have progress under dozens of promotions, and a statement that is the same
# for any number of them is parsed once.
_GIVEN_POSTGRESQL = (
    "SELECT CAST(given ->> 0 AS bigint), CAST(%s AS bigint), CAST(given ->> 1 AS integer), given ->> 2, given -> 3"
    " FROM jsonb_array_elements(CAST(%s AS jsonb)) AS given"
)
_GIVEN_SQLITE = (
    "SELECT json_extract(value, '$[0]'), %s, json_extract(value, '$[1]'), json_extract(value, '$[2]'),"
    " json_extract(value, '$[3]') FROM json_each(%s) WHERE true"
)


def usage_take_back(*, consumer_pk: int, redemptions: Mapping[int, int]) -> None:
    """Take redemptions, by promotion id, from a consumer's use, and void all their progress: their history has changed.

    The consumer's row is locked.
    """
    case = " ".join(["WHEN promotion_id = %s THEN %s"] * len(redemptions))
    amount = f"(CASE {case} ELSE 0 END)" if redemptions else "0"
    case_parameters = [
        value for promotion_id in sorted(redemptions) for value in (promotion_id, redemptions[promotion_id])
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {PromotionUsage._meta.db_table} SET redemptions = redemptions - {amount}, progress_signature = ''"  # noqa: S608
            " WHERE consumer_id = %s",
            [*case_parameters, consumer_pk],
        )


def consumer_activity_update(consumer: Consumer, *, points: int) -> None:
    """Add points to a consumer's balance and store the days of their last transaction, offer and promotion.

    The consumer's row is locked.
    """
    ops = connection.ops
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE consumers_consumer SET points_balance = points_balance + %s, last_transaction_at = %s,"
            " last_transaction_on = %s, last_offer_redeemed_on = %s, last_promotion_redeemed_on = %s WHERE id = %s",
            [
                points,
                ops.adapt_datetimefield_value(consumer.last_transaction_at),
                ops.adapt_datefield_value(consumer.last_transaction_on),
                ops.adapt_datefield_value(consumer.last_offer_redeemed_on),
                ops.adapt_datefield_value(consumer.last_promotion_redeemed_on),
                consumer.pk,
            ],
        )
