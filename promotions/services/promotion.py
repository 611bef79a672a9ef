"""Writes of promotions of every family: one lifecycle, one history of versions.

What differs between the families is in ``PromotionFamily``: how the documents are checked, and what they may name.
"""

import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError

from consumers.choices import CURRENCIES, NO_CURRENCY
from consumers.exceptions import MAXIMUM_PROBLEMS, Problem
from consumers.models import Account, User
from consumers.moments import moment_text
from consumers.services.account import account_lock, rulebook_advance
from consumers.services.upsert import FIRST_YEAR, HISTORY_REASON, LAST_YEAR, is_storable
from promotions.choices import Family
from promotions.engine.definition.reader import Definition, Document, InvalidDefinition
from promotions.engine.rules.problems import Reference, join_path
from promotions.exceptions import (
    AlreadyPublished,
    NotPublished,
    PromotionInUse,
    PromotionNotFound,
    PromotionsError,
    PromotionStopped,
)
from promotions.models import Promotion, PromotionReference, PromotionVersion
from promotions.selectors.promotion import (
    REFERENCE_SOURCES,
    ReferenceKey,
    ReferenceSource,
    promotion_is_used,
    promotions_of,
    references_found,
)
from promotions.services.status import status_events, status_events_record, transitions_missed

MAXIMUM_CODE = 64
MAXIMUM_NAME = 200
MAXIMUM_DESCRIPTION = 5_000
MAXIMUM_REASON = 100
HISTORY_USER = "_history_user"
"""The attribute in which simple-history looks for who changed a row."""

_NOT_IN_CODES = frozenset("/?#")
_NOT_IN_NAMES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BATCH = 1_000


@dataclass(frozen=True, kw_only=True)
class PromotionValues:
    """Everything that can be said of a promotion; what is left out has its default.

    ``outcome``, ``eligibility`` and ``content`` are the documents as they were sent. A blank currency is the
    account's. Times are aware.
    """

    code: str
    type: str
    name: str
    starts_at: datetime
    description: str = ""
    currency: str = ""
    ends_at: datetime | None = None
    draft: bool = False
    archived: bool = False
    outcome: object = field(default_factory=dict)
    eligibility: object = field(default_factory=dict)
    content: object = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PromotionFamily:
    """What a family adds to the common lifecycle.

    ``check`` turns the documents into normal form, given whether the account has its catalogue switched on; it raises
    ``InvalidDefinition``. ``sources`` are the rows that they may name, by kind.
    """

    family: Family
    check: Callable[[PromotionValues, bool], Definition]
    sources: Mapping[str, ReferenceSource] = field(default_factory=lambda: REFERENCE_SOURCES)


@dataclass(frozen=True, kw_only=True)
class _Author:
    """Who changes something, with what, when, and, where they say so, why."""

    user: User | None
    label: str
    at: datetime
    reason: str = ""


@dataclass(kw_only=True)
class _Change:
    """A promotion as it is to be written.

    ``before`` is the row as it was (None: there was none). ``references`` is what the definition names, None where
    the definition was not judged anew; ``named`` is what it named before, each with its row's id.
    """

    promotion: Promotion
    before: Promotion | None = None
    references: Sequence[Reference] | None = None
    named: dict[ReferenceKey, int] = field(default_factory=dict)

    @property
    def redefined(self) -> bool:
        """Whether the change makes a new version."""
        return self.before is None or promotion_definition(self.before) != promotion_definition(self.promotion)

    @property
    def is_idle(self) -> bool:
        """Whether everything is as it was."""
        before, after = self.before, self.promotion
        return (
            before is not None
            and not self.redefined
            and (before.draft, before.archived, before.stopped_at) == (after.draft, after.archived, after.stopped_at)
        )

    @property
    def publishes(self) -> bool:
        """Whether a draft becomes a promotion."""
        return self.before is not None and self.before.draft and not self.promotion.draft


