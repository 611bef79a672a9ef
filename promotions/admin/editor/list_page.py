"""The list of a family's promotions: its columns, and what they need."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar

from django.db.models import DecimalField, TextChoices, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from consumers.admin.framework.formatting import format_moment
from consumers.types import Rows
from promotions.admin.editor.header import STATUS_COLOURS, describe_budget, describe_redemptions
from promotions.admin.editor.result_columns import promotions_with_results
from promotions.engine.money import minor_unit
from promotions.models import Promotion
from promotions.selectors.profiling import promotions_with_evaluation_time


class PromotionListMixin:
    """The columns of a list of promotions, for ``PromotionAdmin``."""

    types: ClassVar[type[TextChoices]]
    list_display = ("title", "type_label", "status_label", "starts", "ends", "redeemed", "total_cost", "total_sales")

    def get_queryset(self, request: HttpRequest) -> Rows:
        # The clock is read once for all rows of a page.
        rows: Rows = super().get_queryset(request)  # type: ignore[misc]
        promotions: Rows = promotions_with_evaluation_time(rows.annotate(seen_at=Value(timezone.now())))
        return promotions_with_results(promotions)

    @display(description="Name", ordering="name", header=True)
    def title(self, promotion: Promotion) -> list[str]:
        return [promotion.name, promotion.code]

    @display(description="Type", ordering="type")
    def type_label(self, promotion: Promotion) -> str:
        return str(self.types(promotion.type).label)

    @display(description="Status", label=STATUS_COLOURS)
    def status_label(self, promotion: Any) -> str:
        return str(promotion.status_at(promotion.seen_at).label)

    @display(description="Starts", ordering="starts_at")
    def starts(self, promotion: Promotion) -> str:
        return format_moment(promotion.starts_at)

    @display(description="Ends", ordering="ends_at")
    def ends(self, promotion: Promotion) -> str:
        return format_moment(promotion.stopped_at or promotion.ends_at)

    @display(description="Redemptions", ordering="redemptions", header=True)
    def redeemed(self, promotion: Promotion) -> list[str]:
        budget = describe_budget(promotion)
        return [describe_redemptions(promotion), f"Budget: {budget}" if budget else ""]

    @display(description="Cost", ordering=Coalesce("results_cost", 0, output_field=DecimalField()))
    def total_cost(self, promotion: Any) -> str:
        return describe_sum(promotion.results_cost, promotion.currency)

    @display(description="Sales", ordering=Coalesce("results_sales", 0, output_field=DecimalField()))
    def total_sales(self, promotion: Any) -> str:
        return describe_sum(promotion.results_sales, promotion.currency)


def describe_sum(amount: Decimal | None, currency: str) -> str:
    """Format an amount, rounded half up to the decimals of its currency; a dash for None."""
    if amount is None:
        return "–"
    return f"{amount.quantize(minor_unit(currency), rounding=ROUND_HALF_UP) + 0:,f} {currency}"
