"""``consumers/{consumer_id}/points-adjustments`` and ``points-adjustments/bulk``."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from consumers.api.framework.fields import MomentField, ReferenceField, TextField, WholeField
from consumers.api.framework.parsers import KIBIBYTE
from consumers.api.framework.serializers import Input, Output
from consumers.api.framework.views import MAX_ROWS, ApiView
from consumers.api.v1.consumers import ConsumerView
from consumers.lengths import MAX_CONSUMER_ID_LENGTH, MAX_REASON_LENGTH, MAX_REFERENCE_LENGTH
from loyalty.models import LedgerEntry
from loyalty.selectors.points import adjustments_of
from loyalty.services.points.adjustment import MAX_ADJUSTMENT_POINTS, points_adjust
from loyalty.services.points.bulk_adjustment import AdjustmentValues, points_adjust_all


class SignedPoints(WholeField):
    """A number of points to add, or to take away below zero."""

    default_error_messages = {"zero": "An adjustment by nothing is none."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=-MAX_ADJUSTMENT_POINTS, max_value=MAX_ADJUSTMENT_POINTS, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        points = super().to_internal_value(data)
        if not points:
            self.fail("zero")
        return points


class AdjustmentInput(Input):
    """A correction of a balance."""

    reference = ReferenceField(
        max_length=MAX_REFERENCE_LENGTH, help_text="Unique for the consumer: repeating it has no further effect."
    )
    points = SignedPoints()
    description = TextField(max_length=MAX_REASON_LENGTH, allow_blank=True, default="")


class AdjustmentOutput(Output):
    """A correction of a balance."""

    reference = serializers.CharField()
    points = serializers.IntegerField()
    description = serializers.CharField()
    at = MomentField()


class AdjustmentAnswer(AdjustmentOutput):
    """A correction of a balance, with the balance now."""

    balance = serializers.IntegerField()


class AdjustmentRow(AdjustmentInput):
    """A correction of the balance of one of many consumers."""

    consumer = TextField(max_length=MAX_CONSUMER_ID_LENGTH, trim_whitespace=False)


class BulkAdjustmentOutput(Output):
    """What a bulk call wrote."""

    created = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="How many an earlier call had recorded under the same reference.")


class PointsAdjustmentsBulk(ApiView):
    """Corrections of the balances of many consumers."""

    input_class = AdjustmentRow
    output_class = BulkAdjustmentOutput
    max_rows = MAX_ROWS
    conflict_codes = {"POST": ("reference_reused",)}

    @extend_schema(request=AdjustmentRow(many=True), responses={200: BulkAdjustmentOutput})
    def post(self, request: Request) -> Response:
        """Adjust up to 10,000 balances, such as opening balances: all of them or none, each reference once."""
        rows = self.documents(AdjustmentRow(), key=("consumer", "reference"))
        adjusted = points_adjust_all(
            account=self.account,
            rows=[AdjustmentValues(consumer_id=row.pop("consumer"), **row) for row in rows],
            at=timezone.now(),
        )
        return Response({"created": len(adjusted.entries), "unchanged": adjusted.unchanged})


class PointsAdjustments(ConsumerView):
    """Corrections of one consumer's balance."""

    input_class = AdjustmentInput
    output_class = AdjustmentOutput
    max_body_bytes = 64 * KIBIBYTE
    conflict_codes = {"POST": ("reference_reused",)}
    search_fields = ("reference", "description")
    ordering_fields = ("at",)
    default_ordering = "-at"
    is_list = True
    queryset = LedgerEntry.objects.none()

    def get(self, request: Request, consumer_id: str) -> Response:
        """List the points adjustments of the consumer, newest first."""
        return self.page(adjustments_of(consumer=self.consumer()))

    @extend_schema(responses={200: AdjustmentAnswer, 201: AdjustmentAnswer})
    def post(self, request: Request, consumer_id: str) -> Response:
        """Add points to the balance, or take some away (201); the same reference again changes nothing (200)."""
        made = points_adjust(
            account=self.account, consumer_id=consumer_id, at=timezone.now(), **self.document(AdjustmentInput)
        )
        answer = {**AdjustmentOutput(made.entry).data, "balance": made.balance}
        return Response(answer, status=status.HTTP_201_CREATED if made.created else status.HTTP_200_OK)
