"""The steps of a promotion's life: stop, archive, duplicate, rename, delete.

A draft is published by saving it as none.
"""

from copy import copy
from dataclasses import replace
from datetime import datetime
from enum import Enum

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.author import Author
from consumers.exceptions import Problem
from consumers.moments import moment_text
from consumers.services.account import rulebook_version_advance
from promotions.choices import Family
from promotions.engine.rules.problems import Reference
from promotions.exceptions import (
    NotPublished,
    PromotionInUse,
    PromotionsError,
    PromotionStopped,
)
from promotions.models import Promotion
from promotions.selectors.promotion import promotion_is_used, promotions_of
from promotions.services.promotion.change import Change
from promotions.services.promotion.check import code_problem, field_problems
from promotions.services.promotion.save import promotion_save
from promotions.services.promotion.values import MAX_NAME_LENGTH, PromotionFamily, PromotionValues, promotion_values
from promotions.services.promotion.write import changes_write, promotion_lock


def promotion_archive(
    *, family: PromotionFamily, promotion: Promotion, archived: bool = True, author: Author, at: datetime
) -> Promotion:
    """Archive a promotion, so that it never applies and lists do not show it, or bring it back."""
    # One transaction under the account's lock: an edit made meanwhile is kept.
    with transaction.atomic():
        current = promotion_lock(promotion)
        values = replace(promotion_values(current), archived=archived)
        saved, _ = promotion_save(family=family, account=current.account, values=values, author=author, at=at)
    return saved


def promotion_stop(*, promotion: Promotion, author: Author, at: datetime) -> Promotion:
    """Stop a promotion from this moment on, for good; earlier baskets still get it.

    Raises:
        PromotionStopped: it was stopped before, or has ended.
        NotPublished: it is a draft.
    """
    # One transaction under the account's lock: of two stops the second is refused, and the first moment is kept.
    with transaction.atomic():
        before = promotion_lock(promotion)
        if before.draft:
            raise NotPublished(f"Promotion {before.code} is a draft: there is nothing to stop.")
        if before.stopped_at is not None:
            raise PromotionStopped(f"Promotion {before.code} was stopped at {moment_text(before.stopped_at)}.")
        if before.ends_at is not None and before.ends_at <= at:
            raise PromotionStopped(f"Promotion {before.code} ended at {moment_text(before.ends_at)}.")
        stopped = copy(before)
        stopped.stopped_at = at
        changes_write(before.account, [Change(promotion=stopped, before=before)], author, at)
    return stopped


class Keep(Enum):
    """Stands for a value that a copy takes from its promotion, where None is a value of its own."""

    KEEP = "keep"


KEEP = Keep.KEEP


def promotion_duplicate(
    *,
    promotion: Promotion,
    code: str,
    name: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | Keep | None = KEEP,
    author: Author,
    at: datetime,
) -> Promotion:
    """Create a draft copy under another code; without a ``name`` it gets the promotion's name and “(copy)”.

    Without dates it gets the promotion's. It is in the same campaign, unless that is archived and takes no new members.

    Raises:
        PromotionsError: the code is taken or invalid (``code``), the name is too long (``name``), or a date that was
            sent is invalid (``starts_at``, ``ends_at``), such as an end in the past.
    """
    # One transaction under the account's lock: nobody takes the code meanwhile.
    with transaction.atomic():
        source = promotion_lock(promotion)
        values = replace(
            promotion_values(source),
            code=code,
            name=name.strip() or _name_of_copy(source.name),
            starts_at=starts_at or source.starts_at,
            ends_at=source.ends_at if ends_at is KEEP else ends_at,
            draft=True,
        )
        problems = list(field_problems(values))
        if ends_at is not KEEP and ends_at is not None and ends_at <= at:
            problems.append(Problem(code="in_the_past", attr="ends_at", detail="This end is in the past."))
        if not problems and _is_code_taken(source, code):
            problems.append(_code_taken(code))
        if problems:
            raise PromotionsError(problems=problems)
        duplicate = _unsaved_copy(source, values)
        references = [
            Reference(kind=kind, key=key, path="") for kind, key in source.references.values_list("kind", "key")
        ]
        changes_write(source.account, [Change(promotion=duplicate, references=references)], author, at)
    return duplicate


def _unsaved_copy(source: Promotion, values: PromotionValues) -> Promotion:
    """Return a draft of which nothing was used, under the account's lock, under which campaigns are archived."""
    duplicate = copy(source)
    duplicate.pk = None
    duplicate.code, duplicate.name = values.code, values.name
    duplicate.starts_at, duplicate.ends_at = values.starts_at, values.ends_at
    duplicate.draft, duplicate.archived, duplicate.stopped_at = True, False, None
    duplicate.status, duplicate.version, duplicate.redemptions = "", 0, 0
    duplicate.budget_used = duplicate.saving_given = 0
    if source.campaign is not None and source.campaign.archived:
        duplicate.campaign, duplicate.in_campaign_budget = None, False
    return duplicate


def _name_of_copy(name: str) -> str:
    suffix = " (copy)"
    return name[: MAX_NAME_LENGTH - len(suffix)] + suffix


def promotion_rename(*, promotion: Promotion, code: str, author: Author, at: datetime) -> Promotion:
    """Give a draft another code; once published the code is fixed.

    Raises:
        PromotionsError: the promotion is published, or the code is taken or invalid; each about ``code``.
    """
    # One transaction under the account's lock: nobody takes the code, or publishes the draft, meanwhile.
    with transaction.atomic():
        before = promotion_lock(promotion)
        if code == before.code:
            return before
        if not before.draft:
            problem = Problem(
                code="immutable", attr="code", detail="The code cannot be changed once the promotion is published."
            )
            raise PromotionsError(problems=[problem])
        if refused := code_problem(code):
            raise PromotionsError(problems=[refused])
        if _is_code_taken(before, code):
            raise PromotionsError(problems=[_code_taken(code)])
        renamed = copy(before)
        renamed.code = code
        changes_write(before.account, [Change(promotion=renamed, before=before)], author, at)
    return renamed


def _is_code_taken(promotion: Promotion, code: str) -> bool:
    family = Family(promotion.family)
    return promotions_of(account_id=promotion.account_id, family=family).filter(code=code).exists()


def _code_taken(code: str) -> Problem:
    return Problem(code="unique", attr="code", detail=f"A promotion {code} exists already.")


def promotion_delete(*, promotion: Promotion, author: Author) -> None:
    """Delete a promotion that was never applied, with its versions.

    Raises:
        PromotionInUse: a transaction needs it.
    """
    in_use = PromotionInUse(
        f'Transactions need promotion {promotion.code}. Archive it instead: PATCH {{"archived": true}}.'
    )
    try:
        # One transaction under the account's lock and the row's own: a sale either finds it gone or keeps it.
        with transaction.atomic():
            account = promotion_lock(promotion).account
            row = Promotion.objects.select_for_update().get(pk=promotion.pk)
            if promotion_is_used(promotion=row):
                raise in_use
            author.sign(row)
            row.delete()
            rulebook_version_advance(account=account, removed=True)
    except (ProtectedError, IntegrityError) as error:
        raise in_use from error