def promotion_definition(promotion: Promotion) -> Document:
    """The whole of what a promotion says, as its versions keep it: the contract's document in normal form."""
    return {
        "family": promotion.family,
        "code": promotion.code,
        "type": promotion.type,
        "subtype": promotion.subtype,
        "name": promotion.name,
        "description": promotion.description,
        "currency": promotion.currency,
        "starts_at": moment_text(promotion.starts_at),
        "ends_at": moment_text(promotion.ends_at) if promotion.ends_at is not None else None,
        "outcome": promotion.outcome,
        "eligibility": promotion.eligibility,
        "content": promotion.content,
    }


def promotion_values(promotion: Promotion) -> PromotionValues:
    """A promotion as the values that would save it as it is."""
    return PromotionValues(
        code=promotion.code,
        type=promotion.type,
        name=promotion.name,
        description=promotion.description,
        currency=promotion.currency,
        starts_at=promotion.starts_at,
        ends_at=promotion.ends_at,
        draft=promotion.draft,
        archived=promotion.archived,
        outcome=promotion.outcome,
        eligibility=promotion.eligibility,
        content=promotion.content,
    )


# --- creating and editing -------------------------------------------------------------------------------------------


def promotions_save(
    *,
    family: PromotionFamily,
    account_id: int,
    rows: Sequence[PromotionValues],
    actor: User | None,
    actor_label: str,
    at: datetime,
    reason: str = "",
) -> list[tuple[Promotion, bool]]:
    """Create or replace promotions by code: all of them or none. Codes in ``rows`` are distinct.

    Documents that are sent as they are stored are not judged anew, so that a promotion which names an offer archived
    since can still be edited; publishing judges everything.

    Returns:
        Each promotion with whether it was created, in the order of the rows. A row that changes nothing writes nothing.

    Raises:
        PromotionsError: everything that is wrong, each problem under ``<index>.<path>``.
    """
    author = _Author(user=actor, label=actor_label, at=at, reason=reason)
    # One transaction under the account's lock: of two writers of one code the second replaces what the first made,
    # no edit is lost, versions are numbered without gaps, and nothing named here is deleted meanwhile.
    with transaction.atomic():
        account = account_lock(account_id=account_id)
        known = {
            promotion.code: promotion
            for promotion in promotions_of(account_id=account_id, family=family.family).filter(
                code__in=[row.code for row in rows if is_storable(row.code)]
            )
        }
        changes: list[_Change] = []
        problems: list[Problem] = []
        for index, row in enumerate(rows):
            try:
                changes.append(_judged(family, account, row, known.get(row.code), at))
            except PromotionsError as refused:
                problems += refused.under(index).problems
                if len(problems) >= MAXIMUM_PROBLEMS:
                    break
        if not problems:
            _named_before(changes)
            problems += _unknown_references(family, account, changes)
        if problems:
            raise PromotionsError(problems=problems[:MAXIMUM_PROBLEMS])
        _write(account, changes, author)
    return [(change.promotion, change.before is None) for change in changes]


def promotion_save(
    *,
    family: PromotionFamily,
    account: Account,
    values: PromotionValues,
    actor: User | None,
    actor_label: str,
    at: datetime,
    reason: str = "",
) -> tuple[Promotion, bool]:
    """Create or replace one promotion; see ``promotions_save``.

    Raises:
        PromotionsError: everything that is wrong, each problem under its path (``outcome.points``).
    """
    try:
        [saved] = promotions_save(
            family=family,
            account_id=account.pk,
            rows=[values],
            actor=actor,
            actor_label=actor_label,
            at=at,
            reason=reason,
        )
    except PromotionsError as refused:
        raise refused.without(0) from refused.__cause__
    return saved


def promotion_drafted(*, family: PromotionFamily, account: Account, values: PromotionValues, at: datetime) -> Promotion:
    """A new promotion as saving it would make it, without saving it; what it names is not looked for.

    Raises:
        PromotionsError: everything that is wrong, each problem under its path (``outcome.points``).
    """
    return _judged(family, account, values, None, at).promotion


def promotion_problems(
    *, family: PromotionFamily, account: Account, values: PromotionValues, before: Promotion | None, at: datetime
) -> tuple[Problem, ...]:
    """What saving would refuse of a promotion, the rows that it names aside. Nothing is locked, and nothing written.

    Args:
        family: whose promotion it is.
        account: the account that it is judged for.
        values: what would be saved.
        before: the promotion as it is; None: there is none yet.
        at: now.
    """
    try:
        _judged(family, account, values, before, at)
    except PromotionsError as refused:
        return refused.problems
    return ()


