"""."""

from copy import copy
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.author import Author
from consumers.exceptions import Problem
from consumers.services.account import rulebook_advance
from promotions.choices import Family
from promotions.engine.rules.tree import Reference
from promotions.exceptions import (
    AlreadyPublished,
    NotPublished,
    PromotionInUse,
    PromotionsError,
    PromotionStopped,
)
from promotions.models import Promotion
from promotions.selectors.promotion import (
    promotion_is_used,
    promotions_of,
)
from promotions.services.promotion.change import Change
from promotions.services.promotion.check import code_problem, field_problems
from promotions.services.promotion.save import promotion_save
from promotions.services.promotion.values import (
    MAX_NAME_LENGTH,
    PromotionFamily,
    PromotionValues,
    moment_text,
    promotion_values,
)
from promotions.services.promotion.write import changes_write, promotion_lock

# --- steps of a life ------------------------------------------------------------------------------------------------


def promotion_publish(
    *,
    family: PromotionFamily,
    promotion: Promotion,
    author: Author,
    at: datetime,
) -> Promotion:
    """Publish a draft: from now on its dates decide. Everything it says is judged anew.

    Raises:
        AlreadyPublished: it is no draft.
        PromotionsError: what is wrong with it, by path.
    """
    # One transaction under the account's lock: what is judged is what is published.
    with transaction.atomic():
        current = promotion_lock(promotion)
        if not current.draft:
            raise AlreadyPublished(f"Promotion {current.code} is published already.")
        return _save_current(family, current, replace(promotion_values(current), draft=False), author, at)


def promotion_archive(
    *,
    family: PromotionFamily,
    promotion: Promotion,
    archived: bool = True,
    author: Author,
    at: datetime,
) -> Promotion:
    """Put a promotion away, so that it never applies and lists do not show it, or bring it back."""
    # One transaction under the account's lock: an edit made meanwhile is kept.
    with transaction.atomic():
        current = promotion_lock(promotion)
        return _save_current(family, current, replace(promotion_values(current), archived=archived), author, at)


def _save_current(
    family: PromotionFamily, current: Promotion, values: PromotionValues, author: Author, at: datetime
) -> Promotion:
    saved, _ = promotion_save(
        family=family,
        account=current.account,
        values=values,
        author=author,
        at=at,
    )
    return saved


def promotion_stop(*, promotion: Promotion, author: Author, at: datetime) -> Promotion:
    """Stop a promotion from this moment on, for good; baskets of before still get it.

    Raises:
        PromotionStopped: it was stopped before, or has ended.
        NotPublished: it is a draft.
    """
    # One transaction under the account's lock: of two stops one is refused, and the first moment stands.
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
        change = Change(promotion=stopped, before=before)
        changes_write(before.account, [change], author, at)
    return stopped


def promotion_duplicate(*, promotion: Promotion, code: str, name: str = "", author: Author, at: datetime) -> Promotion:
    """Make a draft that says the same under another code; without a name it is called a copy.

    Raises:
        PromotionsError: the code is taken or none (``code``), or the name is too long (``name``).
    """
    # One transaction under the account's lock: nobody takes the code meanwhile.
    with transaction.atomic():
        source = promotion_lock(promotion)
        values = replace(
            promotion_values(source), code=code, name=name.strip() or _name_of_copy(source.name), draft=True
        )
        problems = list(field_problems(values))
        if not problems and _code_is_taken(source, code):
            problems.append(_code_taken(code))
        if problems:
            raise PromotionsError(problems=problems)
        made = copy(source)
        made.pk = None
        made.code, made.name = values.code, values.name
        made.draft, made.archived, made.stopped_at = True, False, None
        made.status, made.version, made.redemptions = "", 0, 0
        references = [
            Reference(kind=kind, key=key, path="") for kind, key in source.references.values_list("kind", "key")
        ]
        changes_write(source.account, [Change(promotion=made, references=references)], author, at)
    return made


def _name_of_copy(name: str) -> str:
    suffix = " (copy)"
    return name[: MAX_NAME_LENGTH - len(suffix)] + suffix


def promotion_rename(*, promotion: Promotion, code: str, author: Author, at: datetime) -> Promotion:
    """Give a draft another code; once published it is fixed.

    Raises:
        PromotionsError: the promotion is published, or the code is taken or none; each about ``code``.
    """
    # One transaction under the account's lock: nobody takes the code, or publishes the draft, meanwhile.
    with transaction.atomic():
        before = promotion_lock(promotion)
        if code == before.code:
            return before
        if not before.draft:
            problem = Problem(code="immutable", attr="code", detail="The code is fixed once a promotion is published.")
            raise PromotionsError(problems=[problem])
        if reason := code_problem(code):
            raise PromotionsError(reason, attr="code")
        if _code_is_taken(before, code):
            raise PromotionsError(problems=[_code_taken(code)])
        renamed = copy(before)
        renamed.code = code
        change = Change(promotion=renamed, before=before)
        changes_write(before.account, [change], author, at)
    return renamed


def _code_is_taken(promotion: Promotion, code: str) -> bool:
    family = Family(promotion.family)
    return promotions_of(account_id=promotion.account_id, family=family).filter(code=code).exists()


def _code_taken(code: str) -> Problem:
    return Problem(code="unique", attr="code", detail=f"There is a promotion {code} already.")


def promotion_delete(*, promotion: Promotion, author: Author) -> None:
    """Delete a promotion that was never applied, with its versions.

    Raises:
        PromotionInUse: history needs it.
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
            rulebook_advance(account=account, removed=True)
    except (ProtectedError, IntegrityError) as error:
        raise in_use from error
