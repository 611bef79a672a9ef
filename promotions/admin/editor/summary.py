"""The sentence above a promotion's form that describes it and follows what is being entered."""

from collections.abc import Iterable, Iterator
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
from consumers.types import JsonMapping
from promotions.admin.editor.changes import changes_of
from promotions.admin.rules.wording import SCOPES, UNREADABLE, Wording, describe_tree, format_amount
from promotions.admin.visibility import may_see_personalized, without_personalized
from promotions.engine.definition.fields import CONDITIONS, LIMIT_PERIOD, WHOLE_PROMOTION
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.check import check_tree
from promotions.models import Promotion
from promotions.selectors.references import REFERENCE_SOURCES
from promotions.selectors.rule_values import reference_names

MISSING = "…"


@dataclass(frozen=True, kw_only=True)
class PartialDefinition:
    """What is entered of a promotion so far: anything in the documents may be missing or wrong."""

    type: str
    currency: str
    starts_at: datetime | None
    ends_at: datetime | None
    outcome: JsonMapping
    eligibility: JsonMapping


def definition_of(promotion: Promotion) -> PartialDefinition:
    """Return the definition of a stored promotion."""
    return PartialDefinition(
        type=promotion.type,
        currency=promotion.currency,
        starts_at=promotion.starts_at,
        ends_at=promotion.ends_at,
        outcome=promotion.outcome,
        eligibility=promotion.eligibility,
    )


@dataclass(frozen=True, kw_only=True)
class RuleDescriber:
    """Describes rule trees with the names of the rows that they reference."""

    wording: Wording

    def describe(self, tree: Any, scope: Scope) -> str:
        """Return the rules in words; empty if there are none, dots if they cannot be read."""
        try:
            return describe_tree(tree, scope, self.wording) if tree and tree.get("rules") else ""
        except UNREADABLE:
            return MISSING


def rule_describer(account: Account, *, currency: str, trees: Iterable[tuple[object, Scope]]) -> RuleDescriber:
    """Return a describer of these trees, after one SQL statement for each kind of row that they reference."""
    references = [reference for tree, scope in trees for reference in check_tree(tree, scope)[2]]
    names = reference_names(
        account_id=account.pk,
        references={(reference.kind, reference.key) for reference in references if is_storable(reference.key)},
        sources=REFERENCE_SOURCES,
    )
    return RuleDescriber(wording=Wording(names=names, currency=currency, catalogue_currency=account.currency))


def condition_trees(definition: PartialDefinition) -> list[tuple[object, Scope]]:
    """Return the rule trees of the conditions, each with its scope."""
    return [(definition.eligibility.get(name), SCOPES[name]) for name in CONDITIONS]


def describe_beginning(
    definition: PartialDefinition, describer: RuleDescriber, *, who: str, acts: Iterable[str] = ()
) -> str:
    """Describe when, to whom and where a promotion applies; ``acts`` are clauses about what they must do."""
    start = format_moment(definition.starts_at) if definition.starts_at else MISSING
    until = f" until {format_moment(definition.ends_at)}" if definition.ends_at else ""
    conditions = (
        ("customer_rules", "who fit “{}”"),
        ("site_rules", "at sites where {}"),
        ("transaction_rules", "in transactions where {}"),
        ("line_item_rules", "with a line item where {}"),
    )
    described = (
        (clause, describer.describe(definition.eligibility.get(name), SCOPES[name])) for name, clause in conditions
    )
    clauses = [*(clause.format(words) for clause, words in described if words), *acts]
    whom = f"{', '.join((who, *clauses))}," if len(clauses) > 1 else " ".join((who, *clauses))
    return f"From {start}{until}, {whom}"


def describe_count(count: object, noun: str) -> str:
    """Format a number of things; dots for none."""
    return f"{count or MISSING} {noun if str(count) == '1' else f'{noun}s'}"


def describe_set(product_set: JsonMapping, describer: RuleDescriber) -> str:
    """Describe a product set by its name, or else by its products."""
    if product_set.get("name"):
        return f"“{product_set['name']}”"
    if product_set.get("products"):
        skus = product_set["products"]
        return f"{', '.join(skus[:3])}{f' and {len(skus) - 3} more' if len(skus) > 3 else ''}"
    if "personalized_promotion" in product_set:
        if product_set["personalized_promotion"] is None:
            return "their own products"
        return f"their own products of “{product_set['personalized_promotion'] or MISSING}”"
    words = describer.describe(product_set.get("rules"), Scope.LINE_ITEM)
    return f"products where {words}" if words else "any product"


def describe_money(value: object, currency: str) -> str:
    """Format an amount with its currency; dots for none."""
    try:
        return f"{format_amount(value, currency)} {currency}"
    except ValueError:
        return str(value or MISSING)


def describe_limits(eligibility: JsonMapping) -> str:
    """Describe how often a promotion can be redeemed, as the end of a sentence."""
    period = eligibility.get(LIMIT_PERIOD) or WHOLE_PROMOTION
    limits = (
        (
            "customer_redemption_limit",
            "at most {} per customer" if period == WHOLE_PROMOTION else f"at most {{}} a {period} per customer",
        ),
        ("transaction_redemption_limit", "at most {} in a transaction"),
        ("total_redemption_limit", "at most {} in all"),
    )
    return "".join(f", {words.format(_times(eligibility[name]))}" for name, words in limits if eligibility.get(name))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def describe_extras(eligibility: JsonMapping) -> Iterator[str]:
    """Yield what is described in sentences of their own: a control group, and that it always applies."""
    if control := eligibility.get("control_group"):
        percentage, group = control.get("percentage") or MISSING, control.get("group") or MISSING
        yield f"{percentage}% of group {group} are held out."
    if eligibility.get("always_apply"):
        yield "It applies even when another promotion wins."


class SummaryMixin:
    """The summary above the form, and its endpoint; for ``PromotionAdmin``."""

    def summary(self, account: Account, definition: PartialDefinition) -> str:
        """Describe a promotion in a sentence or two."""
        raise NotImplementedError

    def summary_for(self, request: HttpRequest, definition: PartialDefinition) -> str:
        """Return the summary without what the user may not see."""
        if not may_see_personalized(request):
            definition = replace(definition, outcome=without_personalized(definition.outcome))
        return self.summary(account_of(request), definition)

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
        """Return the posted form of the promotion that ``?id=`` names, or of a new one of ``?type=``.

        Raises:
            PermissionDenied: the user may not see promotions.
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
        """Answer the summary of a posted form, valid or not, and what it would change; see ``posted_form``."""
        form = self.posted_form(request)
        words = self.summary_for(request, form.partial_definition())
        return JsonResponse({"words": words, "changes": [asdict(change) for change in self.changes_for(request, form)]})

    def changes_for(self, request: HttpRequest, form: Any) -> list[Change]:
        """Return what a form would change, once ``partial_definition`` has read it; of a new promotion nothing."""
        page = cast("Any", self)
        # The form of a user who may only view has no fields to send.
        if form.stored.pk is None or not page.has_change_permission(request):
            return []
        return changes_of(form.stored, form, family=page.family, describe=page.describe_for(request))