def _judged(
    family: PromotionFamily, account: Account, row: PromotionValues, before: Promotion | None, at: datetime
) -> _Change:
    """The change that a row asks for.

    Raises:
        PromotionsError: everything wrong with the row, references aside.
    """
    if before is not None and row.type != before.type:
        raise PromotionsError(
            problems=[Problem(code="immutable", attr="type", detail=f"It is a {before.type} promotion, and stays one.")]
        )
    row = replace(row, name=row.name.strip(), currency=row.currency or account.currency)
    problems = [*_field_problems(row), *(_fixed_problems(row, before, at) if before is not None else ())]
    promotion = copy(before) if before is not None else Promotion(account=account, family=family.family, type=row.type)
    change = _Change(promotion=promotion, before=before)
    for name in ("code", "name", "description", "currency", "starts_at", "ends_at", "draft", "archived"):
        setattr(promotion, name, getattr(row, name))
    if change.publishes or before is None or _documents(row) != _documents(before):
        try:
            definition = family.check(row, account.catalogue_enabled)
        except InvalidDefinition as invalid:
            problems += [Problem(code=one.code, detail=one.detail, attr=one.path) for one in invalid.problems]
        else:
            problems += _unstorable(definition)
            change.references = definition.references
            _define(promotion, definition)
    if problems:
        raise PromotionsError(problems=problems)
    return change


def _documents(promotion: PromotionValues | Promotion) -> tuple[object, ...]:
    """What a check is given, amounts in the currency among it."""
    return promotion.outcome, promotion.eligibility, promotion.content, promotion.currency


def _define(promotion: Promotion, definition: Definition) -> None:
    """Lay a checked definition into the row, with the columns that overviews and limits read."""
    promotion.subtype = definition.subtype
    promotion.outcome = definition.outcome
    promotion.eligibility = definition.eligibility
    promotion.content = definition.content
    promotion.always_apply = bool(definition.eligibility.get("always_apply"))
    promotion.total_redemption_limit = definition.eligibility.get("total_redemption_limit")


def _field_problems(row: PromotionValues) -> Iterator[Problem]:
    if problem := code_problem(row.code):
        yield Problem(code="invalid", attr="code", detail=problem)
    if not row.name:
        yield Problem(code="blank", attr="name", detail="This may not be blank.")
    if any(unicodedata.category(character) in _NOT_IN_NAMES for character in row.name):
        yield Problem(code="invalid", attr="name", detail="A name is one line without control characters.")
    for name, text, longest in (
        ("name", row.name, MAXIMUM_NAME),
        ("description", row.description, MAXIMUM_DESCRIPTION),
    ):
        if len(text) > longest:
            yield Problem(code="max_length", attr=name, detail=f"Expected {longest} characters at most.")
    if not is_storable(row.description):
        yield Problem(code="invalid", attr="description", detail="This text has a character that cannot be stored.")
    if row.currency not in CURRENCIES:
        yield Problem(code="invalid_choice", attr="currency", detail=NO_CURRENCY)
    yield from _date_problems(row)


def _date_problems(row: PromotionValues) -> Iterator[Problem]:
    moments = {name: moment for name in ("starts_at", "ends_at") if (moment := getattr(row, name)) is not None}
    wrong = {name: problem for name, moment in moments.items() if (problem := _moment_problem(moment))}
    for name, problem in wrong.items():
        yield Problem(code="invalid", attr=name, detail=problem)
    if not wrong and row.ends_at is not None and row.ends_at <= row.starts_at:
        yield Problem(code="not_after_start", attr="ends_at", detail="The end must be after the start.")


def _moment_problem(moment: datetime) -> str:
    if moment.tzinfo is None:
        return "Say which offset from UTC this time has."
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return f"Years are {FIRST_YEAR} to {LAST_YEAR}; for no end leave it empty."
    return ""


