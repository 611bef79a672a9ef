"""Counters that many sales count up at once: added to in place, in one order, never beyond their limit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from consumers.models import Consumer
from loyalty.exceptions import LimitOverrun
from loyalty.models import PromotionUsage
from loyalty.services.till.combined_query import in_ids
from promotions.engine.facts.progress import Progress


@dataclass(frozen=True, slots=True)
class Counted:
    """What was added to counters of so many rows. Whether all of them could take it the database may not have said yet.

    Sales of all tills wait for the rows of popular promotions: statements are sent together and looked at afterwards.
    """

    cursor: CursorWrapper
    rows: int

    def check(self) -> None:
        """Look at the database's answer.

        Raises:
            LimitOverrun: a limit would be exceeded; the caller's transaction must end.
        """
        with self.cursor:
            if len(self.cursor.fetchall()) != self.rows:
                raise LimitOverrun("A limit was reached in the meantime.")


def count_down(table: str, column: str, counted: Mapping[int, int]) -> None:
    """Take from a counter of some rows of a table what a return takes back; a limit set lower since stands in no way.

    Closes the race of two writers of the same rows as ``count_up`` does: rows are locked by id first.
    """
    _count(table, column, {row_id: -amount for row_id, amount in counted.items()}).cursor.close()


def count_up(table: str, column: str, counted: Mapping[int, int], *, within: str) -> Counted:
    """Add to a counter of some rows of a table; what is answered must be checked.

    Closes the race of two sales that count the same rows in different orders: rows are locked first, those with a limit
    before the others, each by id. The limit in the column ``within`` (null: none) is judged once more by the database.
    """
    return _count(table, column, counted, within=within)


def _count(table: str, column: str, counted: Mapping[int, int], *, within: str = "") -> Counted:
    """Add amounts, by id, to a counter.

    One parameter holds all of them, so that the statement is the same for any number: it is read once, and its plan
    kept. Rows are not locked against those that refer to them: sales that name one promotion in rows of their own would
    wait for each other.
    """
    given, lock = _COUNTED_SQLITE, ""
    if connection.vendor == "postgresql":
        given = _COUNTED_POSTGRESQL
        lock = f" ORDER BY {f'{within} IS NULL, ' if within else ''}id FOR NO KEY UPDATE"
    room = f" AND ({table}.{within} IS NULL OR {table}.{column} + given.amount <= {table}.{within})" if within else ""
    cursor = connection.cursor()
    cursor.execute(
        f"WITH given AS ({given}),"  # noqa: S608 - names are our own
        f" locked AS (SELECT id FROM {table} WHERE id IN (SELECT id FROM given){lock})"
        f" UPDATE {table} SET {column} = {table}.{column} + given.amount"
        f" FROM given JOIN locked ON locked.id = given.id WHERE {table}.id = given.id{room} RETURNING {table}.id",
        [json.dumps(sorted(counted.items()))],
    )
    return Counted(cursor, len(counted))


_COUNTED_POSTGRESQL = (
    "SELECT CAST(pair ->> 0 AS bigint) AS id, CAST(pair ->> 1 AS bigint) AS amount"
    " FROM jsonb_array_elements(CAST(%s AS jsonb)) AS pair"
)
_COUNTED_SQLITE = "SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS amount FROM json_each(%s)"


def usage_add(*, consumer_pk: int, rows: Sequence[tuple[int, int, str, Progress]], progress_over: bool = False) -> None:
    """Add redemptions to a consumer's use of promotions and store their progress, in one statement.

    Args:
        consumer_pk: whose; their row is locked.
        rows: a promotion's id, redemptions to add, the signature of its rules and the progress under them.
        progress_over: whether the progress stored of all other promotions is void too.
    """
    table = PromotionUsage._meta.db_table
    selects: list[str] = []
    parameters: list[Any] = []
    if rows:
        given = [(*row[:3], row[3].as_json()) for row in rows]
        selects.append(_GIVEN_POSTGRESQL if connection.vendor == "postgresql" else _GIVEN_SQLITE)
        parameters += [consumer_pk, json.dumps(given)]
    if progress_over:
        is_given, ids = in_ids([row[0] for row in rows])
        selects.append(
            f"SELECT promotion_id, consumer_id, 0, '', progress FROM {table}"  # noqa: S608 - names are our own
            f" WHERE consumer_id = %s AND progress_signature <> '' AND NOT promotion_id {is_given}"
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


# One parameter for all rows: a consumer may have progress under dozens of promotions, and a text that is the same for
# any number of them is read once.
_GIVEN_POSTGRESQL = (
    "SELECT CAST(given ->> 0 AS bigint), CAST(%s AS bigint), CAST(given ->> 1 AS integer), given ->> 2, given -> 3"
    " FROM jsonb_array_elements(CAST(%s AS jsonb)) AS given"
)
_GIVEN_SQLITE = (
    "SELECT json_extract(value, '$[0]'), %s, json_extract(value, '$[1]'), json_extract(value, '$[2]'),"
    " json_extract(value, '$[3]') FROM json_each(%s) WHERE true"
)


def usage_take_back(*, consumer_pk: int, redemptions: Mapping[int, int]) -> None:
    """Take redemptions, by promotion id, from a consumer's use, and void all their progress: history has changed.

    The consumer's row is locked.
    """
    case = " ".join(["WHEN promotion_id = %s THEN %s"] * len(redemptions))
    amount = f"(CASE {case} ELSE 0 END)" if redemptions else "0"
    pairs = [figure for promotion_id in sorted(redemptions) for figure in (promotion_id, redemptions[promotion_id])]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {PromotionUsage._meta.db_table} SET redemptions = redemptions - {amount}, progress_signature = ''"  # noqa: S608
            " WHERE consumer_id = %s",
            [*pairs, consumer_pk],
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
