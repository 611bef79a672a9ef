"""Reads of promotions of every family."""

import json
from collections.abc import Collection

from django.db.models import PROTECT, QuerySet
from django.db.models.fields.json import KeyTransform

from consumers.models import Site
from promotions.choices import Family
from promotions.engine.facts.basket import SiteFacts, fold_text
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.compile import Predicate, compile_tree
from promotions.models import Promotion, PromotionVersion


def promotions_of(*, account_id: int, family: Family) -> QuerySet[Promotion]:
    """Return the account's promotions of a family, archived ones too, with their campaigns."""
    return Promotion.objects.filter(account_id=account_id, family=family).select_related("campaign")


def promotions_by_code(*, account_id: int, codes: Collection[str]) -> dict[tuple[str, str], Promotion]:
    """Return the account's promotions of every family that have one of ``codes``, by family and code."""
    promotions = Promotion.objects.filter(account_id=account_id, code__in=codes)
    return {(promotion.family, promotion.code): promotion for promotion in promotions}


def promotion_versions(*, promotion: Promotion) -> QuerySet[PromotionVersion]:
    """Return every version of a promotion with its author, newest first."""
    return promotion.versions.select_related("created_by").order_by("-number")


def promotion_is_used(*, promotion: Promotion) -> bool:
    """Whether a protected row of any app references the promotion, such as a redemption: one query for each table."""
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: promotion.pk}).exists()  # noqa: SLF001
        for relation in Promotion._meta.related_objects
        if relation.on_delete is PROTECT
    )


def site_facts(site: Site) -> SiteFacts:
    """Return a site as rules see it."""
    return SiteFacts(
        site_number=site.number.casefold(),
        site_name=fold_text(site.name),
        address_line_1=fold_text(site.address_line_1),
        town=fold_text(site.town),
        county=fold_text(site.county),
        postcode=fold_text(site.postcode),
    )


def promotions_at_site(promotions: QuerySet[Promotion], *, site: Site) -> QuerySet[Promotion]:
    """Return those whose site rules admit the site: one SQL statement reads the rules, the engine evaluates them."""
    facts = site_facts(site)
    predicates: dict[str, Predicate | None] = {}
    admitted: list[int] = []
    excluded: list[int] = []
    rules = promotions.order_by().values_list("pk", KeyTransform("site_rules", "eligibility"))
    for pk, tree in rules.iterator():
        text = json.dumps(tree)
        if text not in predicates:
            predicates[text] = compile_tree(tree, Scope.SITE)
        predicate = predicates[text]
        (admitted if predicate is None or predicate(facts) else excluded).append(pk)
    # The shorter list makes the shorter statement.
    if len(excluded) <= len(admitted):
        return promotions.exclude(pk__in=excluded)
    return promotions.filter(pk__in=admitted)
