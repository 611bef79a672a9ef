"""A promotion as one sentence above its form, which follows what is being entered."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.history import Change
from consumers.admin.framework.pages import account_of
from consumers.models import Account
from consumers.services.upsert import is_storable
from promotions.admin.editor.changes import changes_of
from promotions.admin.rules.wording import SCOPES, UNREADABLE, Wording, amount_in_figures, describe_tree
from promotions.admin.visibility import may_see_personalized, without_personalized
from promotions.engine.definition.fields import CONDITIONS
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.check import check_tree
from promotions.models import Promotion
from promotions.selectors.references import REFERENCE_SOURCES
from promotions.selectors.rule_values import reference_names

UNSAID = "…"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a promotion says, finished or not: anything in the documents may be missing."""

    type: str
    currency: str
    starts_at: datetime | None
    ends_at: datetime | None
    outcome: Mapping[str, Any]
    eligibility: Mapping[str, Any]


def promotion_said(promotion: Promotion) -> Said:
    """A stored promotion."""
    return Said(
        type=promotion.type,
        currency=promotion.currency,
        starts_at=promotion.starts_at,
        ends_at=promotion.ends_at,
        outcome=promotion.outcome,
        eligibility=promotion.eligibility,
    )


@dataclass(frozen=True, kw_only=True)
class Trees:
    """Reads trees of rules out, with the names of what they name."""

    wording: Wording

    def words(self, tree: Any, scope: Scope) -> str:
        """The rules in words; empty where there are none, dots where they cannot be read."""
        try:
            return describe_tree(tree, scope, self.wording) if tree and tree.get("rules") else ""
        except UNREADABLE:
            return UNSAID


def trees_of(account: Account, *, currency: str, written: Iterable[tuple[Any, Scope]]) -> Trees:
    """What reads these trees out: one SQL statement for each kind of row that they name."""
    references = [one for tree, scope in written for one in check_tree(tree, scope)[2]]
    names = reference_names(
        account_id=account.pk,
        references={(one.kind, one.key) for one in references if is_storable(one.key)},
        sources=REFERENCE_SOURCES,
    )
    return Trees(wording=Wording(names=names, currency=currency, catalogue_currency=account.currency))


# --- what promotions of every family say ----------------------------------------------------------------------------


def conditions_written(said: Said) -> list[tuple[Any, Scope]]:
    """The trees of the conditions."""
    return [(said.eligibility.get(name), SCOPES[name]) for name in CONDITIONS]


def describe_beginning(said: Said, trees: Trees, *, who: str, acts: Iterable[str] = ()) -> str:
    """When, to whom and where; and what they must do, as clauses that end the part about them."""
    start = format_moment(said.starts_at) if said.starts_at else UNSAID
    until = f" until {format_moment(said.ends_at)}" if said.ends_at else ""
    conditions = (
        ("customer_rules", "who fit “{}”"),
        ("site_rules", "at sites where {}"),
        ("transaction_rules", "in transactions where {}"),
        ("line_item_rules", "with a line item where {}"),
    )
    judged = ((clause, trees.words(said.eligibility.get(name), SCOPES[name])) for name, clause in conditions)
    clauses = [*(clause.format(words) for clause, words in judged if words), *acts]
    whom = f"{', '.join((who, *clauses))}," if len(clauses) > 1 else " ".join((who, *clauses))
    return f"From {start}{until}, {whom}"


def counted(count: Any, noun: str) -> str:
    """A number of things; dots for none."""
    return f"{count or UNSAID} {noun if str(count) == '1' else f'{noun}s'}"


def describe_set(one: Mapping[str, Any], trees: Trees) -> str:
    """A set of products by its name, or by what is in it."""
    if one.get("name"):
        return f"“{one['name']}”"
    if one.get("products"):
        skus = one["products"]
        return f"{', '.join(skus[:3])}{f' and {len(skus) - 3} more' if len(skus) > 3 else ''}"
    if "personalized_promotion" in one:
        if one["personalized_promotion"] is None:
            return "their own products"
        return f"their own products of “{one['personalized_promotion'] or UNSAID}”"
    words = trees.words(one.get("rules"), Scope.LINE_ITEM)
    return f"products where {words}" if words else "any product"


def describe_money(value: Any, currency: str) -> str:
    """An amount with its currency; dots for none."""
    try:
        return f"{amount_in_figures(value, currency)} {currency}"
    except ValueError:
        return str(value or UNSAID)


def describe_limits(eligibility: Mapping[str, Any]) -> str:
    """How often, as the end of a sentence."""
    said = (
        ("customer_redemption_limit", "at most {} each"),
        ("transaction_redemption_limit", "at most {} in a transaction"),
        ("total_redemption_limit", "at most {} in all"),
    )
    return "".join(f", {words.format(_times(eligibility[name]))}" for name, words in said if eligibility.get(name))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def describe_asides(eligibility: Mapping[str, Any]) -> Iterator[str]:
    """What is said of it in sentences of their own."""
    if control := eligibility.get("control_group"):
        percentage, group = control.get("percentage") or UNSAID, control.get("group") or UNSAID
        yield f"{percentage}% of group {group} are held out."
    if eligibility.get("always_apply"):
        yield "It applies beside those that win."


# --- the page -------------------------------------------------------------------------------------------------------


class SummaryMixin:
    """A page of promotions that says at the top of its form what the form says; for ``PromotionAdmin``."""

    def summary(self, account: Account, said: Said) -> str:
        """What a promotion says, in a sentence or two."""
        raise NotImplementedError

    def summary_for(self, request: HttpRequest, said: Said) -> str:
        """The same, without what the user may not know."""
        if not may_see_personalized(request):
            said = replace(said, outcome=without_personalized(said.outcome))
        return self.summary(account_of(request), said)

    def get_urls(self) -> list[Any]:
        page: Any = self
        address = path(
            "summary/",
            page.admin_site.admin_view(require_POST(self.summary_view)),
            name=f"{page.opts.app_label}_{page.opts.model_name}_summary",
        )
        urls: list[Any] = [address, *super().get_urls()]  # type: ignore[misc]
        return urls

    def posted_form(self, request: HttpRequest) -> Any:
        """What was posted as the form of a promotion: of the one that ``?id=`` names, or a new one of ``?type=``.

        Raises:
            PermissionDenied: who asks may not see promotions.
            Http404: there is no such promotion, or no such type.
        """
        page: Any = self
        if not page.has_view_or_change_permission(request):
            raise PermissionDenied
        promotion = page.get_object(request, request.GET.get("id", ""))
        if promotion is None and request.GET.get("type") not in page.types.values:
            raise Http404("There is no such type of promotion.")
        return page.get_form(request, promotion, change=promotion is not None)(request.POST, instance=promotion)

    def summary_view(self, request: HttpRequest) -> JsonResponse:
        """What a posted form says, with its mistakes, and what it changes of its promotion; see ``posted_form``."""
        form = self.posted_form(request)
        words = self.summary_for(request, form.said())
        return JsonResponse({"words": words, "changes": [asdict(one) for one in self.changes_for(request, form)]})

    def changes_for(self, request: HttpRequest, form: Any) -> list[Change]:
        """What a form that ``said`` has read changes of its promotion; of a new one nothing."""
        page = cast("Any", self)
        # One who may only look is shown a form that sends nothing.
        if form.stored.pk is None or not page.has_change_permission(request):
            return []
        return changes_of(form.stored, form, family=page.family, describe=page.describe_for(request))