def code_problem(code: str) -> str:
    """Why a promotion cannot have this code; empty if it can.

    Codes stand in addresses and are read by people: printable characters, but none that divides an address.
    """
    if not 1 <= len(code) <= MAXIMUM_CODE:
        return f"A code has 1 to {MAXIMUM_CODE} characters."
    if code != code.strip() or not code.isprintable() or not _NOT_IN_CODES.isdisjoint(code):
        return "A code has printable characters only, no / ? or #, and no blank at its ends."
    if code in (".", ".."):
        return "A code of dots alone would be lost in an address."
    return ""


def _fixed_problems(row: PromotionValues, before: Promotion, at: datetime) -> Iterator[Problem]:
    """What may not change any more."""
    if before.draft:
        return
    if row.draft:
        yield Problem(
            code=AlreadyPublished.code,
            attr="draft",
            detail=f"Promotion {before.code} is published and cannot become a draft again.",
        )
    if row.currency != before.currency:
        yield Problem(code="immutable", attr="currency", detail="The currency is fixed once a promotion is published.")
    if before.starts_at <= at and row.starts_at != before.starts_at:
        yield Problem(code="immutable", attr="starts_at", detail="The start is fixed once a promotion has started.")


def _unstorable(definition: Definition) -> Iterator[Problem]:
    for name in ("outcome", "eligibility", "content"):
        for path, text in _texts(getattr(definition, name), name):
            if not is_storable(text):
                yield Problem(code="invalid", attr=path, detail="This text has a character that cannot be stored.")


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}.{index}")


def _named_before(changes: Sequence[_Change]) -> None:
    """Fill in what judged promotions name already."""
    judged = {change.promotion.pk: change for change in changes if change.before and change.references is not None}
    if judged:
        rows = PromotionReference.objects.filter(promotion__in=list(judged))
        for pk, promotion_id, kind, key in rows.values_list("pk", "promotion_id", "kind", "key"):
            judged[promotion_id].named[kind, key] = pk


def _unknown_references(family: PromotionFamily, account: Account, changes: Sequence[_Change]) -> Iterator[Problem]:
    """What the definitions name that is not there; what a promotion names already may stay, unless it is published."""
    asked = [
        (index, [one for one in change.references or () if change.publishes or _key(one) not in change.named])
        for index, change in enumerate(changes)
    ]
    wanted = {_key(one) for _, references in asked for one in references}
    if not wanted:
        return
    found = references_found(account_id=account.pk, wanted=wanted, sources=family.sources)
    for index, references in asked:
        yield from unknown_references(references, found=found, sources=family.sources, path=str(index))


def unknown_references(
    references: Iterable[Reference],
    *,
    found: Container[ReferenceKey],
    sources: Mapping[str, ReferenceSource],
    path: str = "",
) -> Iterator[Problem]:
    """A problem for each path, below ``path``, at which something is named that is not ``found``."""
    unknown: dict[str, list[Reference]] = {}
    for one in references:
        if _key(one) not in found:
            unknown.setdefault(one.path, []).append(one)
    for at, some in unknown.items():
        keys = ", ".join(one.key for one in some)[:300]
        detail = f"There is no {sources[some[0].kind].noun} {keys}."
        yield Problem(code="unknown_reference", attr=join_path(path, at), detail=detail)


def _key(reference: Reference) -> ReferenceKey:
    return reference.kind, reference.key


# --- steps of a life ------------------------------------------------------------------------------------------------


def promotion_publish(
    *,
    family: PromotionFamily,
    promotion: Promotion,
    actor: User | None,
    actor_label: str,
    at: datetime,
    reason: str = "",
) -> Promotion:
    """Publish a draft: from now on its dates decide. Everything it says is judged anew. ``reason`` is for its history.

    Raises:
        AlreadyPublished: it is no draft.
        PromotionsError: what is wrong with it, by path.
    """
    # One transaction under the account's lock: what is judged is what is published.
    with transaction.atomic():
        current = _current(promotion)
        if not current.draft:
            raise AlreadyPublished(f"Promotion {current.code} is published already.")
        author = _Author(user=actor, label=actor_label, at=at, reason=reason)
        return _saved(family, current, replace(promotion_values(current), draft=False), author)


