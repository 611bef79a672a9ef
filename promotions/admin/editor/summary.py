"""The sentence above a promotion's form that describes it and follows what is being entered."""

from collections.abc import Iterable, Iterator, Sequence
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
from promotions.admin.rules.phrases import describe_product, describe_rules, enumerate_texts, mention
from promotions.admin.rules.wording import SCOPES, UNREADABLE, Wording, format_amount
from promotions.admin.visibility import may_see_personalized, without_personalized
from promotions.choices import ReferenceKind
from promotions.engine.definition.fields import (
    CONDITIONS,
    DISCOUNT_LIMITS,
    IGNORES_UNIVERSAL_HOLDOUT,
    LIMIT_PERIOD,
    WHOLE_PROMOTION,
)
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
    budget: JsonMapping | None = None
    customer_budget: JsonMapping | None = None


def definition_of(promotion: Promotion) -> PartialDefinition:
    """Return the definition of a stored promotion."""
    return PartialDefinition(
        type=promotion.type,
        currency=promotion.currency,
        starts_at=promotion.starts_at,
        ends_at=promotion.ends_at,
        outcome=promotion.outcome,
        eligibility=promotion.eligibility,
        budget=promotion.budget,
        customer_budget=promotion.customer_budget,
    )


@dataclass(frozen=True, kw_only=True)
class RuleDescriber:
    """Describes rule trees with the names of the rows that they reference."""

    wording: Wording

    def describe(self, tree: Any, scope: Scope) -> str:
        """Return the rules as part of a sentence; empty if there are none, dots if they cannot be read."""
        try:
            return describe_rules(tree, scope, self.wording) if tree and tree.get("rules") else ""
        except UNREADABLE:
            return MISSING


def rule_describer(
    account: Account,
    *,
    currency: str,
    trees: Iterable[tuple[object, Scope]],
    rows: Iterable[tuple[str, object]] = (),
) -> RuleDescriber:
    """Return a describer of these trees, after one SQL statement for each kind of row that they reference.

    ``rows`` are further rows to be named, by kind and key.
    """
    references = {(reference.kind, reference.key) for tree, scope in trees for reference in check_tree(tree, scope)[2]}
    references.update((kind, key) for kind, key in rows if isinstance(key, str))
    names = reference_names(
        account_id=account.pk,
        references={(kind, key) for kind, key in references if is_storable(key)},
        sources=REFERENCE_SOURCES,
    )
    return RuleDescriber(wording=Wording(names=names, currency=currency, catalogue_currency=account.currency))


