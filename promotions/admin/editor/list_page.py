"""The list of a family's promotions: its columns, and what they need."""

from typing import Any, ClassVar

from django.db.models import TextChoices, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from consumers.admin.framework.formatting import format_moment
from consumers.admin.framework.pages import account_of
from consumers.types import Rows
from promotions.admin.editor.evaluation_time import (
    NOT_MEASURED,
    describe_ratio,
    evaluation_time_of,
    format_milliseconds,
    may_see_evaluation_time,
)
from promotions.admin.editor.header import STATUS_COLOURS, describe_redemptions
from promotions.models import Promotion
from promotions.selectors.profiling import EvaluationTime, evaluation_time_median, promotions_with_evaluation_time


class PromotionListMixin:
    """The columns of a list of promotions, for ``PromotionAdmin``."""

    types: ClassVar[type[TextChoices]]
    list_display = ("title", "type_label", "status_label", "starts", "ends", "redeemed")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        columns: tuple[str, ...] = super().get_list_display(request)  # type: ignore[misc]
        own = len(self.list_display)
        return (*columns[:own], "server_time", *columns[own:]) if may_see_evaluation_time(request) else columns

    def get_queryset(self, request: HttpRequest) -> Rows:
        # The clock is read once for all rows of a page.
        rows: Rows = super().get_queryset(request)  # type: ignore[misc]
        promotions: Rows = promotions_with_evaluation_time(rows.annotate(seen_at=Value(timezone.now())))
        return promotions

    def get_changelist_instance(self, request: HttpRequest) -> object:
        changelist = super().get_changelist_instance(request)  # type: ignore[misc]
        if not may_see_evaluation_time(request):
            return changelist
        # The account's median is the same for all rows of a page.
        median = evaluation_time_median(account_id=account_of(request).pk, at=timezone.now())
        for promotion in changelist.result_list:
            promotion.evaluation_time = evaluation_time_of(promotion, median=median)
        return changelist

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

    @display(description="Redemptions", ordering="redemptions")
    def redeemed(self, promotion: Promotion) -> str:
        return describe_redemptions(promotion)

    @display(description="Server time", ordering=Coalesce("cost_nanoseconds", -1.0), header=True)
    def server_time(self, promotion: Any) -> list[str]:
        time: EvaluationTime | None = promotion.evaluation_time
        if time is None:
            return [NOT_MEASURED, ""]
        return [format_milliseconds(time.nanoseconds), describe_ratio(time, "the median")]
