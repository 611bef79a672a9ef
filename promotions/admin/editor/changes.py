"""What saving a form would change of a promotion, in words."""

from collections.abc import Iterator
from typing import Any

from consumers.admin.framework.history import Change, DescribeChange
from promotions.admin.version import DOCUMENTS, promotion_change
from promotions.engine.definition.reader import InvalidDefinition
from promotions.models import Promotion
from promotions.services.promotion.values import PromotionFamily, PromotionValues

GENERAL = ("name", "description", "currency", "starts_at", "ends_at")


def changes_of(
    promotion: Promotion, form: Any, *, family: PromotionFamily, describe: DescribeChange = promotion_change
) -> list[Change]:
    """What a form, which ``said`` has read, would change of the promotion that it edits.

    Nothing is told of a field in which something is wrong, nor of any beyond the General tab where one of those is: the
    form shows what that is. ``describe`` is how a change is told.
    """
    told = list(_general(promotion, form, describe))
    return told if set(form.errors) - {*GENERAL, "__all__"} else [*told, *_documents(promotion, form, family, describe)]


def _general(promotion: Promotion, form: Any, describe: DescribeChange) -> Iterator[Change]:
    for name in GENERAL:
        before, after = getattr(promotion, name), form.cleaned_data[name]
        if name not in form.errors and before != after:
            yield from describe(Promotion._meta.get_field(name), before, after)


def _documents(promotion: Promotion, form: Any, family: PromotionFamily, describe: DescribeChange) -> Iterator[Change]:
    written = {name: getattr(form, name)() for name in DOCUMENTS}
    values = PromotionValues(
        code=promotion.code, type=promotion.type, name=promotion.name, starts_at=promotion.starts_at, **written
    )
    try:
        definition = family.check(values, form.account.catalogue_enabled)
    except InvalidDefinition:
        return
    for name in DOCUMENTS:
        yield from describe(Promotion._meta.get_field(name), getattr(promotion, name), getattr(definition, name))
