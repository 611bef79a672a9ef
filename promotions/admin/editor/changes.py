"""The changes that saving a form would make to a promotion, in words."""

from collections.abc import Iterator
from typing import Any

from consumers.admin.framework.history import Change, DescribeChange
from promotions.admin.editor.history import DOCUMENTS, promotion_change
from promotions.engine.definition.reader import InvalidDefinition
from promotions.models import Promotion
from promotions.selectors.campaign import campaigns_of
from promotions.services.promotion.values import PromotionFamily, PromotionValues

GENERAL = ("name", "description", "currency", "starts_at", "ends_at", "ledger_class", "funding")


def changes_of(
    promotion: Promotion, form: Any, *, family: PromotionFamily, describe: DescribeChange = promotion_change
) -> list[Change]:
    """Return what a form would change of the promotion that it edits; ``partial_definition`` has read the form.

    A field with an error is left out, and so is every field beyond the General tab if one of those has an error: the
    form shows that one. ``describe`` describes the change of a field.
    """
    changes = list(_general(promotion, form, describe))
    if not set(form.errors) - {*GENERAL, "campaign", "__all__"}:
        changes += _documents(promotion, form, family, describe)
    return changes


def _general(promotion: Promotion, form: Any, describe: DescribeChange) -> Iterator[Change]:
    for name in GENERAL:
        before, after = getattr(promotion, name), form.cleaned_data[name]
        if name not in form.errors and before != after:
            yield from describe(Promotion._meta.get_field(name), before, after)
    code = form.cleaned_data["campaign"] or None
    if "campaign" not in form.errors and code != (promotion.campaign.code if promotion.campaign is not None else None):
        after = campaigns_of(account_id=promotion.account_id).filter(code=code).values_list("pk", flat=True).first()
        yield from describe(Promotion._meta.get_field("campaign"), promotion.campaign_id, after)


def _documents(promotion: Promotion, form: Any, family: PromotionFamily, describe: DescribeChange) -> Iterator[Change]:
    documents = {name: getattr(form, name)() for name in DOCUMENTS}
    values = PromotionValues(
        code=promotion.code, type=promotion.type, name=promotion.name, starts_at=promotion.starts_at, **documents
    )
    try:
        definition = family.check(values, form.account.catalogue_enabled)
    except InvalidDefinition:
        return
    for name in DOCUMENTS:
        yield from describe(Promotion._meta.get_field(name), getattr(promotion, name), getattr(definition, name))