def promotion_archive(
    *,
    family: PromotionFamily,
    promotion: Promotion,
    archived: bool = True,
    actor: User | None,
    actor_label: str,
    at: datetime,
    reason: str = "",
) -> Promotion:
    """Put a promotion away, so that it never applies and lists do not show it, or bring it back.

    ``reason`` is for its history.
    """
    # One transaction under the account's lock: an edit made meanwhile is kept.
    with transaction.atomic():
        current = _current(promotion)
        author = _Author(user=actor, label=actor_label, at=at, reason=reason)
        return _saved(family, current, replace(promotion_values(current), archived=archived), author)


def _saved(family: PromotionFamily, current: Promotion, values: PromotionValues, author: _Author) -> Promotion:
    saved, _ = promotion_save(
        family=family,
        account=current.account,
        values=values,
        actor=author.user,
        actor_label=author.label,
        at=author.at,
        reason=author.reason,
    )
    return saved


def promotion_stop(
    *, promotion: Promotion, actor: User | None, actor_label: str, at: datetime, reason: str = ""
) -> Promotion:
    """Stop a promotion from this moment on, for good; baskets of before still get it. ``reason`` is for its history.

    Raises:
        PromotionStopped: it was stopped before, or has ended.
        NotPublished: it is a draft.
    """
    # One transaction under the account's lock: of two stops one is refused, and the first moment stands.
    with transaction.atomic():
        before = _current(promotion)
        if before.draft:
            raise NotPublished(f"Promotion {before.code} is a draft: there is nothing to stop.")
        if before.stopped_at is not None:
            raise PromotionStopped(f"Promotion {before.code} was stopped at {moment_text(before.stopped_at)}.")
        if before.ends_at is not None and before.ends_at <= at:
            raise PromotionStopped(f"Promotion {before.code} ended at {moment_text(before.ends_at)}.")
        stopped = copy(before)
        stopped.stopped_at = at
        change = _Change(promotion=stopped, before=before)
        _write(before.account, [change], _Author(user=actor, label=actor_label, at=at, reason=reason))
    return stopped


def promotion_duplicate(
    *, promotion: Promotion, code: str, name: str = "", actor: User | None, actor_label: str, at: datetime
) -> Promotion:
    """Make a draft that says the same under another code; without a name it is called a copy.

    Raises:
        PromotionsError: the code is taken or none (``code``), or the name is too long (``name``).
    """
    author = _Author(user=actor, label=actor_label, at=at)
    # One transaction under the account's lock: nobody takes the code meanwhile.
    with transaction.atomic():
        source = _current(promotion)
        values = replace(
            promotion_values(source), code=code, name=name.strip() or _name_of_copy(source.name), draft=True
        )
        problems = list(_field_problems(values))
        if not problems and _is_taken(source, code):
            problems.append(_taken(code))
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
        _write(source.account, [_Change(promotion=made, references=references)], author)
    return made


def _name_of_copy(name: str) -> str:
    suffix = " (copy)"
    return name[: MAXIMUM_NAME - len(suffix)] + suffix


def promotion_rename(
    *, promotion: Promotion, code: str, actor: User | None, actor_label: str, at: datetime
) -> Promotion:
    """Give a draft another code; once published it is fixed.

    Raises:
        PromotionsError: the promotion is published, or the code is taken or none; each about ``code``.
    """
    # One transaction under the account's lock: nobody takes the code, or publishes the draft, meanwhile.
    with transaction.atomic():
        before = _current(promotion)
        if code == before.code:
            return before
        if not before.draft:
            problem = Problem(code="immutable", attr="code", detail="The code is fixed once a promotion is published.")
            raise PromotionsError(problems=[problem])
        if reason := code_problem(code):
            raise PromotionsError(reason, attr="code")
        if _is_taken(before, code):
            raise PromotionsError(problems=[_taken(code)])
        renamed = copy(before)
        renamed.code = code
        change = _Change(promotion=renamed, before=before)
        _write(before.account, [change], _Author(user=actor, label=actor_label, at=at))
    return renamed


def _is_taken(promotion: Promotion, code: str) -> bool:
    family = Family(promotion.family)
    return promotions_of(account_id=promotion.account_id, family=family).filter(code=code).exists()


def _taken(code: str) -> Problem:
    return Problem(code="unique", attr="code", detail=f"There is a promotion {code} already.")


