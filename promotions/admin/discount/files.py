"""Import and export of discounts."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from django.utils import timezone
from import_export.widgets import Widget

from consumers.admin.files.widgets import TextWidget
from consumers.types import JsonObject
from promotions.admin.editor.files import (
    COMMON,
    CONTENT,
    DefinitionFlagWidget,
    DefinitionNumberWidget,
    DefinitionWidget,
    DocumentWidget,
    PromotionResource,
    common_document,
    outcome_widgets,
)
from promotions.engine.definition.fields import (
    CONDITIONS,
    DISCOUNT_LIMITS,
    DISCOUNT_OUTCOME,
    IGNORES_UNIVERSAL_HOLDOUT,
    LIMIT_PERIOD,
)
from promotions.models import Discount, Promotion
from promotions.services.discount import DiscountValues, discount_fields, discounts_save
from promotions.services.promotion.values import promotion_definition


class DiscountResource(PromotionResource):
    """Discounts, in the flat fields that the contract has for them."""

    type_name = "discount_type"
    object_columns = ("conditions", "content")
    columns: ClassVar[Mapping[str, type[Widget]]] = {
        "code": TextWidget,
        "discount_type": TextWidget,
        **COMMON,
        **outcome_widgets(DISCOUNT_OUTCOME),
        **{f"conditions.{name}": DocumentWidget for name in CONDITIONS},
        **dict.fromkeys(DISCOUNT_LIMITS, DefinitionNumberWidget),
        LIMIT_PERIOD: DefinitionWidget,
        "always_apply": DefinitionFlagWidget,
        IGNORES_UNIVERSAL_HOLDOUT: DefinitionFlagWidget,
        **{f"content.{name}": widget for name, widget in CONTENT.items()},
    }

    class Meta(PromotionResource.Meta):
        model = Discount

    def document(self, promotion: Promotion) -> dict[str, object]:
        return common_document(promotion) | discount_document(promotion)

    def save_documents(self, documents: Sequence[JsonObject]) -> list[tuple[Promotion, bool]]:
        names = (*(name for name in self.columns if "." not in name), *self.object_columns, "draft")
        rows = [
            DiscountValues(**{name: document[name] for name in names if name in document}) for document in documents
        ]
        return discounts_save(account_id=self.account.pk, rows=rows, author=self.author, at=timezone.now())


def discount_document(promotion: Promotion) -> dict[str, object]:
    """Return the fields of the contract that only discounts have."""
    fields = discount_fields(promotion_definition(promotion))
    return {name: value for name, value in fields.items() if name not in _COMMON_NAMES}


_COMMON_NAMES = frozenset({"family", "subtype", "code", *COMMON})
