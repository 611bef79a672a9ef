"""Files of loyalty promotions."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from django.utils import timezone
from import_export.widgets import Widget

from consumers.admin.files.widgets import TextWidget
from consumers.types import JsonObject
from loyalty.models import LoyaltyPromotion
from loyalty.services.promotion import loyalty_promotions_save
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
    IGNORES_UNIVERSAL_HOLDOUT,
    LIMIT_PERIOD,
    LIMITS,
    LOYALTY_OUTCOME,
)
from promotions.models import Promotion
from promotions.services.promotion.values import PromotionValues

OUTCOME = outcome_widgets(LOYALTY_OUTCOME)
ELIGIBILITY: Mapping[str, type[Widget]] = {
    **dict.fromkeys(CONDITIONS, DocumentWidget),
    "application_rules": DocumentWidget,
    "control_group": DocumentWidget,
    **dict.fromkeys(LIMITS, DefinitionNumberWidget),
    LIMIT_PERIOD: DefinitionWidget,
    "always_apply": DefinitionFlagWidget,
    IGNORES_UNIVERSAL_HOLDOUT: DefinitionFlagWidget,
}
DOCUMENTS = {"outcome": OUTCOME, "eligibility": ELIGIBILITY, "content": CONTENT}


class LoyaltyPromotionResource(PromotionResource):
    """Loyalty promotions, with their three documents."""

    object_columns = tuple(DOCUMENTS)
    columns: ClassVar[Mapping[str, type[Widget]]] = {
        "code": TextWidget,
        "type": TextWidget,
        **COMMON,
        **{f"{head}.{name}": widget for head, parts in DOCUMENTS.items() for name, widget in parts.items()},
    }

    class Meta(PromotionResource.Meta):
        model = LoyaltyPromotion

    def document(self, promotion: Promotion) -> JsonObject:
        documents = {head: getattr(promotion, head) for head in DOCUMENTS}
        return common_document(promotion) | {"type": promotion.type, **documents}

    def save_documents(self, documents: Sequence[JsonObject]) -> list[tuple[Promotion, bool]]:
        names = ("code", "type", *COMMON, *DOCUMENTS, "draft")
        rows = [
            PromotionValues(**{name: document[name] for name in names if name in document}) for document in documents
        ]
        return loyalty_promotions_save(account_id=self.account.pk, rows=rows, author=self.author, at=timezone.now())