def condition_trees(definition: PartialDefinition) -> list[tuple[object, Scope]]:
    """Return the rule trees of the conditions, each with its scope."""
    return [(definition.eligibility.get(name), SCOPES[name]) for name in CONDITIONS]


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Who gets the promotion, before the clauses on their transaction.

    ``other_currency`` is the promotion's where it is not the account's; ``history`` are clauses about past
    transactions, ``purchases`` about what must be bought.
    """

    who: str
    other_currency: str = ""
    history: Sequence[str] = ()
    purchases: Iterable[str] = ()


def describe_beginning(definition: PartialDefinition, describer: RuleDescriber, beginning: Beginning) -> str:
    """Describe when, to whom, where and in which transactions a promotion applies."""
    start = format_moment(definition.starts_at) if definition.starts_at else MISSING
    until = f" until {format_moment(definition.ends_at)}" if definition.ends_at else ""
    rules = {name: describer.describe(definition.eligibility.get(name), SCOPES[name]) for name in CONDITIONS}
    clauses = [
        rules["customer_rules"],
        rules["site_rules"],
        f"paying in {beginning.other_currency}" if beginning.other_currency else "",
        rules["transaction_rules"],
        *beginning.history,
        f"whose basket contains {rules['line_item_rules']}" if rules["line_item_rules"] else "",
        *beginning.purchases,
    ]
    clauses = [clause for clause in clauses if clause]
    several = len(clauses) > 1 or any(", " in clause for clause in clauses)
    after_who = "," if clauses and clauses[0] in beginning.history else ""
    before_get = "," if several or after_who else ""
    return f"From {start}{until}, {beginning.who}{after_who} {', '.join(clauses)}{before_get}".rstrip()


def counts_only_such(definition: PartialDefinition, describer: RuleDescriber, other_currency: str) -> bool:
    """Return whether only transactions that satisfy clauses of the beginning count for a promotion."""
    names = ("site_rules", "transaction_rules")
    return bool(other_currency) or any(
        describer.describe(definition.eligibility.get(name), SCOPES[name]) for name in names
    )


def describe_count(count: object, noun: str) -> str:
    """Format a number of things, as in "1,000 points"; dots for none."""
    number = f"{count:,}" if isinstance(count, int) else count or MISSING
    return f"{number} {noun if str(count) == '1' else f'{noun}s'}"


def describe_set(product_set: JsonMapping, describer: RuleDescriber, *, names_only: bool = False) -> str:
    """Describe a product set by its name, if it has one, and its products; empty for every product.

    Args:
        product_set: as far as it is entered.
        describer: of its rules.
        names_only: leave the products of a set with a name out, where the sentence has said them already.
    """
    products = _products_of(product_set, describer)
    if not product_set.get("name"):
        return products
    name = f"“{product_set['name']}”"
    return name if names_only else f"{name} ({products or 'any product'})"


def _products_of(product_set: JsonMapping, describer: RuleDescriber) -> str:
    if product_set.get("products"):
        skus = product_set["products"]
        more = [f"{len(skus) - MAX_NAMED_PRODUCTS} more"] if len(skus) > MAX_NAMED_PRODUCTS else []
        named = [describe_product(sku, describer.wording) for sku in skus[:MAX_NAMED_PRODUCTS]]
        return enumerate_texts([*named, *more])
    if "personalized_promotion" in product_set:
        return _personalized_products(product_set, describer)
    return describer.describe(product_set.get("rules"), Scope.LINE_ITEM)


def _personalized_products(product_set: JsonMapping, describer: RuleDescriber) -> str:
    backend_id = product_set["personalized_promotion"]
    default = product_set.get("default_product")
    until = f" ({describe_product(default, describer.wording)} until they choose)" if default else ""
    if backend_id is None:
        return f"their own products{until}"
    name = describer.wording.names.get((ReferenceKind.PERSONALIZED_PROMOTION, backend_id))
    return f"products on their “{name or backend_id or MISSING}” list{until}"


MAX_NAMED_PRODUCTS = 3
"""How many products of a list the sentence names."""


def set_rows(product_sets: Iterable[JsonMapping]) -> list[tuple[str, object]]:
    """Return the rows that the sentence names of product sets, by kind and key."""
    rows: list[tuple[str, object]] = []
    for product_set in product_sets:
        skus = [*(product_set.get("products") or ())[:MAX_NAMED_PRODUCTS], product_set.get("default_product")]
        rows += [(ReferenceKind.PRODUCT, sku) for sku in skus]
        rows.append((ReferenceKind.PERSONALIZED_PROMOTION, product_set.get("personalized_promotion")))
    return rows


def control_group_rows(definition: PartialDefinition) -> list[tuple[str, object]]:
    """Return the control group as a row to be named."""
    return [(ReferenceKind.GROUP, (definition.eligibility.get("control_group") or {}).get("group"))]


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
        ("transaction_redemption_limit", "at most {} per transaction"),
        (
            "customer_redemption_limit",
            "at most {} per customer" if period == WHOLE_PROMOTION else f"at most {{}} a {period} per customer",
        ),
        ("total_redemption_limit", "at most {} in total"),
    )
    return "".join(f", {words.format(_times(eligibility[name]))}" for name, words in limits if eligibility.get(name))


def describe_budgets(definition: PartialDefinition, *, in_money: bool) -> str:
    """Describe how much may be given in all and to each customer, as the end of a sentence."""

    def described(budget: JsonMapping, words: str) -> str:
        amount = budget.get("amount")
        points = int(amount) if isinstance(amount, str) and amount.isdecimal() else amount
        given = describe_money(amount, definition.currency) if in_money else describe_count(points, "point")
        return f", up to {given} {words}{_WHEN_SHORT.get(str(budget.get('when_short')), '')}"

    parts = ""
    if (customer := definition.customer_budget) is not None:
        period = customer.get("period") or WHOLE_PROMOTION
        parts += described(customer, "per customer" if period == WHOLE_PROMOTION else f"a {period} per customer")
    if definition.budget is not None:
        parts += described(definition.budget, "in total")
    return parts


_WHEN_SHORT = {"cut": " (the last of it in part)", "honour": " (the last basket in full)"}
"""What is said of a budget whose rest is not simply kept where it is not enough."""


def is_limited(eligibility: JsonMapping) -> bool:
    """Return whether a limit may leave out some of what a basket has."""
    return any(eligibility.get(name) for name in DISCOUNT_LIMITS)


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count) or f"{count:,} times"


def describe_extras(eligibility: JsonMapping, describer: RuleDescriber) -> Iterator[str]:
    """Yield what is described in sentences of their own: who is held out, and that it always applies."""
    if control := eligibility.get("control_group"):
        code = control.get("group")
        group = describer.wording.names.get((ReferenceKind.GROUP, code)) or code or MISSING
        percentage = control.get("percentage") or MISSING
        yield f"{percentage}% of the group {mention(group)} are a control group and do not get it."
    if eligibility.get("always_apply"):
        yield "It applies even when another promotion wins."
    if eligibility.get(IGNORES_UNIVERSAL_HOLDOUT):
        yield "Customers in the universal holdout get it too."


def asks_for_line_items(definition: PartialDefinition) -> bool:
    """Return whether the basket must contain something."""
    tree = definition.eligibility.get("line_item_rules")
    return isinstance(tree, dict) and bool(tree.get("rules"))


class SummaryMixin:
    """The summary above the form, and its endpoint; for ``PromotionAdmin``."""

    def summary(self, account: Account, definition: PartialDefinition) -> str:
        """Describe a promotion in a sentence or two."""
        raise NotImplementedError

    def advice(self, definition: PartialDefinition) -> str:
        """Return a warning that the conditions on line items do not choose what counts; empty where there is none."""
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
            raise Http404("This type of promotion does not exist.")
        return page.get_form(request, promotion, change=promotion is not None)(request.POST, instance=promotion)

    def summary_view(self, request: HttpRequest) -> JsonResponse:
        """Answer the summary of a posted form, valid or not, and what it would change; see ``posted_form``."""
        form = self.posted_form(request)
        definition = form.partial_definition()
        return JsonResponse(
            {
                "words": self.summary_for(request, definition),
                "advice": self.advice(definition),
                "changes": [asdict(change) for change in self.changes_for(request, form)],
            }
        )

    def changes_for(self, request: HttpRequest, form: Any) -> list[Change]:
        """Return what a form would change, once ``partial_definition`` has read it; of a new promotion nothing."""
        page = cast("Any", self)
        # The form of a user who may only view has no fields to send.
        if form.stored.pk is None or not page.has_change_permission(request):
            return []
        return changes_of(form.stored, form, family=page.family, describe=page.describe_for(request))
