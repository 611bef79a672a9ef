"""Write the filters of lists that staff keep under a name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import QuerySet

from consumers.exceptions import AlreadyExists, ConsumersError, NotFound, Problem
from consumers.models import SavedFilter, User
from consumers.models.saved_filter import MAX_FILTER_QUERY_LENGTH
from consumers.services.account import account_lock
from consumers.services.upsert import model_problems

MAX_FILTERS_OF_LIST = 20
"""Filters that a person may save for a list."""

MAX_SHARED_FILTERS_OF_LIST = 40
"""Filters of a list that all staff of an account may share: each list shows them."""

_PERSONAL = ("account", "user")
"""Set by the services, so that validation need not read them."""


@dataclass(frozen=True, kw_only=True)
class SavedFilterValues:
    """What a person chooses for a saved filter."""

    name: str
    shared: bool = False
    is_default: bool = False


@dataclass(frozen=True, kw_only=True)
class SavedFilterChange:
    """New values of one's saved filter, by its primary key; None deletes it."""

    pk: int
    values: SavedFilterValues | None


def saved_filter_add(
    *, account_id: int, user: User, list_name: str, query: str, values: SavedFilterValues
) -> SavedFilter:
    """Keep filters of a list under a name. As the default view they replace the one before.

    ``query`` is a query string of parameters that the list knows: the caller has dropped all others.

    Raises:
        AlreadyExists: the person has a filter of this name in this list.
        ConsumersError: the filters, the name or their number are out of bounds.
    """
    if not query:
        raise ConsumersError("Set a filter, a search or an order first.")
    if len(query) > MAX_FILTER_QUERY_LENGTH:
        raise ConsumersError("These filters are too long to save. Shorten the search or choose fewer filters.")
    # Race: two windows save the same name, the last free place or a default. The account's lock admits one at a time.
    with transaction.atomic():
        account_lock(account_id=account_id)
        own = list(_own_filters(account_id, user, list_name))
        if len(own) >= MAX_FILTERS_OF_LIST:
            raise ConsumersError(f"You have {MAX_FILTERS_OF_LIST} saved filters in this list. Delete one first.")
        saved = SavedFilter(account_id=account_id, user=user, list_name=list_name, query=query)
        _set_values(saved, values)
        _refuse_problems([*_problems(saved), *_repeated_names([*own, saved])])
        _refuse_too_many_shared(account_id, list_name, [saved])
        if saved.is_default:
            _own_filters(account_id, user, list_name).update(is_default=False)
        saved.save()
    return saved


def saved_filters_change(
    *, account_id: int, user: User, list_name: str, changes: Sequence[SavedFilterChange]
) -> tuple[int, int]:
    """Rename, share and delete one's saved filters of a list, all or none; return how many were changed and deleted.

    Filters without a change stay as they are.

    Raises:
        NotFound: a change is of a filter that the person no longer has.
        AlreadyExists: two filters would have one name.
        ConsumersError: a name or a number is out of bounds, or two filters would be the default view; each problem
            under ``<pk>.<field>``.
    """
    # Race: two windows change the same filters at once. The account's lock admits one at a time, and the later wins.
    with transaction.atomic():
        account_lock(account_id=account_id)
        own = {saved.pk: saved for saved in _own_filters(account_id, user, list_name)}
        if any(change.pk not in own for change in changes):
            raise NotFound("One of these filters has been deleted meanwhile. Open this page again.")
        before = {pk: _values_of(saved) for pk, saved in own.items()}
        deleted = [change.pk for change in changes if change.values is None]
        for change in changes:
            if change.values is not None:
                _set_values(own[change.pk], change.values)
        left = [saved for pk, saved in own.items() if pk not in deleted]
        problems = [problem for saved in left for problem in _problems(saved)]
        _refuse_problems([*problems, *_repeated_names(left), *_repeated_default(left)])
        _refuse_too_many_shared(account_id, list_name, left)
        _own_filters(account_id, user, list_name).filter(pk__in=deleted).delete()
        changed = [saved for saved in left if _values_of(saved) != before[saved.pk]]
        _write(changed)
    return len(changed), len(deleted)


def saved_filters_remove(*, account_id: int, user_id: int) -> None:
    """Delete all filters that somebody saved in an account, as their membership ends.

    Called in the transaction that ends it, with the account's lock.
    """
    SavedFilter.objects.filter(account_id=account_id, user_id=user_id).delete()


def _own_filters(account_id: int, user: User, list_name: str) -> QuerySet[SavedFilter]:
    return SavedFilter.objects.filter(account_id=account_id, list_name=list_name, user=user)


def _set_values(saved: SavedFilter, values: SavedFilterValues) -> None:
    saved.name = " ".join(values.name.split())
    saved.name_key = SavedFilter.normal_name(saved.name)
    saved.shared, saved.is_default = values.shared, values.is_default


def _values_of(saved: SavedFilter) -> SavedFilterValues:
    return SavedFilterValues(name=saved.name, shared=saved.shared, is_default=saved.is_default)


def _path(saved: SavedFilter, name: str) -> str:
    return f"{saved.pk}.{name}" if saved.pk else name


def _problems(saved: SavedFilter) -> list[Problem]:
    # The normal form has the same characters, and its own problem is the name's.
    return [
        replace(problem, attr=_path(saved, "name" if problem.attr == "name_key" else problem.attr or ""))
        for problem in {problem.code: problem for problem in model_problems(saved, exclude=_PERSONAL)}.values()
    ]


def _repeated_names(filters: Sequence[SavedFilter]) -> list[Problem]:
    seen: set[str] = set()
    problems = []
    for saved in sorted(filters, key=lambda each: each.pk or float("inf")):
        if saved.name_key and saved.name_key in seen:
            detail = f"You already have a filter “{saved.name}” in this list. Choose another name."
            problems.append(Problem(code=AlreadyExists.code, detail=detail, attr=_path(saved, "name")))
        seen.add(saved.name_key)
    return problems


def _repeated_default(filters: Sequence[SavedFilter]) -> list[Problem]:
    defaults = [saved for saved in filters if saved.is_default]
    detail = "Only one filter can be your default view."
    return [Problem(code="invalid", detail=detail, attr=_path(saved, "is_default")) for saved in defaults[1:]]


def _refuse_problems(problems: Sequence[Problem]) -> None:
    if problems:
        refusal = AlreadyExists if all(each.code == AlreadyExists.code for each in problems) else ConsumersError
        raise refusal(problems=problems)


def _refuse_too_many_shared(account_id: int, list_name: str, filters: Sequence[SavedFilter]) -> None:
    wanted = [saved for saved in filters if saved.shared]
    others = SavedFilter.objects.filter(account_id=account_id, list_name=list_name, shared=True)
    if (
        wanted
        and others.exclude(pk__in=[saved.pk for saved in filters if saved.pk]).count() + len(wanted)
        > MAX_SHARED_FILTERS_OF_LIST
    ):
        detail = f"{MAX_SHARED_FILTERS_OF_LIST} filters of this list are shared already. Keep this one private."
        raise ConsumersError(detail, attr=_path(wanted[-1], "shared"))


def _write(changed: Sequence[SavedFilter]) -> None:
    """Write changed filters. Names may be swapped and the default may move: what is unique is given up first."""
    pks = [saved.pk for saved in changed]
    SavedFilter.objects.filter(pk__in=pks).update(is_default=False)
    for saved in changed:
        SavedFilter.objects.filter(pk=saved.pk).update(name_key=f"#{saved.pk}")
    SavedFilter.objects.bulk_update(changed, ["name", "name_key", "shared", "is_default"])
