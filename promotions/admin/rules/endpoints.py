"""The endpoints of the rule builder: the attributes, a tree in words with its problems, and values to choose from."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from consumers.admin.framework.pages import account_of
from consumers.models import Account, Consumer
from consumers.search_text import search_problem
from consumers.selectors import MAX_CONSUMER_CHOICES, consumers_search
from consumers.services.upsert import is_storable
from promotions.admin.rules.field import RulesField
from promotions.admin.rules.phrases import describe_tree
from promotions.admin.rules.wording import OPERATORS, UNREADABLE, Wording
from promotions.admin.visibility import may_see_personalized
from promotions.choices import ReferenceKind
from promotions.engine.rules.attributes import ATTRIBUTES, WEEKDAYS, Attribute, Scope
from promotions.engine.rules.check import MAX_CONDITION_VALUES, MAX_TREE_CONDITIONS, MAX_TREE_DEPTH, check_tree
from promotions.engine.rules.problems import Reference
from promotions.selectors.references import REFERENCE_SOURCES, ReferenceSource
from promotions.selectors.rule_values import MAX_CHOICES, TextSource, choosable_rows, reference_names
from promotions.services.promotion.references import unknown_references

Page = Callable[..., JsonResponse]
_MAX_SEARCH_LENGTH = 100

CONSUMER = "consumer"
"""The kind under which ``choices_found`` finds consumers, whom no rule references."""


def _for_readers_of_promotions(page: Page) -> Page:
    """Admit only staff who may see promotions in the account that they work in."""

    @wraps(page)
    def guarded(request: HttpRequest, **kwargs: object) -> JsonResponse:
        account_of(request)
        if not request.user.has_perm("promotions.view_promotion"):
            raise PermissionDenied
        return page(request, **kwargs)

    return guarded


@require_GET
@_for_readers_of_promotions
def rules_vocabulary(
    request: HttpRequest, *, sources: Mapping[str, ReferenceSource], texts: Mapping[str, TextSource]
) -> JsonResponse:
    """Answer the attributes that the account may use in each tree, with their operators, and the limits of trees.

    ``choices`` of an attribute is its kind for ``choices_found``; it is empty if there is nothing to choose from.
    ``unit`` of a money attribute is empty if it is the promotion's own currency.
    """
    account = account_of(request)
    wording = Wording(catalogue_currency=account.currency)

    def attribute_shape(attribute: Attribute) -> dict[str, object]:
        return {
            "name": attribute.name,
            "label": attribute.label,
            "kind": attribute.kind,
            "unit": wording.unit(attribute),
            "choices": attribute.reference or (attribute.name if attribute.name in texts else ""),
            "operators": [
                {"name": operator, "label": OPERATORS[operator].removesuffix(" days:"), "operand": operand}
                for operator, operand in attribute.operators.items()
            ],
        }

    return JsonResponse(
        {
            "scopes": {
                scope: [
                    attribute_shape(attribute)
                    for attribute in attributes.values()
                    if account.catalogue_enabled or attribute.without_catalogue
                ]
                for scope, attributes in ATTRIBUTES.items()
            },
            "references": {
                kind: source.noun
                for kind, source in sources.items()
                if kind != ReferenceKind.PERSONALIZED_PROMOTION or may_see_personalized(request)
            },
            "weekdays": WEEKDAYS,
            "most": {"depth": MAX_TREE_DEPTH, "conditions": MAX_TREE_CONDITIONS, "values": MAX_CONDITION_VALUES},
        }
    )


@require_POST
@_for_readers_of_promotions
def rules_reading(request: HttpRequest) -> JsonResponse:
    """Answer the posted ``tree`` (JSON) of a ``scope`` in words, its problems, and the names of the rows it references.

    ``currency`` is the promotion's. The problems are those that saving would find, each with its path in the tree.
    """
    account = account_of(request)
    try:
        scope = Scope(request.POST.get("scope", ""))
    except ValueError:
        return JsonResponse({"detail": "These rules do not exist."}, status=400)
    try:
        tree = RulesField(scope).clean(request.POST.get("tree", ""))
    except ValidationError as error:
        return JsonResponse({"words": "", "problems": [{"path": "", "detail": error.messages[0]}], "names": []})
    _, problems, references = check_tree(tree, scope, catalogue_enabled=account.catalogue_enabled)
    names, unknown = _look_up(account, references)
    wording = Wording(
        names=names, currency=request.POST.get("currency", "") or account.currency, catalogue_currency=account.currency
    )
    return JsonResponse(
        {
            "words": _words(tree, scope, wording),
            "problems": [{"path": problem.path, "detail": problem.detail} for problem in problems] + unknown,
            "names": [{"kind": kind, "key": key, "name": name} for (kind, key), name in names.items()],
        }
    )


def _look_up(
    account: Account, references: list[Reference]
) -> tuple[dict[tuple[str, str], str], list[dict[str, str | None]]]:
    """Return the names of the referenced rows, and a problem for each row that does not exist."""
    names = reference_names(
        account_id=account.pk,
        references={(reference.kind, reference.key) for reference in references if is_storable(reference.key)},
        sources=REFERENCE_SOURCES,
    )
    unknown = unknown_references(references, existing=names, sources=REFERENCE_SOURCES)
    return names, [{"path": problem.attr, "detail": problem.detail} for problem in unknown]


def _words(tree: Any, scope: Scope, wording: Wording) -> str:
    try:
        return describe_tree(tree, scope, wording)
    except UNREADABLE:
        return ""


@require_GET
def choices_found(
    request: HttpRequest, kind: str, *, sources: Mapping[str, ReferenceSource], texts: Mapping[str, TextSource]
) -> JsonResponse:
    """Answer a few of the account's rows of ``kind``, or texts of an attribute, that contain ``q``, or consumers.

    Only to staff who may see their table. An unknown kind is a 404.
    """
    account = account_of(request)
    search = request.GET.get("q", "").replace("\x00", "").strip()[:_MAX_SEARCH_LENGTH]
    if kind == CONSUMER:
        _require_view(request, Consumer)
        choices = consumers_search(account_id=account.pk, search=search)
    elif kind in sources:
        source = sources[kind]
        _require_view(request, source.rows(account.pk).model)
        choices = choosable_rows(account_id=account.pk, source=source, search=search)
    elif kind in texts:
        _require_view(request, texts[kind].model)
        choices = [(text, "") for text in texts[kind].find(account.pk, search)]
    else:
        raise Http404("There is nothing to choose from.")
    # Only consumers are looked for by each word; other rows by the text as it is.
    note = search_problem(search) if kind == CONSUMER else ""
    most = MAX_CONSUMER_CHOICES if kind == CONSUMER else MAX_CHOICES
    if len(choices) >= most:
        note = f"Showing the first {most}. Type more to find others."
    return JsonResponse({"choices": [{"key": key, "name": name} for key, name in choices], "note": note})


def _require_view(request: HttpRequest, model: Any) -> None:
    if not request.user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}"):
        raise PermissionDenied
