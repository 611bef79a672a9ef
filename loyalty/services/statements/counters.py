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
from promotions.engine.pipeline.budgets import CampaignTaken


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

    ``budget_used`` is in the unit of the promotion's budget, ``saving_given`` in minor units of money. ``campaign_id``
    is the campaign whose budget a sale takes from; 0 for none.
    """

    promotion_id: int
    redemptions: int
    budget_used: int
    saving_given: int
    campaign_id: int = 0


def promotions_increase(counts: Iterable[PromotionCount]) -> CounterUpdate:
    """Count what a sale gives, within limits and budgets; the caller must call ``raise_if_over_limit``.

    Closes the race of two sales that count the same rows in different orders: rows are locked first, those with a limit
    or a budget before the others, each by id. Limits and budgets are checked once more by the database: of a budget
    that honours the basket that crosses it, something must be left. So is the campaign whose budget is taken from: a
    promotion that moved, or whose campaign has a budget now or no longer, is decided again.
    """
    return _promotions_count(
        sorted(counts),
        order="total_redemption_limit IS NULL AND budget_amount IS NULL AND NOT in_campaign_budget, ",
        within=" AND (total_redemption_limit IS NULL OR redemptions + more_redemptions <= total_redemption_limit)"
        " AND (budget_amount IS NULL OR CASE WHEN budget_overruns THEN budget_used < budget_amount"
        " ELSE budget_used + more_used <= budget_amount END)"
        " AND CASE WHEN in_campaign_budget THEN campaign_id ELSE 0 END = taken_from",
    )


def promotions_decrease(counts: Iterable[PromotionCount]) -> None:
    """Take from the counters of promotions what a return takes back. A lower limit or budget does not matter.

    What their campaigns have used goes down with it: those in which the promotions are now. Closes the race of two
    writers of the same rows as ``promotions_increase`` does: rows are locked by id first, those of campaigns last.
    """
    negative = sorted(
        PromotionCount(count.promotion_id, -count.redemptions, -count.budget_used, -count.saving_given)
        for count in counts
    )
    with _promotions_count(negative, order="", within="").cursor as cursor:
        in_budgets = {promotion_id for promotion_id, in_campaign_budget in cursor.fetchall() if in_campaign_budget}
    if in_budgets:
        _campaigns_give_back([count for count in negative if count.promotion_id in in_budgets])


def _promotions_count(rows: Sequence[PromotionCount], *, order: str, within: str) -> CounterUpdate:
    """Add to the counters of promotions, in one statement that is the same for any number of them.

    Its rows are those updated: the id, and whether the promotion takes from its campaign's budget.
    """
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
        f" WHERE promotions_promotion.id = given_id{within}"
        " RETURNING promotions_promotion.id, promotions_promotion.in_campaign_budget",
        [json.dumps(rows)],
    )
    return CounterUpdate(cursor, len(rows))


_COUNTS_POSTGRESQL = (
    "SELECT CAST(entry ->> 0 AS bigint) AS given_id, CAST(entry ->> 1 AS bigint) AS more_redemptions,"
    " CAST(entry ->> 2 AS bigint) AS more_used, CAST(entry ->> 3 AS bigint) AS more_given,"
    " CAST(entry ->> 4 AS bigint) AS taken_from"
    " FROM jsonb_array_elements(CAST(%s AS jsonb)) AS entry"
)
_COUNTS_SQLITE = (
    "SELECT json_extract(value, '$[0]') AS given_id, json_extract(value, '$[1]') AS more_redemptions,"
    " json_extract(value, '$[2]') AS more_used, json_extract(value, '$[3]') AS more_given,"
    " json_extract(value, '$[4]') AS taken_from FROM json_each(%s)"
)


def campaigns_increase(taken: Mapping[int, CampaignTaken]) -> CounterUpdate:
    """Take from the budgets of campaigns, by id, what a sale's promotions give; call ``raise_if_over_limit`` then.

    Called after ``promotions_increase`` of these promotions, whose rows stay locked: none of them leaves its campaign,
    and no campaign loses its budget, before the sale is committed. Closes the race of sales of different members:
    campaigns are locked by id, and each budget is checked once more. Of one that honours the basket that crosses it,
    something must be left when the last member takes.
    """
    rows = [(campaign_id, entry.amount, entry.before_last) for campaign_id, entry in sorted(taken.items())]
    given, lock = _TAKEN_SQLITE, ""
    if connection.vendor == "postgresql":
        given, lock = _TAKEN_POSTGRESQL, " ORDER BY id FOR NO KEY UPDATE"
    cursor = connection.cursor()
    cursor.execute(
        f"WITH given AS ({given}),"  # noqa: S608 - names are our own
        f" locked AS (SELECT id FROM promotions_campaign WHERE id IN (SELECT given_id FROM given){lock})"
        " UPDATE promotions_campaign SET budget_used = budget_used + more_used, sales_counted = sales_counted + 1"
        " FROM given JOIN locked ON locked.id = given_id WHERE promotions_campaign.id = given_id"
        " AND CASE WHEN budget_overruns THEN budget_used + before_last < budget_amount"
        " ELSE budget_used + more_used <= budget_amount END RETURNING promotions_campaign.id",
        [json.dumps(rows)],
    )
    return CounterUpdate(cursor, len(rows))


_TAKEN_POSTGRESQL = (
    "SELECT CAST(entry ->> 0 AS bigint) AS given_id, CAST(entry ->> 1 AS bigint) AS more_used,"
    " CAST(entry ->> 2 AS bigint) AS before_last FROM jsonb_array_elements(CAST(%s AS jsonb)) AS entry"
)
_TAKEN_SQLITE = (
    "SELECT json_extract(value, '$[0]') AS given_id, json_extract(value, '$[1]') AS more_used,"
    " json_extract(value, '$[2]') AS before_last FROM json_each(%s)"
)


def _campaigns_give_back(counts: Sequence[PromotionCount]) -> None:
    """Add what promotions that are locked gave, which is below zero, to what their campaigns have used."""
    given, lock = _COUNTS_SQLITE, ""
    if connection.vendor == "postgresql":
        given, lock = _COUNTS_POSTGRESQL, " ORDER BY id FOR NO KEY UPDATE"
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH given AS ({given}), spent AS ("  # noqa: S608 - names are our own
            "SELECT campaign_id AS spent_id, CAST(SUM(more_given) AS bigint) AS more_spent"
            " FROM given JOIN promotions_promotion ON promotions_promotion.id = given_id GROUP BY campaign_id),"
            f" locked AS (SELECT id FROM promotions_campaign WHERE id IN (SELECT spent_id FROM spent){lock})"
            " UPDATE promotions_campaign SET budget_used = budget_used + more_spent"
            " FROM spent JOIN locked ON locked.id = spent_id WHERE promotions_campaign.id = spent_id",
            [json.dumps(counts)],
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