def promotion_delete(*, promotion: Promotion, actor: User | None, actor_label: str) -> None:
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
            account = _current(promotion).account
            row = Promotion.objects.select_for_update().get(pk=promotion.pk)
            if promotion_is_used(promotion=row):
                raise in_use
            setattr(row, HISTORY_USER, actor)
            setattr(row, HISTORY_REASON, actor_label[:MAXIMUM_REASON])
            row.delete()
            rulebook_advance(account=account, removed=True)
    except (ProtectedError, IntegrityError) as error:
        raise in_use from error


# --- writing --------------------------------------------------------------------------------------------------------


def _current(promotion: Promotion) -> Promotion:
    """The promotion as it is now, with its account, which stays locked until the transaction ends.

    Raises:
        PromotionNotFound: it was deleted meanwhile.
    """
    account = account_lock(account_id=promotion.account_id)
    current = Promotion.objects.filter(pk=promotion.pk).first()
    if current is None:
        raise PromotionNotFound(f"There is no promotion {promotion.code}.")
    current.account = account
    return current


def _write(account: Account, changes: Sequence[_Change], author: _Author) -> None:
    """Write changes under the account's lock, one SQL statement for each table, whatever the number of rows."""
    changes = [change for change in changes if not change.is_idle]
    if not changes:
        return
    revision = rulebook_advance(account=account)
    versions, events = [], []
    for change in changes:
        promotion = change.promotion
        promotion.revision = revision
        missed = transitions_missed(change.before, at=author.at) if change.before is not None else []
        reached = missed[-1][0] if missed else promotion.status
        promotion.status = promotion.status_at(author.at)
        if promotion.status != reached:
            missed.append((promotion.status_at(author.at), author.at))
        events += status_events(promotion, missed, at=author.at)
        if change.redefined:
            promotion.version += 1
            versions.append(
                PromotionVersion(
                    promotion=promotion,
                    number=promotion.version,
                    definition=promotion_definition(promotion),
                    created_at=author.at,
                    created_by=author.user,
                    created_with=author.label[:100],
                )
            )
    _write_rows([change.promotion for change in changes if change.before is None], author, created=True)
    _write_rows([change.promotion for change in changes if change.before is not None], author, created=False)
    if versions:
        PromotionVersion.objects.bulk_create(versions, batch_size=_BATCH)
    _write_references(changes)
    if events:
        status_events_record(events=events)


_NEVER_REWRITTEN = frozenset({"id", "account", "family", "type", "redemptions", "created_at"})
_REWRITTEN = [field.name for field in Promotion._meta.concrete_fields if field.name not in _NEVER_REWRITTEN]


def _write_rows(promotions: list[Promotion], author: _Author, *, created: bool) -> None:
    if not promotions:
        return
    if created:
        Promotion.objects.bulk_create(promotions, batch_size=_BATCH)
    else:
        # By id, as sales and sweeps lock them. The counter of redemptions is the sales' alone.
        promotions.sort(key=lambda promotion: promotion.pk)
        made = [promotion.created_at for promotion in promotions]
        Promotion.objects.bulk_create(
            promotions, batch_size=_BATCH, update_conflicts=True, unique_fields=["id"], update_fields=_REWRITTEN
        )
        for promotion, created_at in zip(promotions, made, strict=True):
            promotion.created_at = created_at
    Promotion.history.bulk_history_create(
        promotions,
        batch_size=_BATCH,
        update=not created,
        default_user=author.user,
        default_change_reason=(author.reason or author.label)[:MAXIMUM_REASON],
        default_date=author.at,
    )


def _write_references(changes: Iterable[_Change]) -> None:
    new, stale = [], []
    for change in changes:
        if change.references is not None:
            wanted = {_key(one) for one in change.references}
            new += [
                PromotionReference(promotion=change.promotion, kind=kind, key=key)
                for kind, key in sorted(wanted - change.named.keys())
            ]
            stale += [pk for key, pk in change.named.items() if key not in wanted]
    if stale:
        PromotionReference.objects.filter(pk__in=stale).delete()
    if new:
        PromotionReference.objects.bulk_create(new, batch_size=_BATCH)
